"""Task 3: a few images of each class, a method, and the classes' texts.

Whatever fits or chooses is given the training split alone: no function here takes a test image before a method
has been fitted, and then without its label.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from steeldefectx.benchmark.controls import shuffle_texts
from steeldefectx.benchmark.grid import ENSEMBLE, Cell
from steeldefectx.data import duplicates
from steeldefectx.data.labelled import CLASS_LEVELS, Data, Split, class_texts
from steeldefectx.data.splits import few_shot_draw
from steeldefectx.errors import DataError
from steeldefectx.features.encoding import Features
from steeldefectx.features.pixels import PixelStore
from steeldefectx.language.class_sentences import class_sentences
from steeldefectx.methods import load_method
from steeldefectx.methods.interface import Classes, Examples, Images, Predictor, Task
from steeldefectx.models.clip import feature_width

VIEWS = 10
"""Varied views of each shot, as many as Tip-Adapter's augmented passes (Zhang et al. 2022)."""


def fit(cell: Cell, train: Split, classes: list[str], features: Features) -> tuple[Predictor, Split]:
    """Draw a cell's shots, and fit its method to them.

    Args:
        cell: Says method, shots, text level, seed, and whether settings are chosen. For the classes stand T0 and T1
            as they are, and of T2 and T3 the texts of the shots. Under a control, the shots' own texts are shuffled,
            not those that stand for the classes.
        train: The training split.
        classes: Class names.
        features: The model.

    Returns:
        The fitted method, and the shots.

    Raises:
        DataError: A shot without a text of the level, or a class without a shot.
        ConfigError: An unknown method, or settings that it does not have.
    """
    fit_method, level, shots = load_method(str(cell.method)), str(cell.test_text), cell.shots or 0
    photographs = [] if train.image_ids is None else duplicates.photographs(train.image_ids)
    drawn, held = few_shot_draw(train.labels, shots, cell.seed, photographs)
    shot_rows = _rows(train, drawn)
    texts = _class_texts(shot_rows if shots else train, classes, level, cell.t0_template)
    if cell.text_control:
        train = shuffle_texts(train, level, cell.text_control, cell.seed)
    task = Task(
        shots=_examples(_rows(train, drawn), features, level),
        validation=_examples(_rows(train, held), features, level) if cell.choose and len(held) else None,
        classes=Classes(classes, texts, features.classes(texts).cpu()),
        logit_scale=features.clip.model.logit_scale.exp().item(),
        seed=cell.seed,
        clip=features.clip,
        settings=cell.settings,
    )
    torch.manual_seed(cell.seed)
    return fit_method(task), shot_rows


def images_of(split: Split, features: Features) -> Images:
    """A split as methods see it: features and pixels, no labels."""
    return Images(features.images(split), _pixels(split, features))


def _rows(split: Split, positions: np.ndarray) -> Split:
    return split.part(np.isin(np.arange(len(split)), positions))


def _examples(split: Split, features: Features, level: str) -> Examples:
    if not len(split):
        nothing = torch.empty(0, feature_width(features.clip))
        return Examples(Images(nothing), torch.empty(0, dtype=torch.int64), nothing[None][:0])
    images = images_of(split, features)
    kind = "geometric" if level in (*CLASS_LEVELS, ENSEMBLE) else "photometric"
    views = [features.images(split, kind, view) for view in range(1, VIEWS + 1)]
    image_texts = None if kind == "geometric" else features.texts(split.level(level))
    return Examples(
        images=images,
        labels=torch.from_numpy(split.labels),
        views=torch.stack(views),
        texts=image_texts,
    )


def _pixels(split: Split, features: Features) -> Any:
    """Reads pixels once a method asks for them: most never do."""
    stores: list[PixelStore] = []

    def pixels(positions: torch.Tensor) -> torch.Tensor:
        if not stores:
            stores.append(PixelStore(split, features.clip))
        return stores[0].batch(positions.cpu().numpy())

    return pixels


def _class_texts(split: Split, classes: list[str], level: str, t0_template: str) -> list[list[str]]:
    if level == ENSEMBLE:
        return [class_sentences(name, t0_template) for name in classes]
    try:
        return class_texts(Data(classes, {"train": split}), level)
    except DataError as error:
        raise DataError(f"{error} A class needs a shot to be told by.") from error

"""Composed scenes for pretraining, two at a time: a scene, and the same with one attribute changed or another one.

Each comes with a text that is true of it and, where one can be made, the same text with one fact false.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from steeldefectx.language.lexicon.reading import names_without
from steeldefectx.language.scene_facts import SWAPS
from steeldefectx.language.scene_texts import SceneText, describe, swapped
from steeldefectx.language.scene_truth import code_scene, code_text, fact_labels, verdicts
from steeldefectx.pretrain.masks import shares
from steeldefectx.render.canvas import Rng
from steeldefectx.render.composed.compose import REDRAWN, ComposedScene, compose, redraw

REDRAWN_SHARE = 0.5
"""Share of the pairs whose second scene is the first with one attribute changed."""
TEXTS = 1
"""Texts of a scene."""
SWAPPED_OFTEN = ("location", "direction", "tone", "number")
"""Attributes whose values differ least in words and most in what is seen."""
OFTEN = 4.0
"""How much likelier they are swapped than others."""
KIND_SHARE = 0.4
"""Share of the texts in which nothing but sound and defect can be swapped that this is done with: these are half of all
texts, and told apart first."""
UNMAPPED = ("surface", "number", "contrast", "length", "softness")
"""Facts whose swap leaves something in the image that the text still means."""


class ComposedText(NamedTuple):
    """A text of a scene, with what it says, see :mod:`steeldefectx.language.scene_truth`."""

    text: str
    code: np.ndarray
    mapped: bool
    """Whether what it means is the scene's mask, or nothing in the scene if it is false."""


class ComposedRow(NamedTuple):
    """A composed scene with its texts."""

    image: np.ndarray
    """(H, W) uint8."""
    mask: np.ndarray
    """(H / 4, W / 4) uint8, 255 where all of a cell is of the defect."""
    code: np.ndarray
    """Its facts, see :mod:`steeldefectx.language.scene_truth`."""
    true: list[ComposedText]
    false: list[ComposedText]
    """Those of ``true`` with one fact false, where one can be made."""


@dataclass(frozen=True)
class ComposedBatch:
    """M composed images with T texts: the true ones of all images, then the false ones."""

    images: torch.Tensor
    """(M, H, W) uint8."""
    masks: torch.Tensor
    """(M, H / 4, W / 4) uint8."""
    texts: list[str]
    verdicts: torch.Tensor
    """(T, M) int8: 1 true, -1 false, 0 not known."""
    image_facts: torch.Tensor
    """(M, facts) int64 values, see :func:`~steeldefectx.language.scene_truth.fact_labels`; -1 where not known."""
    text_facts: torch.Tensor
    """(T, facts) int64 values that a text states."""
    of_image: torch.Tensor
    """(T,) int64: the image that a text was made for."""
    true: torch.Tensor
    """(T,) bool: whether it is true of that image."""
    mapped: torch.Tensor
    """(T,) bool: whether what the text means is the image's mask, or nothing in it for a false one."""


@lru_cache(maxsize=4)
def _names(held_out: tuple[str, ...]) -> tuple[str, ...]:
    return names_without(held_out)


def compose_pair(rng: Rng, size: int, held_out: tuple[str, ...]) -> list[ComposedRow]:
    """Two scenes.

    Args:
        rng: All that varies is drawn from it.
        size: Pixels a side.
        held_out: Names of the lexicon that are left out.
    """
    first = compose(rng, size, names=_names(held_out))
    second = None
    if rng.random() < REDRAWN_SHARE:
        for attribute in rng.permutation(REDRAWN)[:3]:
            second = redraw(first, str(attribute), rng)
            if second is not None:
                break
    return [_row(scene, rng) for scene in (first, second or compose(rng, size, names=_names(held_out)))]


def _row(scene: ComposedScene, rng: Rng) -> ComposedRow:
    true, false = [], []
    for text in (describe(scene.facts, rng) for _ in range(TEXTS)):
        true.append(ComposedText(text.text, code_text(text), True))
        wrong, attribute = _false_text(text, rng)
        if wrong is not None:
            false.append(ComposedText(wrong.text, code_text(wrong), attribute not in UNMAPPED))
    return ComposedRow(scene.image, shares(scene.mask), code_scene(scene.facts), true, false)


def _false_text(text: SceneText, rng: Rng) -> tuple[SceneText | None, str]:
    attributes = [*(attribute for attribute in SWAPS if attribute != "kind"), "absent"]
    weights = np.array([OFTEN if attribute in SWAPPED_OFTEN else 1.0 for attribute in attributes])
    for attribute in rng.choice(attributes, len(attributes), replace=False, p=weights / weights.sum()):
        false = swapped(text, str(attribute), rng)
        if false is not None:
            return false, str(attribute)
    return (swapped(text, "kind", rng), "kind") if rng.random() < KIND_SHARE else (None, "")


def collate_composed(rows: list[ComposedRow]) -> ComposedBatch:
    """Rows to a batch, with all pairs of a text and an image judged."""
    true = [(text, number) for number, row in enumerate(rows) for text in row.true]
    false = [(text, number) for number, row in enumerate(rows) for text in row.false]
    texts, of_image = [text for text, _ in true + false], [number for _, number in true + false]
    of_texts, of_scenes = np.stack([text.code for text in texts]), np.stack([row.code for row in rows])
    judged = verdicts(of_texts, of_scenes)
    is_true = np.arange(len(texts)) < len(true)
    judged[range(len(texts)), of_image] = np.where(is_true, 1, -1)
    return ComposedBatch(
        torch.from_numpy(np.stack([row.image for row in rows])),
        torch.from_numpy(np.stack([row.mask for row in rows])),
        [text.text for text in texts],
        torch.from_numpy(judged),
        torch.from_numpy(fact_labels(of_scenes)),
        torch.from_numpy(fact_labels(of_texts)),
        torch.tensor(of_image),
        torch.from_numpy(is_true),
        torch.tensor([text.mapped for text in texts]),
    )

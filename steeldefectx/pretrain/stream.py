"""The endless stream of rendered images with their texts.

What a row is follows from the seed and its number alone, and a batch's rows from the number of its step: whatever the
number of processes that render, and wherever a run is gone on from, it sees the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from steeldefectx.language.attributes import attributes_from_mask
from steeldefectx.language.class_wordings import clean_wording, every_wording, t0_wording, t1_wording
from steeldefectx.language.descriptions import write_texts
from steeldefectx.language.lexicon.reading import lexicon
from steeldefectx.models.tiny import DESCRIPTION_WORDS
from steeldefectx.pretrain.composed_stream import ComposedBatch, ComposedRow, collate_composed, compose_pair
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.pretrain.masks import shares
from steeldefectx.render.canvas import Rng
from steeldefectx.render.sample import render_sample
from steeldefectx.render.scenes import Scene, render_scene
from steeldefectx.taxonomy import CLASS_NAMES

TEXT_STREAM, CLASS_STREAM, COMPOSED_STREAM = 1, 2, 3
"""Keep apart the random numbers of texts, of a step's class texts and of composed scenes from those of images, stream
0."""
VOCABULARY_SCENES = 400
"""Scenes whose descriptions the vocabulary is learnt from."""


class Row(NamedTuple):
    """A rendered image."""

    image: np.ndarray
    """(H, W) uint8."""
    mask: np.ndarray
    """(H / 4, W / 4) uint8, 255 where all of a cell is of the defect."""
    label: int
    """Position of the class, after the last of them clean steel."""
    text: str | None
    """Its own T2 or T3, of the images that are described."""


@dataclass(frozen=True)
class Batch:
    """What a step learns from."""

    images: torch.Tensor
    """(N, H, W) uint8, of the classes."""
    masks: torch.Tensor
    """(N, H / 4, W / 4) uint8."""
    labels: torch.Tensor
    """(N,) int64, the last of clean steel."""
    texts: list[str]
    """The texts of the images that are described."""
    described: torch.Tensor
    """(len(texts),) int64: which images they are of."""
    composed: ComposedBatch | None
    """Images that are composed, if any are."""


class Scenes(Dataset["Row | list[ComposedRow]"]):
    """Rows by number: of the classes from 0 on, pairs of composed ones from -1 down."""

    def __init__(self, config: PretrainConfig):
        self.config = config

    def __getitem__(self, index: int) -> Row | list[ComposedRow]:
        """Render a row, or two."""
        config = self.config
        if index < 0:
            rng = np.random.default_rng([config.seed, COMPOSED_STREAM, -index])
            return compose_pair(rng, config.image_size, config.names_held_out)
        scene = draw(np.random.default_rng([config.seed, 0, index]), config)
        names = config.class_names
        label = len(names) if scene.class_name is None else names.index(scene.class_name)
        # Evenly spread over the rows, so that each batch has as many.
        described = int((index + 1) * config.described) > int(index * config.described)
        if not described or scene.class_name is None:
            return Row(scene.image, shares(scene.mask), label, None)
        rng = np.random.default_rng([config.seed, TEXT_STREAM, index])
        return Row(scene.image, shares(scene.mask), label, describe(scene, rng, config.t2))


def draw(rng: Rng, config: PretrainConfig) -> Scene:
    """A scene as the settings want it."""
    names = config.class_names
    if config.renderer == "varied" and len(names) == len(CLASS_NAMES):
        return render_scene(rng, config.image_size)
    name = names[rng.integers(len(names))]
    if config.renderer == "varied":
        return render_scene(rng, config.image_size, name)
    return render_sample(name, rng, config.image_size)


def describe(scene: Scene, rng: Rng, t2: float) -> str:
    """The T3 text of a scene with a defect, or with probability ``t2`` its T2."""
    assert scene.class_name is not None
    texts = write_texts(scene.class_name, attributes_from_mask(scene.image, scene.mask), scene.depth, rng)
    return texts.t2 if rng.random() < t2 else texts.t3


def class_texts(config: PretrainConfig, step: int) -> dict[str, list[str]]:
    """A text for each class and clean steel, in the order of the labels, for each level; worded anew for each step."""
    rng = np.random.default_rng([config.seed, CLASS_STREAM, step])
    wordings = {"T0": t0_wording, "T1": t1_wording}
    return {
        level: [*(wordings[level](name, rng) for name in config.class_names), clean_wording(rng)]
        for level in config.levels
    }


def corpus(config: PretrainConfig) -> list[str]:
    """What the vocabulary is learnt from: all wordings of classes, the lexicon, and descriptions of some scenes."""
    scenes = (render_scene(np.random.default_rng([config.seed, TEXT_STREAM, i]), 64) for i in range(VOCABULARY_SCENES))
    rng = np.random.default_rng(config.seed)
    texts = [*every_wording(), DESCRIPTION_WORDS, *(describe(s, rng, 0) for s in scenes if s.class_name)]
    if not config.composed:
        return texts
    pairs = (np.random.default_rng([config.seed, COMPOSED_STREAM, i]) for i in range(VOCABULARY_SCENES))
    rows = [row for rng in pairs for row in compose_pair(rng, 64, ())]
    entries = [", ".join([*entry.names, *entry.looks]) for entry in lexicon().values()]
    return [*texts, *entries, *(text.text for row in rows for text in row.true + row.false)]


def collate(mixed: list[Row | list[ComposedRow]]) -> Batch:
    """Rows to a batch."""
    rows = [row for row in mixed if isinstance(row, Row)]
    composed = [row for pair in mixed if not isinstance(pair, Row) for row in pair]
    described = [number for number, row in enumerate(rows) if row.text is not None]
    return Batch(
        torch.from_numpy(np.stack([row.image for row in rows])),
        torch.from_numpy(np.stack([row.mask for row in rows])),
        torch.tensor([row.label for row in rows]),
        [row.text for row in rows if row.text is not None],
        torch.tensor(described, dtype=torch.int64),
        collate_composed(composed) if composed else None,
    )


class _Steps:
    """The numbers of the rows of each step, from a step on."""

    def __init__(self, config: PretrainConfig, first: int):
        self.config, self.first = config, first

    def __iter__(self) -> Iterator[list[int]]:
        pairs = self.config.composed_pairs
        size = self.config.batch_size - 2 * pairs
        for step in range(self.first, self.config.steps):
            of_classes = range(step * size, (step + 1) * size)
            yield [*of_classes, *(-1 - pair for pair in range(step * pairs, (step + 1) * pairs))]


def batches(config: PretrainConfig, first: int = 0) -> Iterator[Batch]:
    """The batches of a run from step ``first`` on, rendered ahead by ``config.workers`` processes."""
    return iter(
        DataLoader(
            Scenes(config),
            batch_sampler=_Steps(config, first),
            num_workers=config.workers,
            prefetch_factor=4 if config.workers else None,
            collate_fn=collate,
            worker_init_fn=start_renderer,
        )
    )


def start_renderer(_: int) -> None:
    """A process that renders leaves the cores to the one that trains when both want them."""
    torch.set_num_threads(1)
    os.nice(5)

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
from steeldefectx.models.tiny import DESCRIPTION_WORDS
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.render.canvas import Rng
from steeldefectx.render.sample import render_sample
from steeldefectx.render.scenes import Scene, render_scene
from steeldefectx.taxonomy import CLASS_NAMES

CLEAN_LABEL = len(CLASS_NAMES)
"""Label of steel without a defect, after the 25 classes."""
TEXT_STREAM, CLASS_STREAM = 1, 2
"""Keep apart the random numbers of texts and of a step's class texts from those of images, stream 0."""
VOCABULARY_SCENES = 400
"""Scenes whose descriptions the vocabulary is learnt from."""


class Row(NamedTuple):
    """A rendered image."""

    image: np.ndarray
    """(H, W) uint8."""
    label: int
    """0..25, the last of clean steel."""
    text: str | None
    """Its own T2 or T3, of the images that are described."""


@dataclass(frozen=True)
class Batch:
    """What a step learns from."""

    images: torch.Tensor
    """(N, H, W) uint8."""
    labels: torch.Tensor
    """(N,) int64, 0..25."""
    texts: list[str]
    """The texts of the images that are described."""
    described: torch.Tensor
    """(len(texts),) int64: which images they are of."""


class Scenes(Dataset[Row]):
    """Rows by number."""

    def __init__(self, config: PretrainConfig):
        self.config = config

    def __getitem__(self, index: int) -> Row:
        """Render a row."""
        config = self.config
        scene = draw(np.random.default_rng([config.seed, 0, index]), config)
        label = CLEAN_LABEL if scene.class_name is None else CLASS_NAMES.index(scene.class_name)
        # Evenly spread over the rows, so that each batch has as many.
        described = int((index + 1) * config.described) > int(index * config.described)
        if not described or scene.class_name is None:
            return Row(scene.image, label, None)
        rng = np.random.default_rng([config.seed, TEXT_STREAM, index])
        return Row(scene.image, label, describe(scene, rng, config.t2))


def draw(rng: Rng, config: PretrainConfig) -> Scene:
    """A scene as the settings want it."""
    if config.renderer == "varied":
        return render_scene(rng, config.image_size)
    return render_sample(CLASS_NAMES[rng.integers(len(CLASS_NAMES))], rng, config.image_size)


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
        level: [*(wordings[level](name, rng) for name in CLASS_NAMES), clean_wording(rng)] for level in config.levels
    }


def corpus(config: PretrainConfig) -> list[str]:
    """What the vocabulary is learnt from: all wordings of classes, and descriptions of some scenes."""
    scenes = (render_scene(np.random.default_rng([config.seed, TEXT_STREAM, i]), 64) for i in range(VOCABULARY_SCENES))
    rng = np.random.default_rng(config.seed)
    return [*every_wording(), DESCRIPTION_WORDS, *(describe(s, rng, 0) for s in scenes if s.class_name)]


def collate(rows: list[Row]) -> Batch:
    """Rows to a batch."""
    described = [number for number, row in enumerate(rows) if row.text is not None]
    return Batch(
        torch.from_numpy(np.stack([row.image for row in rows])),
        torch.tensor([row.label for row in rows]),
        [row.text for row in rows if row.text is not None],
        torch.tensor(described, dtype=torch.int64),
    )


class _Steps:
    """The numbers of the rows of each step, from a step on."""

    def __init__(self, config: PretrainConfig, first: int):
        self.config, self.first = config, first

    def __iter__(self) -> Iterator[list[int]]:
        size = self.config.batch_size
        return (list(range(step * size, (step + 1) * size)) for step in range(self.first, self.config.steps))


def batches(config: PretrainConfig, first: int = 0) -> Iterator[Batch]:
    """The batches of a run from step ``first`` on, rendered ahead by ``config.workers`` processes."""
    return iter(
        DataLoader(
            Scenes(config),
            batch_sampler=_Steps(config, first),
            num_workers=config.workers,
            prefetch_factor=4 if config.workers else None,
            collate_fn=collate,
            worker_init_fn=_start,
        )
    )


def _start(_: int) -> None:
    """A process that renders leaves the cores to the one that trains when both want them."""
    torch.set_num_threads(1)
    os.nice(5)

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
from steeldefectx.language.scene_truth import code_scene, code_text, verdicts
from steeldefectx.pretrain.masks import shares
from steeldefectx.render.canvas import Rng
from steeldefectx.render.composed.compose import REDRAWN, ComposedScene, compose, redraw

REDRAWN_SHARE = 0.5
"""Share of the pairs whose second scene is the first with one attribute changed."""
UNMAPPED = ("surface", "number", "contrast", "length", "softness")
"""Facts whose swap leaves something in the image that the text still means."""


class ComposedRow(NamedTuple):
    """A composed scene with its texts."""

    image: np.ndarray
    """(H, W) uint8."""
    mask: np.ndarray
    """(H / 4, W / 4) uint8, 255 where all of a cell is of the defect."""
    code: np.ndarray
    """Its facts, see :mod:`steeldefectx.language.scene_truth`."""
    text: str
    text_code: np.ndarray
    false_text: str | None
    """The text with one fact false."""
    false_code: np.ndarray | None
    false_map: bool
    """Whether nothing in the image is what the false text means."""


@dataclass(frozen=True)
class ComposedBatch:
    """M composed images with T texts: one of each, then the false ones."""

    images: torch.Tensor
    """(M, H, W) uint8."""
    masks: torch.Tensor
    """(M, H / 4, W / 4) uint8."""
    texts: list[str]
    verdicts: torch.Tensor
    """(T, M) int8: 1 true, -1 false, 0 not known."""
    of_image: torch.Tensor
    """(T,) int64: the image that a text was made for."""
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
    text = describe(scene.facts, rng)
    false, attribute = _false_text(text, rng)
    return ComposedRow(
        scene.image,
        shares(scene.mask),
        code_scene(scene.facts),
        text.text,
        code_text(text),
        None if false is None else false.text,
        None if false is None else code_text(false),
        attribute not in UNMAPPED,
    )


def _false_text(text: SceneText, rng: Rng) -> tuple[SceneText | None, str]:
    for attribute in rng.permutation([*SWAPS, "absent"]):
        false = swapped(text, str(attribute), rng)
        if false is not None:
            return false, str(attribute)
    return None, ""


def collate_composed(rows: list[ComposedRow]) -> ComposedBatch:
    """Rows to a batch, with all pairs of a text and an image judged."""
    false = [number for number, row in enumerate(rows) if row.false_text is not None]
    codes = [row.text_code for row in rows] + [rows[number].false_code for number in false]
    judged = verdicts(np.stack(codes), np.stack([row.code for row in rows]))  # type: ignore[arg-type]
    of_image = [*range(len(rows)), *false]
    judged[range(len(rows)), range(len(rows))] = 1
    judged[range(len(rows), len(of_image)), false] = -1
    return ComposedBatch(
        torch.from_numpy(np.stack([row.image for row in rows])),
        torch.from_numpy(np.stack([row.mask for row in rows])),
        [row.text for row in rows] + [str(rows[number].false_text) for number in false],
        torch.from_numpy(judged),
        torch.tensor(of_image),
        torch.tensor([True] * len(rows) + [rows[number].false_map for number in false]),
    )

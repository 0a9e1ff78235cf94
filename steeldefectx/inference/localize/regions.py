"""Regions of a frame that a map marks: their outlines, and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage
from skimage import measure

from steeldefectx.inference.localize.tiling import CELL, enlarged
from steeldefectx.language.attributes import Attributes, attributes_from_mask
from steeldefectx.language.descriptions import describe_region

EIGHT_CONNECTED = np.ones((3, 3), bool)
GAP = 2
"""Cells up to which a gap within a region is closed: where tiles meet a line may be broken."""
LEAST_CELLS = 6
"""Cells that a region has at least."""
CLOSENESS = 0.5
"""Pixels by which an outline may be off."""


@dataclass(frozen=True)
class Region:
    """A part of a frame that is marked as one."""

    box: tuple[int, int, int, int]
    """Left, top, right, bottom, in pixels of the frame."""
    polygon: list[tuple[float, float]]
    """Its outer outline, x and y in pixels of the frame."""
    area: int
    """Pixels."""
    score: float
    """0..1, the mean of the map over it."""
    place: tuple[slice, slice] = field(repr=False, compare=False)
    """Rows and columns of the map that it is in."""
    own: np.ndarray = field(repr=False, compare=False)
    """(rows, columns) bool: its cells there."""
    label: str | None = None
    """The class, where one is told apart; None: unknown."""
    probability: float | None = None
    """Of the class, 0..1."""
    sentence: str | None = None
    """What it looks like, in words."""
    attributes: Attributes | None = field(default=None, repr=False)


def marked_cells(values: np.ndarray, threshold: float) -> np.ndarray:
    """(rows, columns) bool: cells that a map (rows, columns) marks, small gaps closed."""
    marked = np.pad(values >= threshold, GAP + 1)  # closing would eat what touches the border
    return ndimage.binary_closing(marked, EIGHT_CONNECTED, GAP)[GAP + 1 : -GAP - 1, GAP + 1 : -GAP - 1]


def full_mask(values: np.ndarray, size: tuple[int, int], threshold: float) -> np.ndarray:
    """(H, W) bool: what a map marks, at the frame's own resolution.

    Args:
        values: (rows, columns).
        size: Width and height of the frame.
        threshold: Value from which a place is marked.
    """
    mask = np.empty((size[1], size[0]), bool)
    for rows, some in enlarged(values, size):
        mask[rows] = some >= threshold
    return mask


def find_regions(values: np.ndarray, size: tuple[int, int], threshold: float, least_score: float = 0.0) -> list[Region]:
    """The regions that a map marks, the highest score first.

    Args:
        values: (rows, columns), a value for each cell of :data:`~.tiling.CELL` pixels.
        size: Width and height of the frame.
        threshold: Value from which a cell is marked.
        least_score: Of a region.
    """
    labels, _ = ndimage.label(marked_cells(values, threshold), EIGHT_CONNECTED)
    found = []
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        own = labels[place] == number
        score = float(values[place][own].mean())
        if np.count_nonzero(own) < LEAST_CELLS or score < least_score:
            continue
        outline = _outline(own, place, size)
        x, y = np.array(outline).T
        box = int(np.floor(x.min())), int(np.floor(y.min())), int(np.ceil(x.max())), int(np.ceil(y.max()))
        area = min(int(np.count_nonzero(own)) * CELL**2, (box[2] - box[0]) * (box[3] - box[1]))
        found.append(Region(box, outline, area, score, place, own))
    return sorted(found, key=lambda region: -region.score)


def described(region: Region, grey: np.ndarray, coarser: int = 1) -> Region:
    """A region with its attributes and the sentence that they make.

    Args:
        region: Of :func:`find_regions`.
        grey: (rows, columns) uint8, grey levels of the whole frame.
        coarser: Cells a side that each of them is the mean of.
    """
    marked = np.zeros(grey.shape, bool)
    rows, columns = np.nonzero(region.own)
    marked[(rows + region.place[0].start) // coarser, (columns + region.place[1].start) // coarser] = True
    attributes = attributes_from_mask(grey, marked)
    return replace(region, attributes=attributes, sentence=describe_region(region.label, attributes))


def _outline(own: np.ndarray, place: tuple[slice, slice], size: tuple[int, int]) -> list[tuple[float, float]]:
    """The outer outline of a region in pixels, clockwise from its first point, which is not repeated."""
    contours = measure.find_contours(np.pad(own, 1).astype(np.float32), 0.5)
    longest = max(contours, key=len)
    simpler = measure.approximate_polygon(longest, CLOSENESS / CELL)
    if len(simpler) < 4:
        simpler = longest
    rows, columns = (simpler[:-1] - 0.5).T  # the padding and the middle of a cell
    y = np.clip((rows + place[0].start) * CELL, 0, size[1])
    x = np.clip((columns + place[1].start) * CELL, 0, size[0])
    return [(round(float(a), 1), round(float(b), 1)) for a, b in zip(x, y, strict=True)]

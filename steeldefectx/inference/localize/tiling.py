"""Frames of any size as overlapping square tiles, and the tiles' maps as one map again.

A map has a value for each cell of ``CELL`` x ``CELL`` pixels: 16,384 x 2,048 pixels are 34 MB of it. Tiles lie on whole
cells, so that the same part of a frame gets the same map wherever its tile begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

CELL = 2
"""Pixels a side of a map's cell, at the frame's own resolution."""
WHOLE = 2
"""Up to so many times what a model takes, a frame's shorter side is seen in one tile."""
COARSER = 4
"""A coarser pass has tiles of so many times the side."""


@dataclass(frozen=True)
class Tile:
    """A square part of a frame, in pixels."""

    left: int
    top: int
    side: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        return self.left, self.top, self.left + self.side, self.top + self.side


def tile_sides(size: tuple[int, int], side: int) -> list[int]:
    """Sides of the tiles of each pass, the finest first: what is larger than one tile is seen in a coarser pass.

    Args:
        size: Width and height of a frame.
        side: Pixels a side that a model takes.

    Returns:
        ``side`` and its multiples by :data:`COARSER`, up to the one that has the frame's shorter side in it; of a frame
        that is not much larger than ``side`` its shorter side alone, for parts of it would show too little.
    """
    shorter = min(size)
    if shorter <= WHOLE * side:
        return [shorter]
    sides = [side]
    while sides[-1] < shorter and sides[-1] * COARSER <= 2 * shorter:
        sides.append(min(sides[-1] * COARSER, shorter))
    return sides


def tiles(size: tuple[int, int], side: int, overlap: float = 0.5) -> list[Tile]:
    """Tiles that cover a frame, row by row; the last of a row or column ends with the frame.

    Args:
        size: Width and height of the frame.
        side: Of the tiles, at most the shorter of the two.
        overlap: Share of its side by which a tile overlaps the next at least, 0 to less than 1.
    """
    starts = [_starts(length, side, overlap) for length in size]
    return [Tile(left, top, side) for top, left in product(starts[1], starts[0])]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    step = max(min(side, CELL), int(side * (1 - overlap)) // CELL * CELL)
    last = max(0, length - side)
    starts = list(range(0, last, step))
    return [*starts, last]


class StitchedMap:
    """One map of a frame from those of its tiles: where tiles overlap, a mean that trusts their middles most.

    Args:
        size: Width and height of the frame.
    """

    def __init__(self, size: tuple[int, int]):
        self.shape = -(-size[1] // CELL), -(-size[0] // CELL)
        self._sum = np.zeros(self.shape, np.float32)
        self._weight = np.zeros(self.shape, np.float32)

    def add(self, tile: Tile, values: np.ndarray) -> None:
        """Add a tile's map (h, w), of any resolution."""
        rows, columns = (slice(start // CELL, -(-(start + tile.side) // CELL)) for start in (tile.top, tile.left))
        shape = self._sum[rows, columns].shape
        weight = np.outer(*(_tent(length) for length in shape))
        self._sum[rows, columns] += weight * resized(values, shape)
        self._weight[rows, columns] += weight

    def values(self) -> np.ndarray:
        """(rows, columns) float32 of the whole frame."""
        return self._sum / np.maximum(self._weight, np.finfo(np.float32).tiny)


def _tent(length: int) -> np.ndarray:
    """Weights that fall from the middle to the ends, all above 0."""
    place = (np.arange(length, dtype=np.float32) + 0.5) / length
    return np.minimum(place, 1 - place) + 0.02


def resized(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A map (h, w) at another resolution, by bilinear interpolation between the middles of its cells."""
    if values.shape == shape:
        return values.astype(np.float32)
    rows, columns = (_weights(old, new) for old, new in zip(values.shape, shape, strict=True))
    return rows @ values.astype(np.float32) @ columns.T


def _weights(old: int, new: int) -> np.ndarray:
    """(new, old) weights of linear interpolation; a mean over the cells that fall together, if there are fewer new."""
    if new < old:
        edges = np.linspace(0, old, new + 1)
        cells = np.arange(old)
        covered = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
        covered = np.clip(covered, 0, None)
        return (covered / covered.sum(1, keepdims=True)).astype(np.float32)
    place = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    below = np.minimum(place.astype(int), max(0, old - 2))
    share = (place - below).astype(np.float32)
    weights = np.zeros((new, old), np.float32)
    weights[np.arange(new), below] = 1 - share
    if old > 1:
        weights[np.arange(new), below + 1] += share
    return weights


def enlarged(values: np.ndarray, size: tuple[int, int], rows_at_once: int = 256) -> Iterator[tuple[slice, np.ndarray]]:
    """A map at the frame's own resolution, some rows at a time.

    Args:
        values: (rows, columns) of :class:`StitchedMap`.
        size: Width and height of the frame.
        rows_at_once: Of the frame.

    Yields:
        Rows of the frame, and their values (rows, width).
    """
    width, height = size
    of_rows = _weights(values.shape[0], values.shape[0] * CELL)[:height]
    of_columns = _weights(values.shape[1], values.shape[1] * CELL)[:width]
    by_column = values @ of_columns.T
    for start in range(0, height, rows_at_once):
        rows = slice(start, min(start + rows_at_once, height))
        yield rows, of_rows[rows] @ by_column

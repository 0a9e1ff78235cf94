"""Masks at the size of the map of local features."""

from __future__ import annotations

import numpy as np

STRIDE = 4
"""Pixels a side of a cell of the map."""


def shares(mask: np.ndarray, stride: int = STRIDE) -> np.ndarray:
    """(H / stride, W / stride) uint8: how much of each cell a mask (H, W) bool covers, 255 for all of it."""
    height, width = mask.shape
    cells = mask.reshape(height // stride, stride, width // stride, stride)
    return (cells.mean(axis=(1, 3)) * 255).round().astype(np.uint8)

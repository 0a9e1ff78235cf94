"""A surface to draw on, and a drawn defect that is to be added to it.

Coordinates are fractions of the image side (x to the right, y downwards), so that a drawing looks the same at every
size; grey levels are floats on the scale 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Rng = np.random.Generator


@dataclass(frozen=True)
class Canvas:
    """Clean steel to draw on; all arrays are (H, W) float32."""

    pixels: Array
    """Grey levels, about 60..210."""
    x: Array
    """Column of every pixel's middle as a fraction, 0..1."""
    y: Array
    """Row of every pixel's middle as a fraction, 0..1."""

    @property
    def size(self) -> int:
        """Pixels a side."""
        return len(self.pixels)


@dataclass(frozen=True)
class Layer:
    """A drawn defect, to be added to its canvas."""

    change: Array
    """Grey levels to add, (H, W) float32."""
    mask: Array
    """The defect's pixels, (H, W) bool."""


def paint(alpha: Array, change: Array | float) -> Layer:
    """The layer of a shape of opacity ``alpha`` (H, W) in 0..1 that changes the grey level by ``change``."""
    return Layer((alpha * change).astype(np.float32), alpha >= 0.5)

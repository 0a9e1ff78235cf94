"""What marks are drawn with: a field of distances to the nearest outline, filled window by window.

Lengths are fractions of the image's side; x is to the right, y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steeldefectx.render.canvas import Array, Rng
from steeldefectx.render.noise import noise

FAR = -1.0
"""Distance where nothing was drawn."""
MARGIN = 0.05
"""How far around a mark its distances are needed: soft edges reach so far."""


@dataclass(frozen=True)
class Mark:
    """Where one mark is drawn."""

    x: float
    y: float
    """Its middle."""
    extent: float
    """Its length, or its diameter."""
    angle: float
    """Radians from the x axis, clockwise."""


@dataclass(frozen=True)
class Window:
    """A part of the field, and the coordinates of its pixels in a mark's axes."""

    rows: slice
    columns: slice
    u: Array
    """(h, w) float32, along the mark, 0 in its middle."""
    v: Array
    """(h, w) float32, across it."""

    @property
    def radius(self) -> Array:
        """(h, w) distance from the mark's middle."""
        return np.sqrt(self.u * self.u + self.v * self.v)

    @property
    def empty(self) -> bool:
        """Whether the mark lies outside the image."""
        return self.u.size == 0


class Pen:
    """Draws marks."""

    def __init__(self, size: int, rng: Rng, zoom: float = 1.0):
        self.size, self.rng, self.zoom = size, rng, zoom
        self.pixel = 1 / size
        self.distance = np.full((size, size), FAR, np.float32)
        """(H, W) positive inside, in fractions of the side: how far the nearest outline is."""
        self.inner = np.zeros((size, size), np.float32)
        """(H, W) -1..1: what is light and dark within the marks."""
        self.middle = (np.arange(size, dtype=np.float32) + 0.5) / size
        self._ragged: dict[int, Array] = {}

    def window(self, mark: Mark, along: float, across: float) -> Window:
        """The part of the field around a mark.

        Args:
            mark: Its middle and angle.
            along: How far the mark reaches from its middle along its axis.
            across: How far across it.
        """
        cos, sin = np.float32(np.cos(mark.angle)), np.float32(np.sin(mark.angle))
        reach_x = float(abs(cos) * along + abs(sin) * across + MARGIN)
        reach_y = float(abs(sin) * along + abs(cos) * across + MARGIN)
        columns, rows = self._slice(mark.x, reach_x), self._slice(mark.y, reach_y)
        x, y = self.middle[columns] - np.float32(mark.x), (self.middle[rows] - np.float32(mark.y))[:, None]
        return Window(
            rows, columns, x * np.float32(cos) + y * np.float32(sin), y * np.float32(cos) - x * np.float32(sin)
        )

    def _slice(self, middle: float, reach: float) -> slice:
        low, high = int((middle - reach) * self.size), int((middle + reach) * self.size) + 1
        return slice(min(max(low, 0), self.size), min(max(high, 0), self.size))

    def add(self, window: Window, distance: Array, inner: Array | float = 0.0) -> None:
        """Draw a mark where it is nearer than what is there.

        Args:
            window: From :meth:`window`.
            distance: (h, w) positive inside the mark.
            inner: (h, w) light and dark within it, -1..1.
        """
        old = self.distance[window.rows, window.columns]
        nearer = distance > old
        np.copyto(old, distance.astype(np.float32, copy=False), where=nearer)
        np.copyto(self.inner[window.rows, window.columns], np.float32(inner), where=nearer, casting="unsafe")

    def ragged(self, window: Window, knots: int) -> Array:
        """Noise (h, w) for uneven outlines, of about ``knots`` bumps along the image's side; mean 0, deviation 0.7."""
        field = self._ragged.get(knots)
        if field is None:
            field = self._ragged[knots] = noise(self.rng, self.size, knots, knots)
        return field[window.rows, window.columns]

    def thickness(self, low: float, high: float) -> float:
        """Half the width of a line, log-uniform, never under what shows."""
        width = self.zoom * float(np.exp(self.rng.uniform(np.log(low), np.log(high))))
        return max(width, 0.62 * self.pixel)

    def course(self, u: Array, half: float, bend: float, knots: int) -> Array:
        """A random course: how far it strays at each place along it.

        Args:
            u: Places (h, w) along it.
            half: Half its length.
            bend: Deviation, in fractions of the side.
            knots: Turns.
        """
        places = np.linspace(-half, half, knots + 1, dtype=np.float32)
        strays = bend * self.rng.standard_normal(knots + 1)
        return np.interp(u.ravel(), places, strays - strays.mean()).astype(np.float32).reshape(u.shape)

"""Clean steel and the strokes, blobs and particles that synthetic defects are drawn with.

Everything works on whole arrays. Coordinates are fractions of the image side (x to the right, y downwards),
so that a drawing looks the same at every size; grey levels are floats on the scale 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Array = np.ndarray
Rng = np.random.Generator

GREY = (85.0, 170.0)
"""Range of the mean grey level of clean steel."""
GRAIN = (1.5, 7.0)
"""Range of the standard deviation of the rolling grain, in grey levels."""
MOTTLE = (1.0, 4.5)
"""Range of the standard deviation of the cloudy unevenness, in grey levels."""
LIGHT = (4.0, 12.0)
"""Range of the illumination gradient: grey levels from the middle to the brightest side."""
HORIZONTAL_GRAIN = 0.25
"""Share of images whose rolling direction is horizontal instead of vertical."""


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


def steel(rng: np.random.Generator, size: int) -> Canvas:
    """Clean steel: rolling grain, mottling and uneven light, no defect and no sensor noise yet."""
    middle = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.broadcast_to(middle, (size, size)), np.broadcast_to(middle[:, None], (size, size))
    grain = 0.7 * noise(rng, size, 3, 48) + 0.7 * noise(rng, size, 14, 90)
    if rng.random() < HORIZONTAL_GRAIN:
        grain = grain.T
    angle = rng.uniform(0, 2 * np.pi)
    light = 2 * ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    pixels = rng.uniform(*GREY) + rng.uniform(*LIGHT) * light
    pixels = pixels + rng.uniform(*GRAIN) * grain + rng.uniform(*MOTTLE) * rough(rng, size, 5, 5)
    return Canvas(pixels.astype(np.float32), x, y)


@lru_cache(maxsize=256)
def _upsampling(cells: int, size: int) -> tuple[np.ndarray, Array]:
    """How ``cells + 3`` random values stretch to ``size`` pixels: for each pixel the first of the four values that
    it lies between (size,) and their Catmull-Rom weights (4, size).
    """
    position = (np.arange(size) + 0.5) / size * cells
    left = np.minimum(position.astype(int), cells - 1)
    t = position - left
    weights = (
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    )
    return left, np.array(weights, np.float32)


def stretch(knots: Array, size: int) -> Array:
    """Stretch the first axis, of cells + 3 values, to ``size`` pixels.

    Four weighted copies, not a matrix product: BLAS would start threads for each, which wait for one another where
    other processes use the cores too.
    """
    left, weights = _upsampling(len(knots) - 3, size)
    weights = weights.reshape(4, size, *[1] * (knots.ndim - 1))
    return weights[0] * knots[left] + sum(weights[k] * knots[left + k] for k in (1, 2, 3))


def noise(rng: np.random.Generator, size: int, rows: int, columns: int) -> Array:
    """Smooth noise (size, size), mean 0, standard deviation about 0.7, from ``rows`` x ``columns`` knots."""
    knots = rng.standard_normal((rows + 3, columns + 3), dtype=np.float32)
    return np.ascontiguousarray(stretch(stretch(knots, size).T, size).T)


def wave(rng: np.random.Generator, size: int, knots: int) -> Array:
    """Smooth one-dimensional noise (size,), mean 0, standard deviation about 0.85."""
    return stretch(rng.standard_normal(knots + 3, dtype=np.float32), size)


def rough(rng: np.random.Generator, size: int, rows: int, columns: int, octaves: int = 3) -> Array:
    """Noise (size, size) with detail: each octave has twice the knots and 0.6 times the height."""
    return np.sum([0.6**k * noise(rng, size, rows << k, columns << k) for k in range(octaves)], axis=0)


def edge(distance: Array, softness: float) -> Array:
    """Opacity 0..1 from a distance that is positive inside; the edge is ``softness`` wide."""
    return np.clip(distance / softness + 0.5, 0, 1)


def place(rng: np.random.Generator, margin: float = 0.15) -> tuple[float, float]:
    """A random point (x, y) at least ``margin`` from every side."""
    x, y = rng.uniform(margin, 1 - margin, 2)
    return float(x), float(y)


def turned(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    """Coordinates along and across an axis that is ``angle`` radians from the x axis."""
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    return along.astype(np.float32), across.astype(np.float32)


def ellipse(
    canvas: Canvas, at: tuple[float, float], radii: tuple[float, float], angle: float = 0.0
) -> tuple[Array, Array, Array]:
    """Radius of every pixel around an ellipse (1 on its outline) and the two coordinates in its axes (±1)."""
    along, across = turned(canvas.x - at[0], canvas.y - at[1], angle)
    u, v = along / radii[0], across / radii[1]
    return np.sqrt(u * u + v * v), u, v


def line(canvas: Canvas, rng: np.random.Generator, vertical: bool, width: float, length: tuple[float, float]) -> Array:
    """Opacity of one nearly straight line with tapered ends.

    Args:
        canvas: Gives the grid.
        rng: Draws position, slope and length.
        vertical: Along y instead of along x.
        width: Half its width as a fraction; never under a pixel in all.
        length: Range of its length as a fraction; above 1 it runs off the image.
    """
    along, across = (canvas.y, canvas.x) if vertical else (canvas.x, canvas.y)
    course = rng.uniform(0.08, 0.92) + rng.uniform(-0.08, 0.08) * (along - 0.5)
    half = rng.uniform(*length) / 2
    start = rng.uniform(0.1, 0.9) if half < 0.5 else 0.5
    taper = np.clip((half - np.abs(along - start)) / 0.08, 0, 1)
    width = max(width, 0.55 / canvas.size)
    return edge(width * taper - np.abs(across - course), 1 / canvas.size) * (taper > 0)


@dataclass(frozen=True)
class Particles:
    """Scattered particles, at most one in a cell of a grid; all arrays are (H, W) float32."""

    radius: Array
    """Distance of a pixel from its particle's middle, 1 on the outline, large where there is none."""
    u: Array
    """Offset along the first axis, ±1 on the outline."""
    v: Array
    """Offset along the second axis, ±1 on the outline."""
    value: Array
    """A random number in 0..1, the same for all pixels of a particle."""


def particles(rng: np.random.Generator, u: Array, v: Array, share: float, radius: tuple[float, float]) -> Particles:
    """Particles at random places.

    Args:
        rng: Random source.
        u: First coordinate of every pixel (H, W), in cells.
        v: Second coordinate (H, W), in cells.
        share: Share of the cells that hold a particle.
        radius: Range of the radii, in cells, below 0.5.
    """
    row, column = np.floor(v).astype(np.intp), np.floor(u).astype(np.intp)
    row0, column0 = row.min(), column.min()
    shape = (int(row.max() - row0) + 1, int(column.max() - column0) + 1)
    radii = rng.uniform(*radius, shape)
    middle_u, middle_v = (radii + (1 - 2 * radii) * rng.random(shape) for _ in range(2))
    radii = np.where(rng.random(shape) < share, radii, 1e-3)
    which = (row - row0) * shape[1] + (column - column0)
    middle_u, middle_v, radii, value = (
        a.astype(np.float32).ravel()[which] for a in (middle_u, middle_v, radii, rng.random(shape))
    )
    du, dv = (u - column - middle_u) / radii, (v - row - middle_v) / radii
    return Particles(np.sqrt(du * du + dv * dv), du, dv, value)


def tiles(rng: np.random.Generator, u: Array, v: Array) -> tuple[Array, Array]:
    """Irregular tiles around random points (a Worley pattern).

    Args:
        rng: Random source.
        u: First coordinate of every pixel (H, W), in tiles.
        v: Second coordinate (H, W), in tiles.

    Returns:
        How far each pixel is from its tile's border (0 on it, in tiles), and a random value 0..1 a tile.
    """
    row, column = np.floor(v).astype(np.intp), np.floor(u).astype(np.intp)
    row0, column0 = row.min() - 1, column.min() - 1
    shape = (int(row.max() - row0) + 2, int(column.max() - column0) + 2)
    points = rng.random((2, *shape), dtype=np.float32)
    points[0] += np.arange(shape[1], dtype=np.float32) + column0
    points[1] += (np.arange(shape[0], dtype=np.float32) + row0)[:, None]
    values = rng.random(shape, dtype=np.float32).ravel()
    pu, pv = points[0].ravel(), points[1].ravel()
    own = (row - row0) * shape[1] + (column - column0)
    first = np.full(u.shape, np.inf, np.float32)
    second, value = first.copy(), np.zeros_like(first)
    for step in (a * shape[1] + b for a in (-1, 0, 1) for b in (-1, 0, 1)):
        cell = own + step
        far = (u - pu[cell]) ** 2 + (v - pv[cell]) ** 2
        nearer = far < first
        second = np.minimum(second, np.maximum(first, far))
        value = np.where(nearer, values[cell], value)
        first = np.minimum(first, far)
    return np.sqrt(second) - np.sqrt(first), value

"""Outlines that defects are drawn with: ellipses, lines, courses, scattered particles, irregular cells.

Everything works on whole arrays: a shape is a distance or an opacity for each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steeldefectx.render.canvas import Array, Canvas, Rng
from steeldefectx.render.noise import wave


def edge(distance: Array, softness: float) -> Array:
    """Opacity 0..1 from a distance that is positive inside; the edge is ``softness`` wide."""
    return np.clip(distance / softness + 0.5, 0, 1)


def random_point(rng: Rng, margin: float = 0.15) -> tuple[float, float]:
    """A random point (x, y) at least ``margin`` from every side."""
    x, y = rng.uniform(margin, 1 - margin, 2)
    return float(x), float(y)


def rotated(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    """Coordinates along and across an axis that is ``angle`` radians from the x axis."""
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    return along.astype(np.float32), across.astype(np.float32)


def ellipse(
    canvas: Canvas, at: tuple[float, float], radii: tuple[float, float], angle: float = 0.0
) -> tuple[Array, Array, Array]:
    """Radius of every pixel around an ellipse (1 on its outline) and the two coordinates in its axes (±1)."""
    along, across = rotated(canvas.x - at[0], canvas.y - at[1], angle)
    u, v = along / radii[0], across / radii[1]
    return np.sqrt(u * u + v * v), u, v


def line(canvas: Canvas, rng: Rng, vertical: bool, width: float, length: tuple[float, float]) -> Array:
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


def course_axes(canvas: Canvas, rng: Rng, vertical: bool, bend: float) -> tuple[Array, Array]:
    """Coordinates along a nearly straight course and across it, 0 on it."""
    along, across = (canvas.y, canvas.x) if vertical else (canvas.x, canvas.y)
    line = wave(rng, canvas.size, int(rng.integers(2, 8))) * bend
    line = line[:, None] if vertical else line
    return along, across - rng.uniform(0.05, 0.95) - rng.uniform(-0.1, 0.1) * (along - 0.5) - line


def taper_ends(along: Array, rng: Rng, shortest: float, longest: float) -> Array:
    """1 inside a stretch of random place and length, falling to 0 at its ends."""
    half = rng.uniform(shortest, longest) / 2
    middle = rng.uniform(0.1, 0.9) if half < 0.5 else 0.5
    return np.clip((half - np.abs(along - middle)) / rng.uniform(0.02, 0.12), 0, 1)


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


def particles(rng: Rng, u: Array, v: Array, share: float, radius: tuple[float, float]) -> Particles:
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


def worley_cells(rng: Rng, u: Array, v: Array) -> tuple[Array, Array]:
    """Irregular cells around random points (Worley 1996).

    Args:
        rng: Random source.
        u: First coordinate of every pixel (H, W), in cells.
        v: Second coordinate (H, W), in cells.

    Returns:
        How far each pixel is from its cell's border (0 on it, in cells), and a random value 0..1 a cell.
    """
    row, column = np.floor(v).astype(np.intp), np.floor(u).astype(np.intp)
    row0, column0 = row.min() - 1, column.min() - 1
    shape = (int(row.max() - row0) + 2, int(column.max() - column0) + 2)
    points = rng.random((2, *shape), dtype=np.float32)
    points[0] += np.arange(shape[1], dtype=np.float32) + column0
    points[1] += (np.arange(shape[0], dtype=np.float32) + row0)[:, None]
    values = rng.random(shape, dtype=np.float32).ravel()
    pu, pv = points[0].ravel(), points[1].ravel()
    home = (row - row0) * shape[1] + (column - column0)
    first = np.full(u.shape, np.inf, np.float32)
    second, value = first.copy(), np.zeros_like(first)
    for step in (a * shape[1] + b for a in (-1, 0, 1) for b in (-1, 0, 1)):
        cell = home + step
        far = (u - pu[cell]) ** 2 + (v - pv[cell]) ** 2
        nearer = far < first
        second = np.minimum(second, np.maximum(first, far))
        value = np.where(nearer, values[cell], value)
        first = np.minimum(first, far)
    return np.sqrt(second) - np.sqrt(first), value

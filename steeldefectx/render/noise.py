"""Random numbers and smooth random fields: what grain, ragged outlines and uneven light are made of."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from steeldefectx.render.canvas import Array, Rng


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A number drawn so that each factor is as likely as any other (log-uniform); ``low`` > 0."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


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
    first, *others = (np.take(knots, left + k, axis=0) * weights[k] for k in range(4))
    stretched: Array = others[0]
    stretched += others[1]
    stretched += others[2]
    stretched += first  # in this order: sums of floats depend on it, and the sample's images are held to the bit
    return stretched


def noise(rng: Rng, size: int, rows: int, columns: int) -> Array:
    """Smooth noise (size, size), mean 0, standard deviation about 0.7, from ``rows`` x ``columns`` knots."""
    knots = rng.standard_normal((rows + 3, columns + 3), dtype=np.float32)
    return np.ascontiguousarray(stretch(stretch(knots, size).T, size).T)


def wave(rng: Rng, size: int, knots: int) -> Array:
    """Smooth one-dimensional noise (size,), mean 0, standard deviation about 0.85."""
    return stretch(rng.standard_normal(knots + 3, dtype=np.float32), size)


def rough(rng: Rng, size: int, rows: int, columns: int, octaves: int = 3) -> Array:
    """Noise (size, size) with detail: each octave has twice the knots and 0.6 times the height."""
    return np.sum([0.6**k * noise(rng, size, rows << k, columns << k) for k in range(octaves)], axis=0)


def slanted(rng: Rng, size: int, along: int, across: int, slope: float) -> Array:
    """Streaky noise (size, size), mean 0, standard deviation about 0.7.

    Args:
        rng: Random source.
        size: Pixels a side.
        along: Knots from left to right.
        across: Knots from top to bottom.
        slope: How far streaks climb over the image's width, -1..1 sides.
    """
    knots = rng.standard_normal((2 * across + 3, along + 3), dtype=np.float32)
    tall = stretch(stretch(knots, 2 * size).T, size).T
    column = np.arange(size)
    shift = np.round(slope * column).astype(np.intp) + (size - 1 if slope < 0 else 0)
    return tall[np.arange(size)[:, None] + shift, column]

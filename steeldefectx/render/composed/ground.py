"""A sound surface, and what surfaces are made of: grain, streaks, clouds, light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from steeldefectx.render.canvas import Array, Rng
from steeldefectx.render.noise import log_uniform, noise, wave

ALONG_Y, ALONG_X = math.pi / 2, 0.0


@dataclass(frozen=True)
class Ground:
    """A sound surface."""

    pixels: Array
    """(H, W) float32 grey levels, about 20..235."""
    grain: float = ALONG_Y
    """Radians from the x axis: which way it was rolled, ground or drawn."""
    seam: float | None = None
    """How far a weld's middle line, which lies along the grain, is from the top (or left) side."""


def grid(size: int) -> tuple[Array, Array]:
    """Columns (1, W) and rows (H, 1) of pixel middles as fractions of the side."""
    middle = (np.arange(size, dtype=np.float32) + 0.5) / size
    return middle[None, :], middle[:, None]


@lru_cache(maxsize=4)
def _bank(side: int) -> Array:
    """Normal random numbers (side, side) to take windows from."""
    return np.random.default_rng(0).standard_normal((side, side), dtype=np.float32)


def independent(rng: Rng, size: int) -> Array:
    """Independent normal random numbers (size, size), deviation 1: a random window of many, four times as fast."""
    bank = _bank(max(1024, 4 * size))
    row, column = rng.integers(0, len(bank) - size, 2)
    return bank[row : row + size, column : column + size][:: 1 if rng.random() < 0.5 else -1]


def white(rng: Rng, size: int, low: float, high: float) -> Array:
    """Noise from pixel to pixel, of a log-uniform deviation in grey levels."""
    return independent(rng, size) * np.float32(log_uniform(rng, low, high))


def clouds(rng: Rng, size: int, low: float, high: float, knots: tuple[int, int] = (2, 8)) -> Array:
    """Broad unevenness, of a log-uniform amplitude in grey levels."""
    cells = int(rng.integers(*knots))
    return np.float32(log_uniform(rng, low, high)) * noise(rng, size, cells, cells)


def streaks(rng: Rng, size: int, low: float, high: float, long: tuple[int, int] = (1, 8)) -> Array:
    """Streaks along y, fine and coarse, of a log-uniform amplitude in grey levels."""
    fine = noise(rng, size, int(rng.integers(*long)), int(rng.integers(40, 110)))
    return np.float32(log_uniform(rng, low, high)) * (fine + wave(rng, size, int(rng.integers(10, 60))))


def light(rng: Rng, size: int, low: float, high: float) -> Array:
    """A gradient from one side to the other, of a log-uniform height in grey levels."""
    x, y = grid(size)
    angle = rng.uniform(0, 2 * math.pi)
    height = log_uniform(rng, low, high)
    return np.float32(2 * height * math.cos(angle)) * (x - 0.5) + np.float32(2 * height * math.sin(angle)) * (y - 0.5)


def lying(rng: Rng, pixels: Array, share: float) -> Ground:
    """A surface that was made upright, laid on its side with probability ``share``."""
    if rng.random() < share:
        return Ground(np.ascontiguousarray(pixels.T), ALONG_X)
    return Ground(pixels, ALONG_Y)


def turned_grid(rng: Rng, size: int, upright: float = 0.4) -> tuple[Array, Array, float]:
    """Coordinates across and along a grain of any angle, and the angle: upright or lying with probability
    ``upright`` each way of the two together.
    """
    x, y = grid(size)
    angle = float(rng.choice((ALONG_X, ALONG_Y))) if rng.random() < upright else rng.uniform(0, math.pi)
    angle += rng.normal(0, 0.02)
    along = (x - 0.5) * np.float32(math.cos(angle)) + (y - 0.5) * np.float32(math.sin(angle))
    across = (y - 0.5) * np.float32(math.cos(angle)) - (x - 0.5) * np.float32(math.sin(angle))
    return across, along, float(angle)


def profile(rng: Rng, places: Array, knots: int) -> Array:
    """Smooth one-dimensional noise, mean 0, deviation about 0.8, at places (H, W) of -0.8..0.8."""
    values = wave(rng, 4 * max(knots, 8), knots)
    return (
        np.interp(places.ravel(), np.linspace(-0.8, 0.8, len(values)), values).astype(np.float32).reshape(places.shape)
    )

"""Sound steel, before a defect is drawn on it: the sample's plain surface, or that of any plant."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Array, Canvas, Rng
from steeldefectx.render.noise import log_uniform, noise, rough, slanted, wave
from steeldefectx.render.shapes import edge, particles

SAMPLE_GREY = (85.0, 170.0)
"""Range of the sample's mean grey level."""
SAMPLE_GRAIN = (1.5, 7.0)
"""Range of the standard deviation of its rolling grain, in grey levels."""
SAMPLE_MOTTLE = (1.0, 4.5)
"""Range of the standard deviation of its cloudy unevenness, in grey levels."""
SAMPLE_LIGHT = (4.0, 12.0)
"""Range of its illumination gradient: grey levels from the middle to the brightest side."""
HORIZONTAL_GRAIN = 0.25
"""Share of the sample's images whose rolling direction is horizontal instead of vertical."""

VARIED_GREY = (45.0, 205.0)
"""Range of the mean grey level of varied surfaces."""


def sample_surface(rng: Rng, size: int) -> Canvas:
    """Clean steel: rolling grain, mottling and uneven light, no defect and no sensor noise yet."""
    middle = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.broadcast_to(middle, (size, size)), np.broadcast_to(middle[:, None], (size, size))
    grain = 0.7 * noise(rng, size, 3, 48) + 0.7 * noise(rng, size, 14, 90)
    if rng.random() < HORIZONTAL_GRAIN:
        grain = grain.T
    angle = rng.uniform(0, 2 * np.pi)
    light = 2 * ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    pixels = rng.uniform(*SAMPLE_GREY) + rng.uniform(*SAMPLE_LIGHT) * light
    pixels = pixels + rng.uniform(*SAMPLE_GRAIN) * grain + rng.uniform(*SAMPLE_MOTTLE) * rough(rng, size, 5, 5)
    return Canvas(pixels.astype(np.float32), x, y)


def varied_surface(rng: Rng, size: int) -> Canvas:
    """Clean steel (H, W) as some plant's camera might see it, without sensor noise; grey levels around 45..205."""
    middle = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.broadcast_to(middle, (size, size)), np.broadcast_to(middle[:, None], (size, size))
    pixels = np.float32(rng.uniform(*VARIED_GREY)) + _light(rng, x, y) + _grain(rng, size)
    if rng.random() < 0.3:
        pixels = pixels + _roll_marks(rng, size)
    canvas = Canvas(pixels.astype(np.float32), x, y)
    return Canvas(canvas.pixels + _specks(rng, canvas), x, y) if rng.random() < 0.3 else canvas


def _light(rng: Rng, x: Array, y: Array) -> Array:
    """Uneven light: a gradient, bright and dark bands along the strip, a side in the shade."""
    size, angle = len(x), rng.uniform(0, 2 * np.pi)
    light = log_uniform(rng, 1, 30) * 2 * ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    if rng.random() < 0.6:
        bands = log_uniform(rng, 1, 22) * wave(rng, size, int(rng.integers(2, 10)))
        light = light + (bands if rng.random() < 0.85 else bands[:, None])
    if rng.random() < 0.2:
        off = x - rng.uniform(0.05, 0.6) if rng.random() < 0.8 else y - rng.uniform(0.05, 0.6)
        off = off if rng.random() < 0.5 else off[::-1, ::-1]
        light = light - rng.uniform(20, 80) * edge(-off, rng.uniform(0.1, 0.6))
    return light


def _grain(rng: Rng, size: int) -> Array:
    """Texture of the surface: fine grain, rolling streaks upright or slanted, clouds."""
    knots = int(rng.integers(35, 100))
    fine = log_uniform(rng, 0.7, 11) * noise(rng, size, knots, knots)
    if rng.random() < 0.07:  # rough, pickled
        knots = int(rng.integers(25, 60))
        fine = fine + rng.uniform(6, 16) * noise(rng, size, knots, knots)
    knots = int(rng.integers(2, 9))
    clouds = log_uniform(rng, 0.6, 10) * rough(rng, size, knots, knots, 2)
    streaks = log_uniform(rng, 0.6, 8)
    if rng.random() < 0.25:
        grain = slanted(rng, size, int(rng.integers(3, 14)), int(rng.integers(30, 90)), rng.uniform(-1, 1))
    else:
        grain = noise(rng, size, int(rng.integers(2, 14)), int(rng.integers(30, 100)))
        grain = grain.T if rng.random() < 0.25 else grain
    return fine + clouds + streaks * grain


def _roll_marks(rng: Rng, size: int) -> Array:
    """Faint bars across the strip at equal distances."""
    bars = np.sin(2 * np.pi * (np.arange(size) / size * rng.uniform(3, 30) + rng.random()))
    return (log_uniform(rng, 0.6, 5) * bars).astype(np.float32)[:, None]


def _specks(rng: Rng, canvas: Canvas) -> Array:
    """A few faint specks and hairlines that no inspector would report."""
    count = rng.uniform(4, 14)
    few = particles(rng, canvas.x * count, canvas.y * count, rng.uniform(0.03, 0.2), (0.08, 0.3))
    return rng.choice((-1, -1, 1)) * rng.uniform(4, 12) * edge(1 - few.radius, 0.6)


def texture(pixels: Array) -> float:
    """How restless grey levels (H, W) are: their standard deviation inside blocks of an eighth of the side."""
    block = len(pixels) // 8
    blocks = pixels[: 8 * block, : 8 * block].reshape(8, block, 8, block)
    return float(blocks.std(axis=(1, 3)).mean())

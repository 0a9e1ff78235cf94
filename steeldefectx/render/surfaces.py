"""Clean steel of many mills and cameras, for the images a model is pretrained on.

:func:`steeldefectx.render.canvas.steel` is one plant's steel; here everything that differs between plants is drawn
anew for each image: grain and its direction, light, roll marks, specks that are no defect; afterwards the camera's
sharpness, resolution, exposure and file format. What a model then still has in common over all of them is the defect.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from steeldefectx.render.canvas import Array, Canvas, Rng, edge, noise, particles, rough, stretch, wave

GREY = (45.0, 205.0)
"""Range of the mean grey level."""


def between(rng: Rng, low: float, high: float) -> float:
    """A number drawn so that each factor is as likely as any other (log-uniform); ``low`` > 0."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


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


def surface(rng: Rng, size: int) -> Canvas:
    """Clean steel (H, W) as some plant's camera might see it, without sensor noise; grey levels around 45..205."""
    middle = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.broadcast_to(middle, (size, size)), np.broadcast_to(middle[:, None], (size, size))
    pixels = np.float32(rng.uniform(*GREY)) + _light(rng, x, y) + _grain(rng, size)
    if rng.random() < 0.3:
        pixels = pixels + _roll_marks(rng, size)
    canvas = Canvas(pixels.astype(np.float32), x, y)
    return Canvas(canvas.pixels + _specks(rng, canvas), x, y) if rng.random() < 0.3 else canvas


def _light(rng: Rng, x: Array, y: Array) -> Array:
    """Uneven light: a gradient, bright and dark bands along the strip, a side in the shade."""
    size, angle = len(x), rng.uniform(0, 2 * np.pi)
    light = between(rng, 1, 30) * 2 * ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    if rng.random() < 0.6:
        bands = between(rng, 1, 22) * wave(rng, size, int(rng.integers(2, 10)))
        light = light + (bands if rng.random() < 0.85 else bands[:, None])
    if rng.random() < 0.2:
        off = x - rng.uniform(0.05, 0.6) if rng.random() < 0.8 else y - rng.uniform(0.05, 0.6)
        off = off if rng.random() < 0.5 else off[::-1, ::-1]
        light = light - rng.uniform(20, 80) * edge(-off, rng.uniform(0.1, 0.6))
    return light


def _grain(rng: Rng, size: int) -> Array:
    """Texture of the surface: fine grain, rolling streaks upright or slanted, clouds."""
    knots = int(rng.integers(35, 100))
    fine = between(rng, 0.7, 11) * noise(rng, size, knots, knots)
    if rng.random() < 0.07:  # rough, pickled
        knots = int(rng.integers(25, 60))
        fine = fine + rng.uniform(6, 16) * noise(rng, size, knots, knots)
    knots = int(rng.integers(2, 9))
    clouds = between(rng, 0.6, 10) * rough(rng, size, knots, knots, 2)
    streaks = between(rng, 0.6, 8)
    if rng.random() < 0.25:
        grain = slanted(rng, size, int(rng.integers(3, 14)), int(rng.integers(30, 90)), rng.uniform(-1, 1))
    else:
        grain = noise(rng, size, int(rng.integers(2, 14)), int(rng.integers(30, 100)))
        grain = grain.T if rng.random() < 0.25 else grain
    return fine + clouds + streaks * grain


def _roll_marks(rng: Rng, size: int) -> Array:
    """Faint bars across the strip at equal distances."""
    bars = np.sin(2 * np.pi * (np.arange(size) / size * rng.uniform(3, 30) + rng.random()))
    return (between(rng, 0.6, 5) * bars).astype(np.float32)[:, None]


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


def photograph(pixels: Array, rng: Rng) -> np.ndarray:
    """What a camera makes of grey levels (H, W): blurred, coarsened, exposed, noisy, compressed; uint8."""
    size = len(pixels)
    if rng.random() < 0.4:
        pixels = gaussian_filter(pixels, rng.uniform(0.3, 1.1), truncate=3)
    if rng.random() < 0.2:
        coarse = int(size * rng.uniform(0.5, 0.9))
        image = Image.fromarray(np.ascontiguousarray(pixels, np.float32))
        image = image.resize((coarse, coarse), Image.Resampling.BOX)
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    mean = float(pixels.mean())
    gain = between(rng, 0.6, 2.2)
    pixels = np.clip(gain * (pixels - mean) + rng.uniform(70, 185), 0, 255)
    if rng.random() < 0.4:
        pixels = 255 * (pixels / 255) ** between(rng, 0.6, 1.7)
    pixels = pixels + np.float32(between(rng, 0.8, 7)) * rng.standard_normal((size, size), dtype=np.float32)
    image8 = np.clip(pixels, 0, 255).round().astype(np.uint8)
    if rng.random() < 0.25:
        file = io.BytesIO()
        Image.fromarray(image8).save(file, "JPEG", quality=int(rng.integers(35, 95)))
        image8 = np.asarray(Image.open(file))
    return image8

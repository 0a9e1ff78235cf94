"""Missing steel: holes through the sheet, notches in its edge."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Array, Canvas, Layer, Rng
from steeldefectx.render.noise import log_uniform, noise
from steeldefectx.render.shapes import edge, ellipse, random_point


def punching(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One round or oval hole through the sheet, now and then two."""
    wide, flat = rng.uniform(0.07, 0.17), rng.uniform(0.5, 1.0)
    holes = [
        wide * flat * (1 - ellipse(canvas, random_point(rng, 0.12), (wide, wide * flat))[0])
        for _ in range(1 + (rng.random() < 0.2))
    ]
    return _hole(canvas, rng, np.max(holes, axis=0))


def small_hole(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A small flat oval hole, sometimes beside the seam it marks."""
    size, wide = canvas.size, log_uniform(rng, 0.03, 0.09)
    at = (rng.uniform(0.05, 0.95), rng.uniform(0.05, 0.95))
    radius, _, _ = ellipse(canvas, at, (wide, wide * rng.uniform(0.4, 0.9)), rng.uniform(-0.1, 0.1))
    inside = edge((1 - radius) * wide, 1.5 / size)
    change = inside * (rng.uniform(8, 40) - canvas.pixels)
    if rng.random() < 0.3:
        side = rng.choice((-1, 1)) * rng.uniform(0.1, 0.4)
        change = change + rng.uniform(-25, 25) * (1 - inside) * edge((canvas.y - at[1] - side) * np.sign(side), 0.01)
    return Layer(change.astype(np.float32), inside >= 0.5)


def crescent_gap(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A black notch of crescent outline cut in from one side of the strip."""
    radius = rng.uniform(0.22, 0.5)
    bite = rng.uniform(0.35, 0.85) * radius
    side, along = rng.integers(0, 4), rng.uniform(0.2, 0.8)
    out = bite - radius if side in (0, 1) else 1 - bite + radius
    at = (out, along) if side in (0, 2) else (along, out)
    distance = radius * (1 - ellipse(canvas, at, (radius, radius))[0])
    return _hole(canvas, rng, distance)


def notch_in_visible_edge(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """The strip's own edge in view, dark beyond it, and an arc cut into the steel from there."""
    size, at, radius = canvas.size, rng.uniform(0.1, 0.7), log_uniform(rng, 0.1, 0.4)
    x, y = (canvas.x, canvas.y) if rng.random() < 0.8 else (canvas.y, canvas.x)
    beyond = at - x - rng.uniform(-0.03, 0.03) * (y - 0.5)
    bite = radius - np.hypot(x - at + radius * rng.uniform(0.1, 0.7), y - rng.uniform(0, 1))
    dark = edge(np.maximum(beyond, bite), 1.5 / size)
    ground = rng.uniform(5, 45) + 2 * noise(rng, size, 6, 6)
    change = dark * (ground - canvas.pixels) + rng.uniform(0, 25) * np.exp(-((np.maximum(beyond, bite) / 0.02) ** 2))
    return Layer(change.astype(np.float32), edge(np.minimum(bite, -beyond), 1.5 / size) >= 0.5)


def _hole(canvas: Canvas, rng: Rng, distance: Array) -> Layer:
    """Black where ``distance`` is positive, with a thin bright cut edge around it."""
    inside = edge(distance, 1.5 / canvas.size)
    ground = rng.uniform(8, 30) + 2 * noise(rng, canvas.size, 8, 8)
    rim = rng.uniform(10, 35) * np.exp(-((distance / 0.012) ** 2)) * (1 - inside)
    return Layer((inside * (ground - canvas.pixels) + rim).astype(np.float32), inside >= 0.5)

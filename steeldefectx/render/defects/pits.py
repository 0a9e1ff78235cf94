"""Pits of corrosion, from a few to thousands."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Array, Canvas, Layer, Rng, paint
from steeldefectx.render.noise import log_uniform, noise, rough
from steeldefectx.render.shapes import edge, particles, rotated


def pitted_surface(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Very many small round dark pits, everywhere or in one region."""
    size, count = canvas.size, rng.uniform(15, 21)
    u, v = rotated(canvas.x * count, canvas.y * count, rng.uniform(0, np.pi))
    u = u + 0.35 * noise(rng, size, 7, 7)
    pits = particles(rng, u, v + 0.35 * noise(rng, size, 7, 7), 0.9, (0.2, 0.38))
    here = 0.5 + 0.5 * np.clip(noise(rng, size, 2, 2) + rng.uniform(0.2, 1.2), -0.9, 1)
    alpha = edge(1 - pits.radius, 0.6) * (pits.value < here)
    return paint(alpha, -strength * (rng.uniform(30, 46) - 12 * pits.v))


def pits_or_pores(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Pits from a few to thousands, soft or sharp: single points, or the closed pores of a corroded skin."""
    size = canvas.size
    columns = int(rng.choice((2, 2, 5)))
    here = np.clip(0.5 + 0.7 * noise(rng, size, 2, columns) + rng.uniform(-0.2, 0.8), 0, 1)
    if rng.random() < 0.5:
        count = log_uniform(rng, 11, 45)
        u = canvas.x * count + 0.5 * noise(rng, size, 12, 12)
        v = canvas.y * count + rng.random(64)[np.floor(u).astype(int) % 64] + 0.3 * noise(rng, size, 12, 12)
        points = particles(rng, u, v, rng.uniform(0.4, 0.9), (0.15, 0.48))
        alpha = edge(np.where(points.value < here, 1 - points.radius + 0.3 * noise(rng, size, 50, 50), -1), 0.9)
    else:
        knots = log_uniform(rng, 22, 80)
        pores = noise(rng, size, int(knots), int(knots * rng.uniform(0.8, 1.3))) - rng.uniform(0.0, 0.9)
        alpha = edge(pores + 0.9 * (here - 1), rng.uniform(0.4, 1.2))
    blotch = edge(rough(rng, size, 7, 5, 2) - rng.uniform(1.4, 2.6), 0.4) if rng.random() < 0.3 else 0
    shaded = _side_light(canvas, rng) if rng.random() < 0.7 else 0
    change = shaded - strength * (log_uniform(rng, 9, 50) * alpha + rng.uniform(15, 45) * blotch)
    return Layer(change.astype(np.float32), alpha >= 0.5)


def _side_light(canvas: Canvas, rng: Rng) -> Array:
    """Light that falls off towards one side, as on a coil's edge; grey levels (H, W)."""
    towards = (canvas.x, canvas.y, 1 - canvas.x, 1 - canvas.y)[rng.choice((0, 0, 1, 2, 2, 3))]
    return rng.uniform(20, 90) * (np.clip(towards / rng.uniform(0.3, 1.0), 0, 1) ** rng.uniform(0.5, 2) - 0.7)

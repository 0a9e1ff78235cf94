"""Welds: seams between two coils."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng
from steeldefectx.render.noise import log_uniform, noise
from steeldefectx.render.shapes import edge


def welding_line(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One straight thin seam from side to side, where two coils of different grey meet."""
    along, across = (canvas.y, canvas.x) if rng.random() < 0.15 else (canvas.x, canvas.y)
    off = across - rng.uniform(0.12, 0.88) - rng.uniform(-0.03, 0.03) * (along - 0.5)
    seam = edge(rng.uniform(0.009, 0.016) - np.abs(off), 1.5 / canvas.size)
    polarity = rng.choice((-1, -1, 1))
    step = rng.choice((-1, 1)) * rng.uniform(9, 24) * np.where(off > 0, 0.5, -0.5)
    return Layer((step * (1 - seam) + seam * polarity * strength * 48).astype(np.float32), seam >= 0.5)


def weld_joint(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A weld as the border of two shades, with a faint thin line or none of its own, or as a wide rough bead."""
    size = canvas.size
    along, across = (canvas.y, canvas.x) if rng.random() < 0.15 else (canvas.x, canvas.y)
    off = across - rng.uniform(0.08, 0.92) - rng.uniform(-0.03, 0.03) * (along - 0.5)
    width = log_uniform(rng, 0.006, 0.035)
    seam = edge(width - np.abs(off), 1.5 / size)
    bead = rng.uniform(0, 30) * noise(rng, size, 40, 40) if width > 0.018 else 0
    step = rng.choice((-1, 1)) * log_uniform(rng, 10, 60) * edge(off, 1.5 / size)
    line = rng.choice((-1, 1)) * rng.uniform(8, 45) + bead
    return Layer((step + strength * seam * line).astype(np.float32), seam >= 0.5)

"""Cracks: crazing, a net of fine ones."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng, paint
from steeldefectx.render.noise import log_uniform, noise, rough, wave
from steeldefectx.render.shapes import edge, worley_cells


def crazing(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A net of fine dark cracks over the whole surface, broken here and there."""
    size, count = canvas.size, rng.uniform(7, 12)
    u = (canvas.x + 0.03 * rough(rng, size, 8, 8)) * count
    v = (canvas.y + 0.03 * rough(rng, size, 8, 8)) * count * rng.uniform(1.0, 1.5)
    border, _ = worley_cells(rng, u, v)
    width = np.clip(0.05 + 0.06 * rough(rng, size, 5, 5), 0, 0.14) * (0.8 + 48 / size)
    return paint(edge(width - border, 0.1), -strength * (34 + 8 * noise(rng, size, 5, 5)))


def net_of_cracks(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Crazing as a net that is coarse or fine and whole or broken, on a rough ground."""
    size, count = canvas.size, log_uniform(rng, 5, 16)
    u = (canvas.x + 0.03 * rough(rng, size, 8, 8, 2)) * count
    v = (canvas.y + 0.03 * rough(rng, size, 8, 8, 2)) * count * rng.uniform(1.0, 1.8)
    border, _ = worley_cells(rng, u, v)
    width = np.clip(rng.uniform(0.02, 0.08) + 0.08 * rough(rng, size, 7, 7, 2), 0, 0.16) * (0.6 + 6 * count / size)
    cracks = edge(width - border, 0.1)
    grain = log_uniform(rng, 2, 18) * noise(rng, size, 70, 60)
    return Layer((grain - strength * rng.uniform(28, 60) * cracks).astype(np.float32), cracks >= 0.5)


def short_wavy_cracks(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Crazing as short wavy cracks across a rough, coarse-grained, banded surface, with crumbled black spots."""
    size = canvas.size
    rows, columns = rng.uniform(12, 30), rng.uniform(6, 14)
    field = noise(rng, size, int(rows), int(columns)) + 0.4 * noise(rng, size, int(2 * rows), int(3 * columns))
    slope = np.abs(np.gradient(field, axis=0)) + 0.4 * np.abs(np.gradient(field, axis=1)) + 0.02
    here = noise(rng, size, 14, 9) + 0.6 * noise(rng, size, 30, 20) - rng.uniform(-0.3, 0.5)
    cracks = edge(rng.uniform(0.2, 0.75) - np.abs(field) / slope, 0.8) * edge(here, 0.5)
    crumbs = edge(rough(rng, size, 14, 10, 2) - rng.uniform(1.6, 2.8), 0.3)
    grain = log_uniform(rng, 6, 24) * rng.standard_normal((size, size), dtype=np.float32)
    grain = grain + rng.uniform(4, 18) * noise(rng, size, int(rng.integers(45, 90)), int(rng.integers(40, 80)))
    grain = grain + rng.uniform(2, 14) * noise(rng, size, 20, 24) + rng.uniform(2, 14) * noise(rng, size, 4, 90)
    grain = grain + rng.uniform(0, 24) * wave(rng, size, int(rng.integers(3, 16)))
    change = grain - strength * (rng.uniform(35, 75) * cracks + rng.uniform(50, 90) * crumbs)
    return Layer(change.astype(np.float32), np.maximum(cracks, crumbs) >= 0.5)

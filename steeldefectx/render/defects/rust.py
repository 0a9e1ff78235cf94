"""Rust: red islands, flakes, white powder."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng, paint
from steeldefectx.render.noise import log_uniform, noise, rough, wave
from steeldefectx.render.shapes import edge, worley_cells


def red_iron_sheet(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Evenly dark, ragged islands drawn out vertically, gathered around one or two columns."""
    size = canvas.size
    ragged = 0.9 * noise(rng, size, 3, 9) + 0.55 * noise(rng, size, 8, 22) + 0.3 * noise(rng, size, 20, 40)
    band = np.exp(-(((canvas.x - rng.uniform(0.15, 0.85)) / rng.uniform(0.15, 0.4)) ** 2))
    return paint(edge(ragged + 1.3 * band - rng.uniform(1.2, 1.6), 0.2), -strength * rng.uniform(42, 55))


def red_islands(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Flat dark islands with hard, ragged edges, upright, alone or run together around columns."""
    size = canvas.size
    rows, columns = rng.uniform(3, 7), rng.uniform(8, 22)
    field = 0.8 * noise(rng, size, int(rows), int(columns)) + 0.45 * noise(rng, size, int(3 * rows), int(2 * columns))
    field = field + 0.2 * noise(rng, size, 40, 60)
    for _ in range(rng.integers(0, 3)):
        band = (canvas.x - rng.uniform(0, 1) - 0.03 * wave(rng, size, 5)[:, None]) / log_uniform(rng, 0.06, 0.35)
        field = field + rng.uniform(0.5, 1.6) * np.exp(-(band**2))
    level = np.quantile(field, 1 - log_uniform(rng, 0.04, 0.5))
    alpha = edge(field - level, rng.uniform(0.08, 0.25))
    return paint(alpha, -strength * (rng.uniform(30, 60) + rng.uniform(0, 4) * noise(rng, size, 50, 50)))


def secondary_rust_skin(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Overlapping flakes of uneven grey with dark cracks and lifted bright edges between them."""
    size, count = canvas.size, rng.uniform(6, 9)
    u = (canvas.x + 0.035 * rough(rng, size, 9, 9)) * count
    v = (canvas.y + 0.035 * rough(rng, size, 9, 9)) * count
    border, value = worley_cells(rng, u, v)
    here = noise(rng, size, 2, 2) + rng.uniform(0.3, 0.9) - 1.1 * value
    flakes = edge(here, 0.05)
    grey = -56 + 75 * np.abs(2 * value - 0.7) + 55 * np.exp(-(((border - 0.22) / 0.09) ** 2))
    grey = np.where(border < 0.1, -60, grey)
    return paint(flakes, strength * 0.9 * (grey - 4 + 6 * noise(rng, size, 40, 40)))


def white_rust(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Loose, powdery, white-grey patches."""
    size = canvas.size
    cloud = rough(rng, size, 3, 3, 2) - rng.uniform(0.2, 0.8)
    powder = cloud + 0.5 * noise(rng, size, 24, 24) + 0.6 * noise(rng, size, 55, 55)
    return paint(edge(powder, 0.6), strength * (rng.uniform(34, 52) + 8 * noise(rng, size, 40, 40)))

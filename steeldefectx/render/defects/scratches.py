"""Scratches: bright ones that reflect the light, dark grooves."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng, paint
from steeldefectx.render.noise import log_uniform, noise
from steeldefectx.render.shapes import course_axes, edge, line, particles, rotated, taper_ends


def bright_scratch(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to four thin bright lines of uneven gloss, mostly along the rolling direction."""
    vertical = rng.random() < 0.75
    lines = [line(canvas, rng, vertical, rng.uniform(0.004, 0.016), (0.35, 1.4)) for _ in range(rng.integers(1, 5))]
    gloss = rng.uniform(50, 80) + 18 * noise(rng, canvas.size, 24, 24)
    return paint(np.max(lines, axis=0), strength * gloss)


def rubbed_scratch(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Bright scratches from hairlines to wide rubbed tracks, upright, lying or oblique, broken, with bright dots."""
    size = canvas.size
    alpha = np.zeros((size, size), np.float32)
    turn = rng.random()
    angle = rng.uniform(0, np.pi) if turn < 0.1 else 0.0
    x, y = rotated(canvas.x - 0.5, canvas.y - 0.5, angle)
    grid = Canvas(canvas.pixels, x + 0.5, y + 0.5)
    broken = noise(rng, size, int(rng.integers(6, 40)), 6) + rng.uniform(0.0, 2.0)
    for _ in range(rng.integers(1, 6)):
        along, across = course_axes(grid, rng, turn < 0.9, rng.uniform(0, 0.02) if angle == 0 else 0.0)
        width = max(log_uniform(rng, 0.003, 0.05 if rng.random() < 0.3 else 0.012), 0.5 / size)
        ragged = width * (1 + 0.4 * noise(rng, size, 20, 8))
        mark = edge(ragged * taper_ends(along, rng, 0.15, 1.6) - np.abs(across), max(1.2 / size, 0.4 * width))
        alpha = np.maximum(alpha, mark * rng.uniform(0.4, 1.0))
    alpha = alpha * np.clip(broken, 0.1, 1)
    return paint(alpha, strength * rng.uniform(55, 120))


def dark_scratches(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to three dark grooves, mostly along the rolling direction."""
    vertical = rng.random() < 0.85
    lines = [line(canvas, rng, vertical, rng.uniform(0.004, 0.014), (0.5, 1.6)) for _ in range(rng.integers(1, 4))]
    return paint(np.max(lines, axis=0), -strength * rng.uniform(28, 52))


def thin_grooves(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One or two thin dark grooves along the strip, now and then with rows of dark specks beside them."""
    size = canvas.size
    alpha, column = np.zeros((size, size), np.float32), 0.5
    vertical = rng.random() < 0.93
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        along, across = course_axes(canvas, rng, vertical, rng.uniform(0, 0.003))
        width = max(log_uniform(rng, 0.003, 0.014), 0.6 / size)
        mark = edge(width * taper_ends(along, rng, 0.45, 1.9) - np.abs(across), 1.2 / size) * rng.uniform(0.5, 1.0)
        alpha = np.maximum(alpha, mark)
        column = rng.uniform(0.05, 0.95)
    if rng.random() < 0.25:
        along, across = (canvas.y, canvas.x) if vertical else (canvas.x, canvas.y)
        near = edge(rng.uniform(0.02, 0.12) - np.abs(across - column), 0.08)
        count = rng.uniform(25, 45)
        specks = particles(rng, across * count, along * count * 0.5, rng.uniform(0.2, 0.6), (0.15, 0.45))
        alpha = np.maximum(alpha, 0.7 * edge(1 - specks.radius, 0.6) * near)
    return paint(alpha, -strength * rng.uniform(30, 70))

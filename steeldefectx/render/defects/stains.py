"""What lies on the surface and has no relief: oil, water, silk spots, dark patches."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng, paint
from steeldefectx.render.noise import log_uniform, noise, rough
from steeldefectx.render.shapes import edge, ellipse, random_point, rotated


def oil_spot(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to three even, dark, rounded stains with a clear and darker rim."""
    size, lobes = canvas.size, 0.09 * noise(rng, canvas.size, 9, 9)
    distance = np.full((size, size), -1.0, np.float32)
    for _ in range(rng.choice((1, 1, 2, 3))):
        big = rng.uniform(0.08, 0.2)
        radius, _, _ = ellipse(canvas, random_point(rng, 0.15), (big * rng.uniform(1, 1.3), big), rng.uniform(0, np.pi))
        distance = np.maximum(distance, (1 - radius + lobes) * big)
    rim = np.exp(-(((distance - 0.01) / 0.01) ** 2))
    return paint(edge(distance, 1.5 / size), -strength * (25 + 16 * rim))


def soaked_spot(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One or two dark blots with a ragged, soft outline and no rim, as oil leaves that has crept along the grain."""
    size, ragged = canvas.size, rough(rng, canvas.size, 12, 12, 3)
    alpha = np.zeros((size, size), np.float32)
    for _ in range(rng.choice((1, 1, 1, 2))):
        big = log_uniform(rng, 0.08, 0.28)
        radii = (big * rng.uniform(1, 1.7), big)
        radius, _, _ = ellipse(canvas, random_point(rng, 0.2), radii, rng.uniform(0, np.pi))
        blot = edge(1 - radius + rng.uniform(0.05, 0.18) * ragged, log_uniform(rng, 0.15, 0.8))
        alpha = np.maximum(alpha, blot)
    mottle = 1 + 0.25 * noise(rng, size, 25, 25)
    return paint(alpha, -strength * log_uniform(rng, 10, 45) * mottle)


def water_spot(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to four faint, irregular drying marks: hardly darker inside, a thin line around."""
    size, bulge = canvas.size, rough(rng, canvas.size, 5, 5, 2)
    distance = np.full((size, size), -1.0, np.float32)
    for _ in range(rng.integers(1, 5)):
        small = rng.uniform(0.06, 0.11)
        radii = (small * rng.uniform(1.2, 2.6), small)
        radius, _, _ = ellipse(canvas, random_point(rng, 0.15), radii, rng.uniform(0, np.pi))
        distance = np.maximum(distance, (1 - radius + 0.25 * bulge) * small)
    rings = np.exp(-(((distance - 0.008) / 0.008) ** 2)) + 0.5 * np.exp(-(((distance - 0.04) / 0.008) ** 2))
    return paint(edge(distance, 1.5 / size), -strength * (8 + 20 * rings))


def water_run(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Faint streaks where water has run or was wiped: slanted, side by side, broken off, with a stain at one end."""
    size, ragged = canvas.size, rough(rng, canvas.size, 9, 9, 3)
    angle = rng.uniform(0, np.pi)
    along, across = rotated(canvas.x - rng.uniform(0.3, 0.7), canvas.y - rng.uniform(0.3, 0.7), angle)
    across = across + rng.uniform(-0.5, 0.5) * along * along
    distance = np.full((size, size), -1.0, np.float32)
    for _ in range(rng.integers(1, 6)):
        half, start = rng.uniform(0.15, 0.5), rng.uniform(-0.25, 0.25)
        width = log_uniform(rng, 0.008, 0.035)
        reach = np.clip(1 - np.abs(along - start) / half, 0, 1) ** 0.5
        streak = width * (reach + 0.35 * ragged - 0.15) - np.abs(across - rng.uniform(-0.1, 0.1))
        distance = np.maximum(distance, streak)
    if rng.random() < 0.5:
        at, small = (rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)), rng.uniform(0.04, 0.1)
        radius, _, _ = ellipse(canvas, at, (small * rng.uniform(1, 2), small), angle)
        distance = np.maximum(distance, (1 - radius + 0.3 * ragged) * small)
    rim = np.exp(-(((distance - 0.006) / 0.006) ** 2))
    tone = -1 if rng.random() < 0.8 else 1
    return paint(edge(distance, log_uniform(rng, 1.5, 5) / size), tone * strength * (rng.uniform(6, 16) + 16 * rim))


def faint_silk(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Fine light or dark flecks in upright rows, all over or in wide bands, hardly above the metal's own grain."""
    size = canvas.size
    rows, columns = rng.uniform(10, 30), rng.uniform(3, 9)
    shift = 0.4 * np.abs((canvas.x * columns) % 1 - 0.5) + 0.15 * rough(rng, size, 7, 7)
    ripple = np.sin(2 * np.pi * (canvas.y * rows + 3 * shift)) + 0.8 * noise(rng, size, 30, 20)
    band = edge(noise(rng, size, 2, int(rng.integers(2, 6))) + rng.uniform(-0.2, 0.9), 0.8)
    alpha = edge(ripple - rng.uniform(0.2, 1.0), 0.9) * band
    tone = rng.choice((-1, 1, 1))
    light = rng.uniform(0, 70) * (np.clip(canvas.x / rng.uniform(0.5, 1.2), 0, 1) - 0.6)
    change = strength * tone * log_uniform(rng, 6, 24) * alpha + (light if rng.random() < 0.6 else 0)
    return Layer(change.astype(np.float32), alpha >= 0.5)


def silk_spot(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A wide upright band of fine bright ripples, wavy like silk."""
    size = canvas.size
    across = canvas.x - rng.uniform(0.25, 0.75) - 0.03 * noise(rng, size, 4, 1)
    band = edge(rng.uniform(0.16, 0.34) - np.abs(across), 0.12)
    zigzag = np.abs((canvas.x * rng.uniform(5, 8)) % 1 - 0.5)
    phase = canvas.y * rng.uniform(9, 14) + rng.uniform(1.6, 2.4) * zigzag + 0.25 * rough(rng, size, 7, 7)
    ripple = edge(np.sin(2 * np.pi * phase) - 0.5 + 0.5 * noise(rng, size, 12, 9), 0.9)
    alpha = ripple * band
    return Layer((strength * (rng.uniform(20, 32) * alpha - 6 * band * (1 - ripple))).astype(np.float32), alpha >= 0.5)


def patches(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Two to four wide, soft-edged, mottled dark areas."""
    size, field = canvas.size, np.full((canvas.size, canvas.size), -9.0, np.float32)
    for _ in range(rng.integers(2, 5)):
        radii = (rng.uniform(0.09, 0.16), rng.uniform(0.11, 0.22))
        radius, _, _ = ellipse(canvas, random_point(rng, 0.08), radii, rng.uniform(-0.4, 0.4))
        field = np.maximum(field, 1 - radius)
    alpha = edge(field + 0.16 * rough(rng, size, 6, 6, 2), 0.6)
    return paint(alpha, -strength * (rng.uniform(36, 58) + 9 * noise(rng, size, 30, 30)))


def dark_patches(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Large soft-edged dark areas, upright or round, on a glaring or grainy ground, mottled inside and out."""
    size = canvas.size
    tall = rng.uniform(1.0, 2.2)
    knots = rng.uniform(2.2, 4.5)
    field = rough(rng, size, max(2, int(knots / tall)), int(knots), 3) + 0.18 * noise(rng, size, 30, 30)
    level = np.quantile(field, 1 - rng.uniform(0.1, 0.4))
    alpha = edge(field - level, rng.uniform(0.15, 0.7))
    mottle = log_uniform(rng, 5, 24) * (noise(rng, size, 60, 60) + 0.6 * noise(rng, size, 22, 22))
    black = rng.uniform(0, 50) * (rough(rng, size, 20, 20, 2) > rng.uniform(1.3, 2.6))
    change = -strength * rng.uniform(45, 110) * alpha + mottle * (1 - 0.5 * alpha) - black
    return Layer(change.astype(np.float32), alpha >= 0.5)

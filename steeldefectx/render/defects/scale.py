"""Scale: oxide that is pressed in, torn, or scattered as flecks."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng, paint
from steeldefectx.render.noise import log_uniform, noise, rough, slanted, wave
from steeldefectx.render.shapes import edge, ellipse, particles, random_point, rotated


def iron_scale_compression(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One large dark grey area, rough inside and ragged at its border."""
    size = canvas.size
    radii = (rng.uniform(0.22, 0.36), rng.uniform(0.16, 0.3))
    radius, _, _ = ellipse(canvas, random_point(rng, 0.25), radii, rng.uniform(0, np.pi))
    inside = edge(1 - radius + 0.22 * rough(rng, size, 6, 6, 4), 0.12)
    return paint(inside, strength * (-30 + 20 * rough(rng, size, 44, 44, 2) + 12 * rough(rng, size, 9, 9)))


def oxide_scale_of_plate_system(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One or two upright spindles filled with a mesh of dark bars, like a bruise."""
    size = canvas.size
    bars = np.sin(2 * np.pi * (canvas.y * rng.uniform(24, 34) + 0.45 * noise(rng, size, 14, 14)))
    inside = np.zeros((size, size), np.float32)
    for _ in range(rng.integers(1, 3)):
        radii = (rng.uniform(0.2, 0.36), rng.uniform(0.045, 0.08))
        radius, _, _ = ellipse(canvas, random_point(rng, 0.1), radii, np.pi / 2 + rng.uniform(-0.1, 0.1))
        inside = np.maximum(inside, edge(1 - radius + 0.1 * rough(rng, size, 12, 12), 0.12))
    mesh = -24 + 26 * np.clip(1.6 * bars, -1, 1) + 8 * noise(rng, size, 50, 50)
    return paint(inside, strength * mesh)


def torn_scale(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to five upright spindles of scale, torn inside into bright metal and dark cross bars, on speckled ground."""
    size = canvas.size
    inside = np.zeros((size, size), np.float32)
    for _ in range(rng.integers(1, 5)):
        at = (rng.uniform(0.05, 0.95), rng.uniform(-0.05, 1.05))
        radii = (log_uniform(rng, 0.1, 0.4), log_uniform(rng, 0.025, 0.085))
        radius, _, _ = ellipse(canvas, at, radii, np.pi / 2 + rng.uniform(-0.12, 0.12))
        inside = np.maximum(inside, edge(1 - radius + 0.18 * rough(rng, size, 16, 24, 2), 0.2))
    bars = np.sin(2 * np.pi * (canvas.y * rng.uniform(18, 40) + 0.8 * noise(rng, size, 12, 16)))
    torn = edge(noise(rng, size, 14, 20) + rng.uniform(-0.5, 0.5) + 0.5 * bars, 0.4)
    speckle = rng.uniform(0, 10) * (noise(rng, size, 30, 34) > 0.7)
    change = inside * (-rng.uniform(25, 60) + rng.uniform(25, 75) * torn + 8 * bars) + speckle
    return Layer((strength * change).astype(np.float32), inside >= 0.5)


def oxide_scale_of_temperature_system(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Loosely scattered flecks of odd outline, each dark with a bright flank, on a quiet surface."""
    size, count = canvas.size, rng.uniform(5.5, 8.5)
    u, v = rotated(canvas.x * count, canvas.y * count, rng.uniform(-0.5, 0.5))
    u, v = u + 0.12 * rough(rng, size, 14, 14), v + 0.12 * rough(rng, size, 14, 14)
    flecks = particles(rng, u, v * rng.uniform(1.0, 1.4), rng.uniform(0.35, 0.65), (0.1, 0.27))
    alpha = edge(1 - flecks.radius, 0.5)
    return paint(alpha, strength * (-34 - 40 * np.clip(flecks.v, -0.6, 1)))


def scattered_flecks(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Small scattered scale flecks, sparse or dense, in columns or all over: dark points with a bright flank."""
    size, count = canvas.size, log_uniform(rng, 9, 30)
    u = canvas.x * count * rng.uniform(1.0, 1.6) + 0.2 * noise(rng, size, 14, 14)
    v = canvas.y * count + 0.2 * noise(rng, size, 14, 14)
    specks = particles(rng, u, v, 1.0, (0.08, 0.36))
    here = rng.uniform(0.05, 0.5) * (1 + 0.9 * np.clip(noise(rng, size, 2, int(rng.integers(2, 7))), -1, 1.5))
    frayed = 1 - specks.radius + 0.3 * noise(rng, size, 60, 60)
    alpha = edge(np.where(specks.value < here, frayed, -1), 0.7)
    flank = np.clip(-specks.v, -0.7, 0.9) * rng.uniform(0, 30)
    return paint(alpha, strength * (-rng.uniform(18, 48) + flank))


def rolled_in_scale(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Dense dark particles with streaks behind them, all slanted one way, on a roughened surface."""
    size, angle = canvas.size, rng.choice((-1, 1)) * rng.uniform(0.25, 0.7)
    along, across = rotated(canvas.x, canvas.y, angle)
    u = along * rng.uniform(6, 8) + 0.15 * noise(rng, size, 10, 10)
    v = across * rng.uniform(16, 22) + 0.3 * rough(rng, size, 12, 12)
    scale = particles(rng, u, v, rng.uniform(0.4, 0.6), (0.25, 0.47))
    tail = 1 - 0.4 * np.clip(scale.u, -1, 1)
    alpha = edge(tail - scale.radius - 0.15, 0.5)
    grit = 5 * np.sin(2 * np.pi * (across * 34 + 0.7 * noise(rng, size, 8, 8)))
    change = alpha * strength * (-44 - 16 * scale.u) + (1 - alpha) * grit
    return Layer(change.astype(np.float32), alpha >= 0.5)


def pressed_scale(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Rolled-in scale: clustered short dark slanted flecks with a bright side, on a slanted, streaky, banded ground."""
    size, slope = canvas.size, rng.uniform(-0.9, 0.9)
    ground = log_uniform(rng, 3, 14) * slanted(rng, size, int(rng.integers(5, 16)), int(rng.integers(30, 75)), slope)
    ground = ground + log_uniform(rng, 2, 18) * wave(rng, size, int(rng.integers(2, 7)))
    ground = (
        ground + log_uniform(rng, 2, 10) * noise(rng, size, 64, 64) + log_uniform(rng, 1, 9) * rough(rng, size, 5, 5, 2)
    )
    x, y = rotated(canvas.x, canvas.y, np.arctan(-slope) * rng.uniform(0.4, 1.0))
    count = log_uniform(rng, 9, 26)
    u = x * count + 0.3 * noise(rng, size, 20, 20)
    v = y * count * rng.uniform(1.3, 2.4) + 0.35 * rough(rng, size, 18, 18, 2)
    scale = particles(rng, u, v, 1.0, (0.15, 0.48))
    here = log_uniform(rng, 0.08, 0.4) * (1 + np.clip(1.3 * noise(rng, size, 4, 4), -1, 1.6))
    alpha = edge(np.where(scale.value < here, 1 - scale.radius + 0.3 * noise(rng, size, 50, 50), -1), 0.9)
    shadow = np.roll(alpha, int(rng.choice((-2, -1, 1, 2))), axis=0) * (1 - alpha) * rng.uniform(0, 22)
    change = ground - strength * (log_uniform(rng, 16, 55) * alpha - shadow)
    return Layer(change.astype(np.float32), alpha >= 0.5)

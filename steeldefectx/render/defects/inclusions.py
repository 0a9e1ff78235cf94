"""Foreign matter in the steel: inclusions and slag."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng, paint
from steeldefectx.render.noise import log_uniform, noise, rough, wave
from steeldefectx.render.shapes import edge, ellipse, particles, random_point, taper_ends


def inclusion(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Two to nine dark spindles, drawn out along the rolling direction and lined up in a stringer."""
    x0, spread = rng.uniform(0.15, 0.85), rng.uniform(0.02, 0.12)
    wobble = 0.006 * rough(rng, canvas.size, 14, 14)
    alpha = np.zeros((canvas.size, canvas.size), np.float32)
    for _ in range(rng.integers(2, 10)):
        at = (x0 + rng.normal(0, spread), rng.uniform(0.08, 0.92))
        radii = (rng.uniform(0.05, 0.12), rng.uniform(0.011, 0.024))
        radius, _, _ = ellipse(canvas, at, radii, np.pi / 2 + rng.uniform(-0.06, 0.06))
        alpha = np.maximum(alpha, edge((1 - radius) * radii[1] + wobble * (radius < 1.5), 0.012))
    return paint(alpha, -strength * rng.uniform(30, 55))


def stringers(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Inclusions of all sizes, upright soft-ended spindles in a column or all over, dark or greyish."""
    size = canvas.size
    columns = log_uniform(rng, 5, 14)
    rows = columns / rng.uniform(2.5, 5)
    u = canvas.x * columns + 0.25 * noise(rng, size, 4, 4)
    v = canvas.y * rows + 0.2 * rough(rng, size, 12, 12, 2)
    spindles = particles(rng, u, v + rng.random(64)[np.floor(u).astype(int) % 64], rng.uniform(0.2, 0.7), (0.2, 0.48))
    centre = rng.uniform(0.1, 0.9)
    near = edge(log_uniform(rng, 0.1, 0.7) - np.abs(canvas.x - centre), 0.15)
    taper = 1 - 0.45 * np.abs(spindles.v)
    alpha = edge(np.where(spindles.value < near, taper - spindles.radius + 0.2 * rough(rng, size, 20, 40, 2), -1), 0.4)
    if rng.random() < 0.35:
        alpha = np.maximum(alpha, inclusion(canvas, rng, 1.0).mask.astype(np.float32))
    return paint(alpha, -strength * rng.uniform(22, 65))


def soft_streaks(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Inclusions as a few narrow spindles that follow a wavering course along the strip, soft and often faint."""
    size = canvas.size
    vertical = rng.random() < 0.95
    along, across = (canvas.y, canvas.x) if vertical else (canvas.x, canvas.y)
    column, gathered = rng.uniform(0.05, 0.95), rng.random() < 0.6
    drift = rng.uniform(0, 0.012) * wave(rng, size, 6)
    waver = (drift[:, None] if vertical else drift) + 0.006 * rough(rng, size, 16, 16, 2)
    alpha = np.zeros((size, size), np.float32)
    longest = log_uniform(rng, 0.06, 0.45)
    for _ in range(rng.integers(1, 10)):
        at = column + rng.normal(0, 0.04) if gathered else rng.uniform(0, 1)
        half = longest * rng.uniform(0.3, 1.0)
        width = np.clip(half * rng.uniform(0.06, 0.22), 0.7 / size, 0.045)
        u = (along - rng.uniform(0, 1)) / half
        outline = width * np.sqrt(np.clip(1 - u * u, 0, None)) * (1 + 0.4 * np.clip(3 * waver / 0.012, -1, 1))
        mark = edge(outline - np.abs(across - at - waver), max(1.5 / size, width * rng.uniform(0.3, 1.2)))
        alpha = np.maximum(alpha, mark * (np.abs(u) < 1) * rng.uniform(0.5, 1.0))
    return paint(alpha, -strength * rng.uniform(22, 60))


def slag_inclusion(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """An upright torn chain of black lumps with hard bright glints in it."""
    size, height = canvas.size, rng.uniform(0.2, 0.45)
    x0, y0 = random_point(rng, 0.2)
    rows = canvas.y[:, :1]
    width = np.clip(0.035 + 0.03 * wave(rng, size, 14) + 0.012 * wave(rng, size, 40), 0.006, 0.11)[:, None]
    width = width * np.sqrt(np.clip(1 - ((rows - y0) / height) ** 2, 0, None))
    off = canvas.x - x0 - 0.025 * wave(rng, size, 8)[:, None]
    alpha = edge(width - np.abs(off), 1.5 / size) * (width > 0)
    glints = noise(rng, size, 26, 16) + 0.35 > 1.0
    return paint(alpha, strength * np.where(glints, 80, -70))


def slag_band(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """An upright band of slag: a torn chain, a flat strip with rippled margins, or blisters with a thin outline."""
    size = canvas.size
    kind = rng.random()
    if kind < 0.2:
        return _blister(canvas, rng, strength)
    rows = canvas.y[:, :1]
    course = (
        rng.uniform(0.1, 0.9) + rng.uniform(0, 0.03) * wave(rng, size, 6)[:, None] + rng.uniform(-0.08, 0.08) * rows
    )
    off = canvas.x - course
    if kind < 0.6:
        width = log_uniform(rng, 0.006, 0.05) * np.clip(
            1 + 0.7 * wave(rng, size, 14) + 0.4 * wave(rng, size, 40), 0.05, 3
        )
        width = width[:, None] * taper_ends(rows, rng, 0.4, 2.2)
        alpha = edge(width - np.abs(off), 1.5 / size)
        inner = np.where(noise(rng, size, 30, 18) > rng.uniform(0.2, 1.0), rng.uniform(40, 130), 0)
        change = alpha * (-rng.uniform(45, 80) + inner)
    else:
        width = log_uniform(rng, 0.04, 0.14) * (1 + 0.15 * wave(rng, size, 8))[:, None]
        alpha = edge(width - np.abs(off), 2 / size)
        flank = edge(0.4 * width - np.abs(np.abs(off) - 0.7 * width), 0.02)
        ripple = np.sin(2 * np.pi * (canvas.y * rng.uniform(6, 22) + 0.3 * noise(rng, size, 10, 6)))
        strips = noise(rng, size, 2, int(rng.integers(20, 50)))
        change = alpha * (rng.uniform(-45, 8) + rng.uniform(5, 30) * flank * ripple + rng.uniform(5, 22) * strips)
        change = change - rng.uniform(10, 50) * np.exp(-(((np.abs(off) - width) / 0.01) ** 2))
        change = change + alpha * np.where(noise(rng, size, 30, 30) > 1.3, rng.uniform(0, 110), 0)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def slag_tear(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Slag torn open: an upright band or wedge of glaring metal and black pits, with drawn-out lines around it."""
    size = canvas.size
    course = rng.uniform(0.05, 0.95) + rng.uniform(-0.1, 0.1) * canvas.y
    off = canvas.x - course - 0.02 * rough(rng, size, 6, 3, 2)
    width = log_uniform(rng, 0.015, 0.13) * (1 + 0.35 * wave(rng, size, 12))[:, None]
    if rng.random() < 0.4:  # a wedge
        width = width * np.clip((canvas.y[:, :1] - rng.uniform(0, 0.7)) * rng.uniform(1.5, 4), 0, 1.5)
        width = width[::-1] if rng.random() < 0.5 else width
    else:
        width = width * taper_ends(canvas.y[:, :1], rng, 0.3, 2.2)
    inside = edge(width - np.abs(off), 2 / size) * (width > 0)
    folds = noise(rng, size, int(rng.integers(10, 40)), int(rng.integers(8, 30)))
    folds = folds + 0.6 * noise(rng, size, 40, 40)
    torn = rng.uniform(30, 70) * folds + np.where(folds > 1.0, rng.uniform(20, 90), 0) - rng.uniform(0, 35)
    lines = edge(noise(rng, size, 2, int(rng.integers(24, 60))) - rng.uniform(0.9, 1.6), 0.4)
    near = edge(log_uniform(rng, 0.05, 0.3) - np.abs(off), 0.1) * (1 - inside)
    change = inside * torn - rng.uniform(0, 35) * lines * near
    return Layer((strength * change).astype(np.float32), inside >= 0.5)


def _blister(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A drop-shaped blister with thin double outline around a torn dark core."""
    size = canvas.size
    change, alpha = np.zeros((2, size, size), np.float32)
    for _ in range(rng.choice((1, 1, 2))):
        at, long = (rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.9)), log_uniform(rng, 0.15, 0.45)
        radius, along, _ = ellipse(
            canvas, at, (long, long * rng.uniform(0.25, 0.5)), np.pi / 2 + rng.uniform(-0.1, 0.1)
        )
        radius = radius * (1 + rng.uniform(-0.25, 0.25) * along) + 0.1 * noise(rng, size, 6, 6)
        ring = np.exp(-(((radius - 1) / rng.uniform(0.03, 0.08)) ** 2)) - 0.6 * np.exp(-(((radius - 0.88) / 0.06) ** 2))
        core = edge(rng.uniform(0.1, 0.35) - np.abs(radius - 0.1) * (1 + 0.8 * noise(rng, size, 30, 10)), 0.2)
        torn = np.where(noise(rng, size, 40, 30) > 0.6, rng.uniform(40, 130), -rng.uniform(30, 70))
        filled = rng.uniform(-22, 10) * edge(1 - radius, 0.05)
        change = change + filled - rng.uniform(20, 50) * ring + core * torn
        alpha = np.maximum(alpha, edge(1 - radius, 0.05))
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)

"""Folds: creases across the strip, and wrinkles."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng
from steeldefectx.render.noise import log_uniform, noise, wave
from steeldefectx.render.shapes import course_axes, edge, ellipse, particles, random_point, taper_ends


def crease(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to three folds across the whole strip: a dark flank beside a narrower bright one."""
    size = canvas.size
    slope, first = rng.uniform(-0.12, 0.12), rng.uniform(0.15, 0.8)
    bend = rng.uniform(0.005, 0.02) * wave(rng, size, 4)
    change, mask = np.zeros((size, size), np.float32), np.zeros((size, size), bool)
    for number in range(rng.integers(1, 4)):
        width = rng.uniform(0.02, 0.04) * np.clip(1 + 0.3 * wave(rng, size, 5), 0.5, 1.6)
        course = first + number * rng.uniform(0.11, 0.18) + slope * (canvas.x - 0.5) + bend
        off = (canvas.y - course) / width
        change += -45 * np.exp(-((off + 0.45) ** 2) * 5) + 38 * np.exp(-((off - 0.5) ** 2) * 9)
        mask |= np.abs(off) < 1
    return Layer(strength * change, mask)


def fold_lines(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Creases that are faint, steep or many: light and dark bands across or along the strip."""
    size, vertical = canvas.size, rng.random() < 0.4
    change, mask = np.zeros((size, size), np.float32), np.zeros((size, size), bool)
    for _ in range(rng.integers(1, 5)):
        _, across = course_axes(canvas, rng, vertical, rng.uniform(0.005, 0.03))
        off = across / log_uniform(rng, 0.012, 0.045)
        change = change + rng.choice((-1, 1)) * rng.uniform(15, 50) * off * np.exp(-(off**2)) * 2
        mask |= np.abs(off) < 1.3
    return Layer((strength * change).astype(np.float32), mask)


def thin_crease(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A thin sharp fold across the strip, dark beside bright, that swells here and there and may end within it."""
    size = canvas.size
    change, mask = np.zeros((size, size), np.float32), np.zeros((size, size), bool)
    for _ in range(rng.choice((1, 1, 2))):
        along, across = course_axes(canvas, rng, False, rng.uniform(0, 0.01))
        swell = np.clip(1 + rng.uniform(0.5, 2.5) * wave(rng, size, int(rng.integers(3, 9))), 0.5, 4)
        width = max(log_uniform(rng, 0.004, 0.014), 0.6 / size) * swell
        off = across / width
        ends = taper_ends(along, rng, 0.4, 1.4)
        change += ends * (-rng.uniform(18, 50) * np.exp(-((off + 0.4) ** 2) * 2))
        change += ends * (rng.uniform(0, 30) * np.exp(-((off - 0.8) ** 2) * 3))
        mask |= (np.abs(off) < 1) & (ends > 0.5)
    return Layer(strength * change, mask)


def scraped_folds(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Fine bent lines close together across a wide part of the strip, with rough dark fringes."""
    size = canvas.size
    bent = canvas.y + rng.uniform(-0.3, 0.3) * (canvas.x - rng.uniform(0, 1)) ** 2 + 0.02 * noise(rng, size, 5, 5)
    lines = wave(rng, size, int(rng.integers(20, 60)))[np.clip((bent * size).astype(np.intp), 0, size - 1)]
    here = edge(noise(rng, size, 3, 2) + rng.uniform(-0.1, 0.9), 0.7)
    dashes = np.clip(0.5 + noise(rng, size, 30, 5), 0, 1)
    alpha = here * edge(lines - 0.3, 0.6) * (0.3 + 0.7 * dashes)
    fringe = here * edge(noise(rng, size, 30, 12) - rng.uniform(1.1, 1.8), 0.5)
    change = -strength * (log_uniform(rng, 18, 60) * alpha + rng.uniform(0, 30) * fringe)
    return Layer(change.astype(np.float32), here * np.maximum(alpha, fringe) >= 0.3)


def waist_folding(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Many short, thin wrinkles across the strip, close together in one rough region."""
    size = canvas.size
    v = canvas.y * rng.uniform(20, 28) + 0.5 * noise(rng, size, 4, 3) + rng.uniform(-3, 3) * canvas.x
    shift = rng.random(256).astype(np.float32)[np.floor(v).astype(np.intp) % 256]
    wrinkles = particles(rng, canvas.x * rng.uniform(2, 4) + shift, v, 0.85, (0.3, 0.48))
    radius, _, _ = ellipse(canvas, random_point(rng, 0.3), (rng.uniform(0.35, 0.6), rng.uniform(0.25, 0.4)))
    here = edge(1 - radius + 0.25 * noise(rng, size, 5, 5), 0.4)
    alpha = edge(np.where(wrinkles.value < here, 0.8 - wrinkles.radius, -1), 0.4)
    grit = 7 * here * noise(rng, size, 30, 60)
    return Layer((-strength * (48 * alpha + 22 * alpha * wrinkles.v) + grit).astype(np.float32), alpha >= 0.5)

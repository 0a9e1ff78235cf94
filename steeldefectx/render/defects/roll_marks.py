"""What a damaged roll leaves: prints and pits, often again at equal distances."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng
from steeldefectx.render.noise import log_uniform, noise, rough
from steeldefectx.render.shapes import edge, ellipse


def finishing_roll_printing(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """The same slanted, elongated dent again and again at equal distances along the strip."""
    count = rng.integers(3, 6)
    period = rng.uniform(0.85, 1.1) / count
    x0, drift = rng.uniform(0.2, 0.8), rng.uniform(-0.08, 0.08)
    first = rng.uniform(0.3, 0.6) * period
    angle = rng.choice((-1, 1)) * rng.uniform(0.45, 0.9)
    radii = (period * rng.uniform(0.42, 0.52), rng.uniform(0.02, 0.032))
    change, alpha = np.zeros((2, canvas.size, canvas.size), np.float32)
    for number in range(count):
        at = (x0 + drift * (number - count / 2), first + number * period)
        radius, _, across = ellipse(canvas, at, radii, angle)
        mark = edge((1 - radius) * radii[1], 2 / canvas.size)
        change, alpha = change + mark * (-26 + 38 * across), np.maximum(alpha, mark)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def roll_print(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One or two faint slanted prints of a cut roll: a narrow dark or bright core in a soft bright or dark margin."""
    size = canvas.size
    change, alpha = np.zeros((2, size, size), np.float32)
    steep = rng.random() < 0.5
    angle = rng.choice((-1, 1)) * (rng.uniform(1.1, 1.45) if steep else rng.uniform(0.08, 0.45))
    for _ in range(rng.choice((1, 1, 1, 2))):
        at = (rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9))
        radii = (rng.uniform(0.2, 0.65), log_uniform(rng, 0.012, 0.05))
        radius, _, across = ellipse(canvas, at, radii, angle + rng.uniform(-0.05, 0.05))
        ragged = radius + 0.2 * rough(rng, size, 14, 14, 2)
        core, margin = edge(0.8 - ragged, 0.5), edge(1.9 - radius, 1.4)
        dark = rng.choice((-1, -1, 1))
        print_ = core * (dark * rng.uniform(10, 42) + 14 * noise(rng, size, 40, 40) + rng.uniform(-14, 14) * across)
        change = change + print_ - dark * rng.uniform(0, 16) * margin * (1 - core)
        alpha = np.maximum(alpha, core)
    if rng.random() < 0.3:  # the soft wedge where the roll lifted off
        side = edge((canvas.y - rng.uniform(0, 1)) * rng.choice((-1, 1)) + 0.15 * (canvas.x - 0.5), 0.05)
        change = change + rng.uniform(-7, 7) * side * edge(canvas.x - rng.uniform(0, 0.7), 0.04)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def rolled_pit(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A row of round pits across the strip, equally spaced, lit from one side; sometimes two rows."""
    count, rows = rng.integers(5, 10), rng.integers(1, 3)
    period, size = 1.0 / count, rng.uniform(0.028, 0.042)
    first, y0 = rng.uniform(0, period), rng.uniform(0.12, 0.6)
    tilt, step = rng.uniform(-0.1, 0.1), rng.uniform(0.16, 0.3)
    change, alpha = np.zeros((2, canvas.size, canvas.size), np.float32)
    for row, number in np.ndindex(rows, int(count)):
        at = (first + number * period, y0 + row * step + tilt * number * period)
        radius, across, down = ellipse(canvas, at, (size, size * rng.uniform(0.8, 1.1)))
        mark = edge((1 - radius) * size, 2 / canvas.size)
        change, alpha = change + mark * (-42 + 30 * (across + down)), np.maximum(alpha, mark)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def rolled_stripe(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A ragged stripe across the strip where pits have run together: blotches side by side, torn at their edges."""
    size, ragged = canvas.size, rough(rng, canvas.size, 14, 9, 3)
    count = int(rng.integers(2, 7))
    period, y0 = rng.uniform(0.1, 0.9 / count + 0.05), rng.uniform(0.15, 0.85)
    first, tilt = rng.uniform(0.05, 0.4), rng.uniform(-0.08, 0.08)
    distance = np.full((size, size), -1.0, np.float32)
    for number in range(count):
        at = (first + number * period, y0 + tilt * number * period)
        radii = (period * rng.uniform(0.45, 0.8), log_uniform(rng, 0.025, 0.09))
        radius, _, _ = ellipse(canvas, at, radii)
        distance = np.maximum(distance, 1 - radius)
    alpha = edge(distance + rng.uniform(0.2, 0.5) * ragged, log_uniform(rng, 0.2, 0.9))
    grain = rng.uniform(4, 22) * noise(rng, size, 40, 25) + rng.uniform(0, 18) * (distance < 0.35)
    dark = rng.choice((-1, -1, -1, 1))
    return Layer((strength * alpha * (dark * log_uniform(rng, 12, 42) + grain)).astype(np.float32), alpha >= 0.5)

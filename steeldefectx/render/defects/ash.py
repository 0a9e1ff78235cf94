"""Ash: black lumps with crumbs and dust."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Canvas, Layer, Rng, paint
from steeldefectx.render.noise import log_uniform, noise, rough
from steeldefectx.render.shapes import edge, ellipse, particles, random_point, rotated


def iron_sheet_ash(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A nearly black crumbling speck with small crumbs and a few glints around it."""
    size, at, big = canvas.size, random_point(rng, 0.18), rng.uniform(0.04, 0.085)
    radius, _, _ = ellipse(canvas, at, (big * rng.uniform(1.0, 1.6), big), rng.uniform(-0.4, 0.4))
    core = (1 - radius + 0.3 * rough(rng, size, 14, 14)) * big
    u, v = rotated(canvas.x * 26, canvas.y * 26, rng.uniform(0, np.pi))
    crumbs = particles(rng, u + 0.3 * noise(rng, size, 30, 30), v, 0.7, (0.15, 0.42))
    near = edge(rng.uniform(1.8, 2.6) - radius, 0.8)
    dust = np.where(crumbs.value < near, (1 - crumbs.radius) * 0.012, -1)
    alpha = edge(np.maximum(core, dust), 1.5 / size)
    glint = 110 * (noise(rng, size, 40, 40) > 1.25)
    return paint(alpha, strength * (-72 + glint))


def ash_lumps(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to three black lumps lying across the strip, frayed and with a shadow, crumbs and an arc of dust beside."""
    size = canvas.size
    alpha, shade = np.zeros((2, size, size), np.float32)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = (rng.uniform(0.08, 0.92), rng.uniform(0.05, 0.97))
        big = log_uniform(rng, 0.025, 0.085)
        radius, u, v = ellipse(canvas, at, (big * rng.uniform(1.1, 2.2), big), rng.uniform(-0.3, 0.3))
        frayed = (1 - radius + 0.35 * rough(rng, size, 20, 20, 2)) * big
        alpha = np.maximum(alpha, edge(frayed, 2.5 / size))
        shade = np.maximum(shade, np.exp(-((u / 2.2) ** 2 + (v / 1.5) ** 2)))
        if rng.random() < 0.5:
            count = rng.uniform(22, 38)
            crumbs = particles(rng, canvas.x * count, canvas.y * count, 0.6, (0.12, 0.42))
            tail = edge(rng.uniform(2, 4) - np.abs(radius - 1 - rng.uniform(0, 2)), 1.0) * edge(v + 0.5, 1.0)
            alpha = np.maximum(alpha, edge(np.where(crumbs.value < 0.6 * tail, 1 - crumbs.radius, -1), 0.6))
    glint = np.where(noise(rng, size, 40, 40) > rng.uniform(0.8, 2.0), rng.uniform(60, 140), 0)
    hollow = rng.uniform(0, 60) * (noise(rng, size, 26, 26) > 0.2) if rng.random() < 0.35 else 0
    change = alpha * (-rng.uniform(50, 85) + glint + hollow) - rng.uniform(0, 22) * shade * (1 - alpha)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)

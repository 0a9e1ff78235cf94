"""Machined metal: ground, brushed, polished, milled, turned, planed."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Rng
from steeldefectx.render.composed.ground import Ground, clouds, grid, light, lying, profile, streaks, turned_grid, white
from steeldefectx.render.noise import log_uniform, noise, slanted


def ground(rng: Rng, size: int) -> Ground:
    """Fine parallel grinding marks, uneven in depth."""
    if rng.random() < 0.5:
        across, _, angle = turned_grid(rng, size, 0.5)
        pixels = rng.uniform(80, 195) + log_uniform(rng, 2, 16) * profile(rng, across, int(rng.integers(60, 140)))
        pixels = pixels + log_uniform(rng, 1, 8) * noise(rng, size, 30, 30)
        return Ground((pixels + white(rng, size, 1, 6) + light(rng, size, 2, 25)).astype(np.float32), angle)
    slope = rng.uniform(-1, 1)
    marks = slanted(rng, size, int(rng.integers(3, 14)), int(rng.integers(50, 110)), slope)
    pixels = rng.uniform(80, 195) + log_uniform(rng, 3, 16) * marks + white(rng, size, 1, 6)
    return Ground(pixels + light(rng, size, 2, 25), float(np.arctan(-slope)))


def brushed(rng: Rng, size: int) -> Ground:
    """Long fine satin strokes with a sheen across them."""
    pixels = rng.uniform(90, 195) + streaks(rng, size, 2, 12, (2, 10)) + white(rng, size, 0.8, 4)
    x, _ = grid(size)
    sheen = np.exp(-(((x - rng.uniform(0.1, 0.9)) / rng.uniform(0.15, 0.5)) ** 2))
    return lying(rng, (pixels + log_uniform(rng, 4, 45) * sheen).astype(np.float32), 0.6)


def polished(rng: Rng, size: int) -> Ground:
    """A mirror: blurred reflections with hard transitions, hairlines of the cloth."""
    x, y = grid(size)
    pixels = rng.uniform(60, 170) + clouds(rng, size, 6, 35, (2, 4)) + white(rng, size, 0.4, 1.6)
    for _ in range(int(rng.integers(0, 3))):
        angle = rng.uniform(0, np.pi)
        off = (x - rng.uniform(0, 1)) * np.cos(angle) + (y - rng.uniform(0, 1)) * np.sin(angle)
        pixels = pixels + rng.uniform(15, 70) * np.exp(-((off / rng.uniform(0.04, 0.25)) ** 2))
    hair = slanted(rng, size, 2, 100, rng.uniform(-1, 1)) if rng.random() < 0.4 else np.float32(0)
    return Ground((pixels + log_uniform(rng, 0.5, 3) * hair).astype(np.float32), float(rng.uniform(0, np.pi)))


def milled(rng: Rng, size: int) -> Ground:
    """Overlapping arcs of a face cutter."""
    x, y = grid(size)
    radius = log_uniform(rng, 0.4, 3)
    away, angle = radius * rng.uniform(0.6, 1.4), rng.uniform(0, 2 * np.pi)
    cx, cy = 0.5 + away * np.cos(angle), 0.5 + away * np.sin(angle)
    off = np.hypot(x - cx, y - cy) + 0.004 * noise(rng, size, 12, 12)
    feed = log_uniform(rng, 9, 40)
    phase = off * feed
    arcs = np.abs(phase % 1 - 0.5) * 4 - 1
    deep = profile(rng, np.clip(off - away, -0.8, 0.8), 30)
    pixels = rng.uniform(90, 190) + log_uniform(rng, 2, 16) * arcs + log_uniform(rng, 2, 10) * deep
    if rng.random() < 0.4:
        back = np.hypot(x - 1 + cx, y - 1 + cy) * feed
        pixels = pixels + log_uniform(rng, 1, 8) * np.sin(2 * np.pi * back)
    pixels = pixels + white(rng, size, 1, 5) + light(rng, size, 3, 30)
    return Ground(pixels.astype(np.float32), float(angle + np.pi / 2))


def turned(rng: Rng, size: int) -> Ground:
    """Rings of a lathe around a centre inside or outside the image, with the fan of light that they throw."""
    x, y = grid(size)
    cx, cy = rng.uniform(-0.4, 1.4, 2)
    dx, dy = x - cx, y - cy
    off = np.hypot(dx, dy)
    rings = np.sin(2 * np.pi * off * log_uniform(rng, 12, 45))
    uneven = profile(rng, np.clip(off - 0.7, -0.8, 0.8), int(rng.integers(30, 90)))
    pixels = rng.uniform(80, 180) + log_uniform(rng, 1, 12) * rings + log_uniform(rng, 2, 12) * uneven
    fan = np.cos(2 * (np.arctan2(dy, dx) - rng.uniform(0, np.pi))) ** int(rng.choice((2, 4, 8)))
    pixels = pixels + log_uniform(rng, 4, 60) * fan + white(rng, size, 1, 5)
    return Ground(pixels.astype(np.float32), float(np.arctan2(0.5 - cy, 0.5 - cx) + np.pi / 2))


def planed(rng: Rng, size: int) -> Ground:
    """Straight feed marks at equal distances."""
    across, along, angle = turned_grid(rng, size, 0.7)
    phase = across * log_uniform(rng, 9, 40)
    saw = (phase % 1 - 0.5) * 2
    pixels = rng.uniform(85, 190) + log_uniform(rng, 3, 18) * saw + log_uniform(rng, 1, 8) * profile(rng, across, 60)
    pixels = pixels + log_uniform(rng, 0.5, 6) * profile(rng, along, 20) + white(rng, size, 1, 5)
    return Ground((pixels + light(rng, size, 2, 25)).astype(np.float32), angle)


def knurled(rng: Rng, size: int) -> Ground:
    """Two sets of crossing grooves: a lattice of pyramids."""
    across, along, angle = turned_grid(rng, size, 0.7)
    pitch = log_uniform(rng, 7, 16)
    a, b = (across + along) * pitch, (across - along) * pitch
    lattice = np.cos(2 * np.pi * a) + np.cos(2 * np.pi * b)
    facing = np.sin(2 * np.pi * a + 0.6)
    pixels = rng.uniform(80, 150) + log_uniform(rng, 8, 30) * lattice + log_uniform(rng, 3, 16) * facing
    return Ground((pixels + white(rng, size, 1, 5) + light(rng, size, 2, 25)).astype(np.float32), angle)


def woven(rng: Rng, size: int) -> Ground:
    """Wires that go over and under one another."""
    x, y = grid(size)
    mesh = log_uniform(rng, 7, 18)
    u, v = x * mesh + 0.05 * noise(rng, size, 6, 6), y * mesh
    over = (np.floor(u) + np.floor(v)) % 2 < 1
    warp, weft = np.sin(np.pi * (u % 1)), np.sin(np.pi * (v % 1))
    wires = np.where(over, warp * (0.6 + 0.4 * weft), weft * (0.6 + 0.4 * warp))
    pixels = rng.uniform(25, 80) + rng.uniform(60, 130) * wires + white(rng, size, 1, 5) + light(rng, size, 2, 20)
    return Ground(pixels.astype(np.float32))

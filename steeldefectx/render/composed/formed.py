"""Castings, forgings, powder parts, coats of paint, tubes, bars and welds."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Array, Rng
from steeldefectx.render.composed.ground import ALONG_X, ALONG_Y, Ground, clouds, grid, light, lying, profile, white
from steeldefectx.render.noise import log_uniform, noise, rough, wave


def _bumps(rng: Rng, size: int, knots: int) -> Array:
    """Side-lit grains: the slope of noise, about -2..2."""
    field = noise(rng, size, knots, knots)
    slope = np.zeros_like(field)
    down = rng.random() < 0.5
    if down:
        slope[1:] = field[1:] - field[:-1]
    else:
        slope[:, 1:] = field[:, 1:] - field[:, :-1]
    return slope * np.float32(0.25 * size / knots)


def blasted(rng: Rng, size: int) -> Ground:
    """Matt, even, grained from pixel to pixel."""
    pixels = rng.uniform(85, 190) + log_uniform(rng, 4, 16) * _bumps(rng, size, int(rng.integers(45, 100)))
    return Ground(pixels + white(rng, size, 2, 8) + clouds(rng, size, 0.8, 7) + light(rng, size, 3, 30))


def cast(rng: Rng, size: int) -> Ground:
    """A sand skin: coarse grains and shallow unevenness."""
    pixels = rng.uniform(50, 150) + log_uniform(rng, 5, 20) * _bumps(rng, size, int(rng.integers(18, 55)))
    pixels = pixels + log_uniform(rng, 3, 16) * rough(rng, size, 6, 6, 2) + white(rng, size, 1.5, 6)
    return Ground(pixels + light(rng, size, 4, 35))


def die_cast(rng: Rng, size: int) -> Ground:
    """A smooth light skin with flow clouds."""
    x, y = grid(size)
    warp = 0.3 * noise(rng, size, 4, 4)
    flow = np.sin(2 * np.pi * (x * rng.uniform(-3, 3) + y * rng.uniform(-3, 3) + warp))
    pixels = rng.uniform(110, 200) + log_uniform(rng, 1, 12) * flow + clouds(rng, size, 2, 12)
    return Ground((pixels + white(rng, size, 1, 5) + light(rng, size, 4, 40)).astype(np.float32))


def forged(rng: Rng, size: int) -> Ground:
    """Dark scaly skin with shallow flats."""
    pixels = rng.uniform(45, 120) + log_uniform(rng, 4, 16) * rough(rng, size, 4, 4, 3)
    pixels = pixels + log_uniform(rng, 3, 12) * _bumps(rng, size, int(rng.integers(12, 40))) + white(rng, size, 1.5, 6)
    return Ground(pixels + light(rng, size, 3, 25))


def sintered(rng: Rng, size: int) -> Ground:
    """Pressed powder: even grain with dark points between."""
    knots = int(rng.integers(50, 110))
    grain = noise(rng, size, knots, knots)
    pixels = rng.uniform(70, 150) + log_uniform(rng, 3, 14) * grain - rng.uniform(4, 30) * (grain < -1)
    return Ground((pixels + white(rng, size, 1.5, 7) + light(rng, size, 2, 20)).astype(np.float32))


def ferrite(rng: Rng, size: int) -> Ground:
    """Dark ceramic, ground, with faint grain."""
    pixels = rng.uniform(35, 110) + log_uniform(rng, 1, 7) * noise(rng, size, int(rng.integers(2, 10)), 80)
    pixels = pixels + white(rng, size, 1, 6) + clouds(rng, size, 0.8, 6) + light(rng, size, 2, 18)
    return lying(rng, pixels, 0.5)


def painted(rng: Rng, size: int) -> Ground:
    """Even and glossy, of any grey, with a soft reflection."""
    pixels = rng.uniform(25, 225) + light(rng, size, 2, 30) + white(rng, size, 0.4, 2.5) + clouds(rng, size, 0.3, 4)
    if rng.random() < 0.4:
        x, y = grid(size)
        off = np.hypot(x - rng.uniform(0, 1), (y - rng.uniform(0, 1)) * rng.uniform(0.5, 2))
        pixels = pixels + rng.uniform(5, 50) * np.exp(-((off / rng.uniform(0.15, 0.6)) ** 2))
    return Ground(pixels.astype(np.float32), float(rng.uniform(0, np.pi)))


def powder_coated(rng: Rng, size: int) -> Ground:
    """A coat with fine bumps."""
    pixels = rng.uniform(40, 200) + log_uniform(rng, 2, 11) * _bumps(rng, size, int(rng.integers(24, 60)))
    return Ground(pixels + white(rng, size, 0.6, 3) + light(rng, size, 2, 25))


def chromed(rng: Rng, size: int) -> Ground:
    """Bright plating with a blurred horizon."""
    x, y = grid(size)
    along, angle = (x, ALONG_Y) if rng.random() < 0.5 else (y, ALONG_X)
    off = along - rng.uniform(0.2, 0.8) + 0.03 * noise(rng, size, 3, 3)
    horizon = np.tanh(off / rng.uniform(0.02, 0.3)) * rng.uniform(10, 70)
    pixels = rng.uniform(90, 190) + horizon + white(rng, size, 0.4, 2) + clouds(rng, size, 1, 10)
    return Ground(pixels.astype(np.float32), angle)


def enamelled(rng: Rng, size: int) -> Ground:
    """Glazed: very even, light or dark."""
    grey = rng.uniform(170, 235) if rng.random() < 0.6 else rng.uniform(20, 90)
    return Ground(grey + white(rng, size, 0.4, 2) + light(rng, size, 1, 20) + clouds(rng, size, 0.3, 4))


def tube(rng: Rng, size: int) -> Ground:
    """A bore, seen into its depth with drawing marks that run there, or a strip of its wall."""
    if rng.random() < 0.5:
        x, _ = grid(size)
        bow = np.cos(np.pi * (x - rng.uniform(0.35, 0.65))) ** 2
        pixels = rng.uniform(30, 90) + rng.uniform(30, 110) * bow + log_uniform(rng, 1, 7) * noise(rng, size, 3, 90)
        return lying(rng, (pixels + white(rng, size, 1, 5) + clouds(rng, size, 1, 8)).astype(np.float32), 0.5)
    x, y = grid(size)
    dx, dy = x - rng.uniform(0.3, 0.7), y - rng.uniform(0.3, 0.7)
    off, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    deep = np.clip(off / rng.uniform(0.35, 0.7), 0, 1) ** rng.uniform(0.6, 2.5)
    marks = profile(rng, angle * (0.8 / np.pi), int(rng.integers(40, 120))) * np.clip(2 * off, 0, 1)
    pixels = rng.uniform(8, 50) + rng.uniform(60, 150) * deep + log_uniform(rng, 1, 9) * marks
    pixels = pixels + log_uniform(rng, 0.5, 6) * np.sin(off * log_uniform(rng, 30, 150))
    return Ground((pixels + white(rng, size, 1, 5)).astype(np.float32), float(rng.uniform(0, np.pi)))


def round_bar(rng: Rng, size: int) -> Ground:
    """A convex bar: a bright line of light along it, dark towards both sides."""
    x, _ = grid(size)
    middle, half = rng.uniform(0.42, 0.58), rng.uniform(0.45, 0.8)
    across = np.clip((x - middle) / half, -1, 1)
    gloss = np.exp(-(((across - rng.uniform(-0.3, 0.3)) / rng.uniform(0.08, 0.5)) ** 2))
    pixels = rng.uniform(20, 60) + rng.uniform(30, 100) * np.sqrt(1 - 0.98 * across**2) + rng.uniform(10, 90) * gloss
    pixels = pixels + log_uniform(rng, 1, 9) * noise(rng, size, int(rng.integers(1, 6)), 90) + white(rng, size, 1, 5)
    return lying(rng, pixels.astype(np.float32), 0.5)


def weld(rng: Rng, size: int) -> Ground:
    """Parent metal, a bead of scallops across the image, heat tint on both sides."""
    x, y = grid(size)
    seam, half = float(rng.uniform(0.25, 0.75)), rng.uniform(0.06, 0.2)
    stray = 0.012 * wave(rng, size, int(rng.integers(4, 12)))[:, None]
    across = (x - seam - stray) / half
    inside = np.clip((1 - np.abs(across)) * 12, 0, 1)
    pitch = rng.uniform(8, 26)
    scallop = np.sin(2 * np.pi * (y * pitch + rng.uniform(0.4, 1.3) * across**2 * rng.choice((-1, 1))))
    dome = across * rng.uniform(-35, 35)
    bead = log_uniform(rng, 5, 30) * scallop + dome + log_uniform(rng, 2, 12) * noise(rng, size, 30, 30)
    tint = rng.uniform(-45, 25) * np.exp(-((np.abs(across) - 1.2) ** 2) / rng.uniform(0.1, 1.5))
    parent = rng.uniform(80, 170) + log_uniform(rng, 1, 8) * noise(rng, size, int(rng.integers(2, 30)), 60)
    pixels = parent + (1 - inside) * tint + inside * (bead + rng.uniform(-30, 30)) + white(rng, size, 1, 5)
    pixels = pixels + light(rng, size, 2, 25)
    upright = Ground(pixels.astype(np.float32), ALONG_Y, seam)
    return upright if rng.random() < 0.5 else Ground(np.ascontiguousarray(upright.pixels.T), ALONG_X, seam)

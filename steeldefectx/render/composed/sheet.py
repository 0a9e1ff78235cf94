"""Sheets and strips: rolled, pickled, coated with zinc or tin, aluminium, copper; and their scale and rust."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Rng
from steeldefectx.render.composed.ground import Ground, clouds, grid, light, lying, profile, streaks, turned_grid, white
from steeldefectx.render.noise import log_uniform, noise, rough, wave
from steeldefectx.render.shapes import worley_cells
from steeldefectx.render.surfaces import varied_surface


def plain(rng: Rng, size: int) -> Ground:
    """Steel of any plant, as in the varied scenes."""
    return Ground(varied_surface(rng, size).pixels)


def hot_rolled(rng: Rng, size: int) -> Ground:
    """Dark scale, mottled, with faint streaks."""
    pixels = rng.uniform(45, 130) + clouds(rng, size, 3, 16) + white(rng, size, 1, 6) + light(rng, size, 2, 20)
    knots = int(rng.integers(20, 60))
    pixels = pixels + log_uniform(rng, 2, 10) * noise(rng, size, knots, knots) + streaks(rng, size, 0.8, 6)
    return lying(rng, pixels, 0.3)


def cold_rolled(rng: Rng, size: int) -> Ground:
    """Smooth and even, with fine streaks."""
    pixels = rng.uniform(70, 200) + streaks(rng, size, 0.6, 5, (1, 4)) + light(rng, size, 3, 35)
    pixels = pixels + clouds(rng, size, 0.5, 5) + white(rng, size, 0.5, 3)
    return lying(rng, pixels, 0.3)


def pickled(rng: Rng, size: int) -> Ground:
    """Etched: even fine grain, light grey."""
    knots = int(rng.integers(40, 90))
    pixels = rng.uniform(100, 210) + log_uniform(rng, 3, 14) * noise(rng, size, knots, knots)
    pixels = pixels + white(rng, size, 1.5, 7) + clouds(rng, size, 1, 9) + light(rng, size, 2, 25)
    return lying(rng, pixels + streaks(rng, size, 0.5, 3), 0.3)


def galvanized(rng: Rng, size: int) -> Ground:
    """Zinc crystals, each of its own grey."""
    x, y = grid(size)
    cells = log_uniform(rng, 3, 12)
    warp = 0.3 * noise(rng, size, 8, 8)
    u, v = x * cells + warp, y * cells * rng.uniform(0.8, 1.2) + warp
    border, value = worley_cells(rng, u.astype(np.float32), v.astype(np.float32))
    facets = np.sin(14 * value + rng.uniform(6, 30) * (u * np.cos(7 * value) + v * np.sin(7 * value)) / cells)
    pixels = rng.uniform(110, 190) + log_uniform(rng, 5, 40) * (value - 0.5) + log_uniform(rng, 0.5, 6) * facets
    pixels = pixels - log_uniform(rng, 1, 12) * (border < 0.08) + white(rng, size, 1, 4) + light(rng, size, 2, 25)
    return Ground(pixels.astype(np.float32))


def tinplate(rng: Rng, size: int) -> Ground:
    """Bright, with soft reflections along the strip."""
    pixels = rng.uniform(120, 205) + log_uniform(rng, 4, 30) * wave(rng, size, int(rng.integers(2, 6)))
    pixels = pixels + streaks(rng, size, 0.5, 3, (1, 3)) + white(rng, size, 0.5, 2.5) + light(rng, size, 4, 30)
    return lying(rng, pixels.astype(np.float32), 0.4)


def aluminium_sheet(rng: Rng, size: int) -> Ground:
    """Light, with short hairlike rolling marks."""
    short = noise(rng, size, int(rng.integers(8, 26)), int(rng.integers(60, 120)))
    pixels = rng.uniform(100, 210) + log_uniform(rng, 2, 12) * short + clouds(rng, size, 2, 22, (2, 5))
    return lying(rng, pixels + white(rng, size, 0.8, 4) + light(rng, size, 4, 40), 0.5)


def copper(rng: Rng, size: int) -> Ground:
    """Warm and mid-grey, with soft clouds of annealing."""
    pixels = rng.uniform(80, 165) + clouds(rng, size, 2, 16, (2, 6)) + streaks(rng, size, 0.8, 7, (1, 4))
    return lying(rng, pixels + white(rng, size, 0.7, 3) + light(rng, size, 3, 30), 0.5)


def rusted(rng: Rng, size: int) -> Ground:
    """A weathered film: blotchy at all scales."""
    pixels = rng.uniform(60, 140) + log_uniform(rng, 6, 20) * rough(rng, size, 5, 5, 4) + white(rng, size, 1.5, 6)
    return lying(rng, pixels + light(rng, size, 2, 20), 0.3)


def anodized(rng: Rng, size: int) -> Ground:
    """Matt and even, with die lines."""
    across, _, angle = turned_grid(rng, size, 0.7)
    pixels = rng.uniform(70, 190) + log_uniform(rng, 1, 7) * profile(rng, across, int(rng.integers(20, 90)))
    pixels = pixels + white(rng, size, 1, 4.5) + light(rng, size, 3, 30)
    return Ground(pixels.astype(np.float32), angle)


def extruded(rng: Rng, size: int) -> Ground:
    """Straight die marks over the whole length, some of them broad."""
    across, along, angle = turned_grid(rng, size, 0.7)
    die = profile(rng, across, int(rng.integers(40, 110))) + 1.2 * profile(rng, across, int(rng.integers(4, 16)))
    pixels = rng.uniform(90, 195) + log_uniform(rng, 3, 14) * die
    pixels = pixels + log_uniform(rng, 0.5, 5) * profile(rng, along, 6) + white(rng, size, 0.8, 4)
    return Ground((pixels + light(rng, size, 2, 25)).astype(np.float32), angle)

"""Forms that are areas: patches, stains, flakes, bands, and textures that fill a region."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Array
from steeldefectx.render.composed.pen import Mark, Pen, Window
from steeldefectx.render.noise import log_uniform
from steeldefectx.render.shapes import particles, worley_cells


def _region(pen: Pen, mark: Mark, longest: float, rough: float, knots: int = 6) -> tuple[Window, Array]:
    """The window of a region and the distance inside its more or less uneven outline."""
    radius = max(mark.extent / 2, 2 * pen.pixel)
    short = radius / pen.rng.uniform(1, longest)
    at = pen.window(mark, 1.3 * radius, 1.3 * short)
    bumps = rough * (pen.ragged(at, max(4, min(24, int(knots * 0.25 / short)))) + 0.5 * pen.ragged(at, 30))
    return at, (1 - np.hypot(at.u / radius, at.v / short) + bumps) * short


def patch(pen: Pen, mark: Mark) -> None:
    """A compact area with a wavering outline."""
    at, distance = _region(pen, mark, 2.0, 0.12)
    pen.add(at, distance, np.clip(pen.ragged(at, 12), -1, 1))


def stain(pen: Pen, mark: Mark) -> None:
    """What a liquid leaves: smooth lobes, darker towards the rim."""
    at, distance = _region(pen, mark, 1.8, 0.0)
    distance = distance + 0.18 * mark.extent * pen.ragged(at, 5)
    pen.add(at, distance, np.clip(1 - distance / (0.12 * mark.extent), -1, 1))


def island(pen: Pen, mark: Mark) -> None:
    """An area that is frayed and torn at its outline."""
    at, distance = _region(pen, mark, 2.5, 0.3, 10)
    pen.add(at, distance + 0.1 * mark.extent * pen.ragged(at, 48) * 0.5, np.clip(pen.ragged(at, 30), -1, 1))


def cloud(pen: Pen, mark: Mark) -> None:
    """A hazy area; its softness makes it one."""
    at, distance = _region(pen, mark, 2.0, 0.25, 4)
    pen.add(at, distance, np.clip(pen.ragged(at, 8), -1, 1))


def flake(pen: Pen, mark: Mark) -> None:
    """A tongue of metal: attached at one end, pointed and lifted at the other."""
    half, width = mark.extent / 2, mark.extent * pen.rng.uniform(0.1, 0.28)
    at = pen.window(mark, half, 1.3 * width)
    place = np.clip((at.u + half) / mark.extent, 0, 1)
    profile = width * np.sqrt(np.maximum(place * (1 - place) * 4, 0)) * (1.15 - 0.5 * place)
    v = at.v - pen.course(at.u, half, 0.04 * mark.extent, 4)
    profile = profile * (1 + 0.25 * pen.ragged(at, 24))
    lifted = np.where(v > 0.55 * profile, -1.0, np.where(v < -0.55 * profile, 1.0, 0.3 * pen.ragged(at, 40)))
    pen.add(at, np.minimum(profile - np.abs(v), half - np.abs(at.u)), np.clip(lifted, -1, 1))


def water_mark(pen: Pen, mark: Mark) -> None:
    """An uneven outline, sometimes with another one inside."""
    at, distance = _region(pen, mark, 1.8, 0.22)
    rim = 0.5 * (np.cos(np.clip(distance / 0.03, -1, 3) * np.pi) + 1)
    pen.add(at, distance, np.clip(rim, 0, 1))


def band(pen: Pen, mark: Mark) -> None:
    """A stripe of even width, mostly from edge to edge."""
    half, width = max(mark.extent, 0.35) / 2, pen.thickness(0.015, 0.08)
    half = 1.5 if pen.rng.random() < 0.6 else half
    at = pen.window(mark, half, width + 0.01)
    v = at.v + 0.006 * pen.ragged(at, 8)
    pen.add(at, np.minimum(width - np.abs(v), half - np.abs(at.u)), np.clip(pen.ragged(at, 20), -1, 1))


def streak(pen: Pen, mark: Mark) -> None:
    """A smeared trace, thinning out at both ends, uneven inside."""
    half, width = mark.extent / 2, min(pen.thickness(0.012, 0.04), 0.16 * mark.extent)
    at = pen.window(mark, half, 1.6 * width)
    profile = width * (1 - (at.u / half) ** 2) * (1 + 0.3 * pen.ragged(at, 18))
    pen.add(at, np.minimum(profile - np.abs(at.v), half - np.abs(at.u)), np.clip(pen.ragged(at, 36), -1, 1))


def plates(pen: Pen, mark: Mark) -> None:
    """Overlapping plates of a layer that comes off."""
    at, distance = _region(pen, mark, 1.8, 0.25)
    if at.empty:
        return
    cells = 8 / max(mark.extent, 0.25)
    border, value = worley_cells(pen.rng, at.u * cells + 0.25 * pen.ragged(at, 30), at.v * cells)
    pen.add(at, distance, np.where(border < 0.12, -1.0, 1.6 * value - 0.6))


def rough_area(pen: Pen, mark: Mark) -> None:
    """A region of coarse grain."""
    at, distance = _region(pen, mark, 1.8, 0.2)
    pen.add(at, distance, np.clip(1.3 * pen.ragged(at, int(pen.rng.integers(36, 60))), -1, 1))


def ripples(pen: Pen, mark: Mark) -> None:
    """Bars at equal distances across the mark's axis."""
    half = mark.extent / 2
    width = half * pen.rng.uniform(0.4, 1.0)
    at = pen.window(mark, half, width)
    period = max(log_uniform(pen.rng, 0.035, 0.12), 5 * pen.pixel)
    wave = np.sin(2 * np.pi * (at.u + 0.12 * period * pen.ragged(at, 6) * 4) / period)
    inside = np.minimum(half - np.abs(at.u), width - np.abs(at.v)) + 0.04 * mark.extent * pen.ragged(at, 7)
    pen.add(at, inside, wave)


def wrinkles(pen: Pen, mark: Mark) -> None:
    """Short winding folds side by side."""
    at, distance = _region(pen, mark, 2.0, 0.15)
    period = max(log_uniform(pen.rng, 0.03, 0.07), 5 * pen.pixel)
    phase = at.u / period + 1.1 * pen.ragged(at, 9)
    pen.add(at, distance, np.clip(1.4 * np.sin(2 * np.pi * phase) * (0.6 + 0.6 * pen.ragged(at, 12)), -1, 1))


def orange_peel(pen: Pen, mark: Mark) -> None:
    """A skin of soft dimples."""
    at, distance = _region(pen, mark, 1.4, 0.15)
    knots = int(pen.rng.integers(16, 34))
    bumps = pen.ragged(at, knots)
    below = np.zeros_like(bumps)
    if bumps.shape[0] > 1 and bumps.shape[1] > 1:
        below[1:, 1:] = bumps[:-1, :-1]
    pen.add(at, distance, np.clip(1.5 * (bumps - below) * 32 / knots, -1, 1))


def fingerprint(pen: Pen, mark: Mark) -> None:
    """Fine curved ridges in an oval."""
    radius = max(mark.extent / 2, 0.06)
    at = pen.window(mark, radius, 0.7 * radius)
    period = max(radius / pen.rng.uniform(5, 8), 3.2 * pen.pixel)
    core = np.hypot(at.u + 0.25 * radius, 1.3 * at.v) + 0.25 * period * pen.ragged(at, 6)
    ridge = np.cos(2 * np.pi * core / period)
    oval = (1 - np.hypot(at.u / radius, at.v / (0.7 * radius)) + 0.1 * pen.ragged(at, 9)) * radius * 0.7
    pen.add(at, np.minimum((ridge + 0.1) * period / 6, oval), ridge)


def pores(pen: Pen, mark: Mark) -> None:
    """Many tiny pits in a region."""
    _strewn(pen, mark, (0.2, 0.42), 0.55)


def specks(pen: Pen, mark: Mark) -> None:
    """Sprinkled grains, thinning out."""
    _strewn(pen, mark, (0.12, 0.36), 0.35)


def _strewn(pen: Pen, mark: Mark, radii: tuple[float, float], share: float) -> None:
    """Small round particles within a region."""
    at, distance = _region(pen, mark, 1.8, 0.2)
    if at.empty:
        return
    cells = min(log_uniform(pen.rng, 6, 13) / max(mark.extent, 0.12), 0.2 / pen.pixel)
    few = particles(pen.rng, at.u * cells, at.v * cells, share * pen.rng.uniform(0.7, 1.2), radii)
    pen.add(at, np.minimum((1 - few.radius) * radii[1] / cells, distance), np.clip(-few.v, -1, 1))


def fern(pen: Pen, mark: Mark) -> None:
    """A stem with slanted side shoots that get shorter towards its tip."""
    half, width = mark.extent / 2, pen.thickness(0.003, 0.006)
    at = pen.window(mark, half, 0.45 * half)
    place = np.clip((half - at.u) / mark.extent, 0, 1)
    period = max(mark.extent / pen.rng.uniform(6, 9), 5 * pen.pixel)
    shoots = width - np.abs((at.u - 0.8 * np.abs(at.v)) % period - period / 2) * 0.75
    shoots = np.minimum(shoots, 0.45 * half * np.minimum(1.5 * place, 1) * (1 + 0.3 * pen.ragged(at, 9)) - np.abs(at.v))
    pen.add(at, np.minimum(np.maximum(shoots, width - np.abs(at.v)), half - np.abs(at.u)), np.sign(at.v))


def tears(pen: Pen, mark: Mark) -> None:
    """Short ragged rips one behind the other, each across the row."""
    count = int(pen.rng.integers(4, 9))
    for number in range(count):
        place = mark.extent * ((number + 0.5) / count - 0.5)
        length = mark.extent / count * pen.rng.uniform(0.7, 1.4)
        angle = mark.angle + np.pi / 2 + pen.rng.normal(0, 0.2)
        x, y = mark.x + place * np.cos(mark.angle), mark.y + place * np.sin(mark.angle)
        half = max(length / 2, 0.015)
        at = pen.window(Mark(float(x), float(y), length, angle), half, 0.4 * half)
        width = 0.3 * half * (1 - (at.u / half) ** 2) * (1 + 0.5 * pen.ragged(at, 40))
        pen.add(at, np.minimum(width - np.abs(at.v), half - np.abs(at.u)), np.sign(at.v))

"""Forms that are lines: straight, broken, bent, cracked, in bundles and nets."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Array
from steeldefectx.render.composed.pen import Mark, Pen, Window
from steeldefectx.render.noise import log_uniform
from steeldefectx.render.shapes import worley_cells


def line(pen: Pen, mark: Mark) -> None:
    """A nearly straight line with tapered or blunt ends."""
    half, width = mark.extent / 2, pen.thickness(0.003, 0.012)
    bow, taper = pen.rng.uniform(-0.03, 0.03), pen.rng.uniform(0.02, 0.5)
    at = pen.window(mark, half, 0.03 + width)
    v = at.v - bow * mark.extent * (1 - (at.u / half) ** 2)
    ends = np.clip((half - np.abs(at.u)) / (taper * half + 1e-6), 0, 1)
    pen.add(at, np.minimum(width * (0.35 + 0.65 * ends) - np.abs(v), half - np.abs(at.u)), np.sign(v))


def broken_line(pen: Pen, mark: Mark) -> None:
    """A line of dashes of uneven length."""
    half, width = mark.extent / 2, pen.thickness(0.003, 0.012)
    period, filled = mark.extent / pen.rng.integers(4, 9), pen.rng.uniform(0.45, 0.75)
    at = pen.window(mark, half, 0.02 + width)
    v = at.v - pen.course(at.u, half, 0.004, 5)
    phase = (at.u + pen.course(at.u, half, 0.12 * period, 9)) / period % 1
    dash = (filled / 2 - np.abs(phase - 0.5)) * period
    pen.add(at, np.minimum(np.minimum(width - np.abs(v), dash), half - np.abs(at.u)), np.sign(v))


def arc(pen: Pen, mark: Mark) -> None:
    """A part of a circle."""
    half, width = mark.extent / 2, pen.thickness(0.003, 0.012)
    radius = mark.extent * pen.rng.uniform(0.55, 1.0) * pen.rng.choice((-1, 1))
    at = pen.window(mark, half, 0.5 * half + width)
    sag = np.abs(radius) - np.sqrt(np.maximum(radius * radius - half * half, 0))
    v = at.v + np.sign(radius) * sag / 2
    off = np.abs(np.hypot(at.u, v - radius) - np.abs(radius))
    pen.add(at, np.minimum(width - off, half - np.abs(at.u)), np.sign(at.v))


def wavy_line(pen: Pen, mark: Mark) -> None:
    """A line that swings from side to side."""
    half, width = mark.extent / 2, pen.thickness(0.003, 0.01)
    swing, turns = mark.extent * pen.rng.uniform(0.05, 0.11), pen.rng.uniform(1.2, 3)
    at = pen.window(mark, half, 2 * swing + width)
    phase = 2 * np.pi * turns * at.u / mark.extent + pen.rng.uniform(0, 6)
    slope = swing * 2 * np.pi * turns / mark.extent * np.cos(phase)
    off = np.abs(at.v - swing * np.sin(phase)) / np.sqrt(1 + slope * slope)
    pen.add(at, np.minimum(width - off, half - np.abs(at.u)), np.sign(at.v))


def thread(pen: Pen, mark: Mark) -> None:
    """A thin worm-like trail that turns at will."""
    steps = 16
    turn = np.cumsum(pen.rng.normal(0, 0.45, steps))
    angles = mark.angle + turn - turn.mean()
    step = mark.extent / steps
    x, y = np.cumsum(np.cos(angles)) * step, np.cumsum(np.sin(angles)) * step
    x, y = x - x.mean() + mark.x, y - y.mean() + mark.y
    width = pen.thickness(0.003, 0.007)
    for i in range(steps - 1):
        _segment(pen, (x[i], y[i]), (x[i + 1], y[i + 1]), width, width)


def crack(pen: Pen, mark: Mark) -> None:
    """A jagged crack, thickest in the middle."""
    jagged(pen, mark, pen.thickness(0.003, 0.009), 0.035)


def branching_crack(pen: Pen, mark: Mark) -> None:
    """A jagged crack with side branches."""
    width = pen.thickness(0.003, 0.008)
    jagged(pen, mark, width, 0.02)
    for side in range(int(pen.rng.integers(3, 7))):
        place, fork = pen.rng.uniform(-0.35, 0.4), pen.rng.uniform(0.4, 1.1) * (1 if side % 2 else -1)
        length = mark.extent * pen.rng.uniform(0.18, 0.4)
        angle = mark.angle + fork
        x = mark.x + place * mark.extent * np.cos(mark.angle) + length / 2 * np.cos(angle)
        y = mark.y + place * mark.extent * np.sin(mark.angle) + length / 2 * np.sin(angle)
        jagged(pen, Mark(float(x), float(y), length, angle), 0.75 * width, 0.03)


def star_crack(pen: Pen, mark: Mark) -> None:
    """Cracks that leave one point in all directions."""
    rays, width = int(pen.rng.integers(4, 8)), pen.thickness(0.003, 0.008)
    for ray in range(rays):
        angle = mark.angle + 2 * np.pi * (ray + pen.rng.uniform(-0.25, 0.25)) / rays
        length = mark.extent / 2 * pen.rng.uniform(0.55, 1)
        end = (mark.x + length * np.cos(angle), mark.y + length * np.sin(angle))
        bend = angle + pen.rng.uniform(-0.35, 0.35)
        knee = (mark.x + 0.5 * length * np.cos(bend), mark.y + 0.5 * length * np.sin(bend))
        _segment(pen, (mark.x, mark.y), knee, width, 0.8 * width)
        _segment(pen, knee, end, 0.8 * width, 0.35 * width)


def jagged(pen: Pen, mark: Mark, width: float, bend: float) -> None:
    """One crack without branches."""
    half = mark.extent / 2
    at = pen.window(mark, half, 3 * bend * mark.extent + width)
    if at.empty:
        return
    v = at.v - pen.course(at.u, half, bend * mark.extent, 4) - pen.course(at.u, half, 0.4 * bend * mark.extent, 14)
    taper = np.clip(1.6 * (1 - np.abs(at.u) / half), 0.2, 1)
    pen.add(at, np.minimum(np.maximum(width * taper, 0.5 * pen.pixel) - np.abs(v), half - np.abs(at.u)), np.sign(v))


def _segment(pen: Pen, start: tuple[float, float], end: tuple[float, float], first: float, last: float) -> None:
    """A straight piece with round ends, whose half width goes from ``first`` to ``last``."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length, angle = float(np.hypot(dx, dy)), float(np.arctan2(dy, dx))
    middle = Mark((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, length, angle)
    at = pen.window(middle, length / 2, first)
    if at.empty:
        return
    along = np.clip(at.u / max(length, 1e-6) + 0.5, 0, 1)
    off = np.hypot(at.u - (along - 0.5) * length, at.v)
    pen.add(at, np.maximum(first + (last - first) * along, 0.5 * pen.pixel) - off, np.sign(at.v))


def groove(pen: Pen, mark: Mark) -> None:
    """A broad furrow, blunt at one end and run out at the other."""
    half = mark.extent / 2
    width = min(pen.thickness(0.01, 0.03), 0.25 * mark.extent)
    at = pen.window(mark, half, width + 0.02)
    v = at.v - pen.course(at.u, half, 0.006, 3)
    along = np.clip((half - at.u) / mark.extent, 0, 1)
    profile = width * np.sqrt(along) * (1 + 0.2 * pen.ragged(at, 40))
    pen.add(at, np.minimum(profile - np.abs(v), half - np.abs(at.u)), np.clip(v / width, -1, 1))


def fold(pen: Pen, mark: Mark) -> None:
    """A line with a bright and a dark flank."""
    half, width = mark.extent / 2, pen.thickness(0.008, 0.03)
    at = pen.window(mark, half, 0.1 * mark.extent + width)
    v = at.v - pen.course(at.u, half, 0.02 * mark.extent, 4)
    taper = np.clip(2.5 * (1 - np.abs(at.u) / half), 0, 1)
    pen.add(at, np.minimum(width * taper - np.abs(v), half - np.abs(at.u)), np.clip(1.5 * v / width, -1, 1))


def hatching(pen: Pen, mark: Mark) -> None:
    """A bundle of parallel strokes of uneven length."""
    strokes = int(pen.rng.integers(4, 10))
    spread = min(mark.extent * pen.rng.uniform(0.25, 0.6), 0.06 * strokes)
    for stroke in range(strokes):
        off = spread * ((stroke + pen.rng.uniform(-0.3, 0.3)) / (strokes - 1) - 0.5)
        slide = mark.extent * pen.rng.uniform(-0.12, 0.12)
        x = mark.x + slide * np.cos(mark.angle) - off * np.sin(mark.angle)
        y = mark.y + slide * np.sin(mark.angle) + off * np.cos(mark.angle)
        length = mark.extent * pen.rng.uniform(0.5, 0.9)
        line(pen, Mark(float(x), float(y), length, mark.angle + pen.rng.normal(0, 0.02)))


def crossed_lines(pen: Pen, mark: Mark) -> None:
    """Fine strokes in two or more directions over one another."""
    for stroke in range(int(pen.rng.integers(5, 10))):
        angle = mark.angle + (0.8 if stroke % 2 else -0.8) + pen.rng.normal(0, 0.15)
        off_x, off_y = mark.extent * pen.rng.uniform(-0.25, 0.25, 2)
        line(pen, Mark(mark.x + off_x, mark.y + off_y, mark.extent * pen.rng.uniform(0.5, 1), angle))


def chevrons(pen: Pen, mark: Mark) -> None:
    """V-shaped marks one behind the other."""
    count, half = int(pen.rng.integers(3, 7)), mark.extent / 2
    arm, width = mark.extent * pen.rng.uniform(0.1, 0.2), pen.thickness(0.003, 0.009)
    at = pen.window(mark, half, arm)
    period = mark.extent / count
    phase = (at.u - 0.9 * np.abs(at.v) + half) % period - period / 2
    inside = np.minimum(arm - np.abs(at.v), half - np.abs(at.u))
    pen.add(at, np.minimum(width - np.abs(phase), inside), np.sign(phase))


def net(pen: Pen, mark: Mark) -> None:
    """Hairlines that enclose cells."""
    radius = mark.extent / 2
    at = pen.window(mark, radius, radius)
    if at.empty:
        return
    cells = log_uniform(pen.rng, 4, 8) / max(mark.extent, 0.3)
    strand = max(0.03 * pen.thickness(0.8, 1.4), 0.55 * pen.pixel * cells * 2)
    border, _ = worley_cells(
        pen.rng, at.u * cells + 0.15 * pen.ragged(at, 24), at.v * cells * pen.rng.uniform(0.8, 1.2)
    )
    pen.add(at, np.minimum((strand - border) / (2 * cells), _outline(pen, at, radius)), 0.0)


def _outline(pen: Pen, at: Window, radius: float) -> Array:
    """Distance inside an uneven round region."""
    return radius * (1 + 0.12 * pen.ragged(at, 6)) - at.radius

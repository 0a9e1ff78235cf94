"""Forms of a part's edge: missing metal, burrs, cracks from the edge. Their mark lies on it and points inwards."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.composed.lines import jagged
from steeldefectx.render.composed.pen import Mark, Pen


def missing_edge(pen: Pen, mark: Mark) -> None:
    """A bite: rounded, ragged or wedge-shaped."""
    radius = max(mark.extent / 2, 3 * pen.pixel)
    deep = radius * pen.rng.uniform(0.5, 1.3)
    at = pen.window(mark, deep, radius)
    kind, rough = pen.rng.random(), 0.1 * pen.ragged(at, 20)
    if kind < 0.6:
        distance = (1 - np.hypot(at.u / deep, at.v / radius) + (rough if kind < 0.4 else 0)) * min(deep, radius)
    else:
        distance = (1 - np.abs(at.v) / radius - at.u / deep + rough) * 0.6 * min(deep, radius)
    pen.add(at, distance, 0.0)


def burr(pen: Pen, mark: Mark) -> None:
    """A ragged fringe along the edge."""
    half, width = max(mark.extent, 0.12) / 2, pen.thickness(0.01, 0.03)
    at = pen.window(mark, 2 * width, half)
    profile = width * (1 + 0.9 * pen.ragged(at, 48) + 0.4 * pen.ragged(at, 14))
    pen.add(at, np.minimum(profile - np.abs(at.u), half - np.abs(at.v)), np.sign(at.u))


def edge_cracks(pen: Pen, mark: Mark) -> None:
    """Short cracks side by side that run in from the edge."""
    count = int(pen.rng.integers(3, 8))
    spread = max(mark.extent, 0.15)
    for number in range(count):
        off = spread * ((number + pen.rng.uniform(-0.3, 0.3)) / count - 0.5)
        length = spread * pen.rng.uniform(0.2, 0.55)
        angle = mark.angle + pen.rng.normal(0, 0.15)
        x = mark.x + length / 2 * np.cos(angle) - off * np.sin(mark.angle)
        y = mark.y + length / 2 * np.sin(angle) + off * np.cos(mark.angle)
        jagged(pen, Mark(float(x), float(y), length, angle), pen.thickness(0.004, 0.01), 0.03)

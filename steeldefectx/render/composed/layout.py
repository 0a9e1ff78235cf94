"""Where marks lie: so many, of such a size, at such a place, in such a direction."""

from __future__ import annotations

import math

import numpy as np

from steeldefectx.language.appearance import EDGE_FORMS, LONG_FORMS, Appearance
from steeldefectx.language.attributes import CELLS
from steeldefectx.render.canvas import Rng
from steeldefectx.render.composed.forms import WIDE
from steeldefectx.render.composed.ground import Ground
from steeldefectx.render.composed.parts import Part
from steeldefectx.render.composed.pen import Mark
from steeldefectx.render.noise import log_uniform

EXTENTS = {"tiny": (0.022, 0.04), "small": (0.045, 0.09), "medium": (0.1, 0.2), "large": (0.22, 0.45),
           "huge": (0.5, 1.0)}  # fmt: skip
"""Size -> range of a mark's extent as a fraction of the image's side."""
LENGTHS = {"tiny": (0.07, 0.12), "small": (0.12, 0.22), "medium": (0.22, 0.42), "large": (0.45, 0.8),
           "huge": (0.85, 1.6)}  # fmt: skip
"""The same of forms that are long."""
LEAST_ROOM = 0.14
"""Extent under which forms that fill a region cannot be told."""
COUNTS = {"one": (1, 1), "two": (2, 2), "few": (3, 5), "many": (8, 22)}
ROOM = 0.35
"""Share of the image that many marks may fill: there are fewer large ones than small ones."""
TRIES = 8
"""How often a place apart from the others is looked for."""


def lay_out(look: Appearance, ground: Ground, part: Part, zoom: float, rng: Rng) -> list[Mark]:
    """The marks of a defect, the first one where it is meant to be, ``zoom`` times their usual size."""
    extent = min(zoom * _extent(look, rng), 1.6)
    count = int(rng.integers(COUNTS[look.number][0], COUNTS[look.number][1] + 1))
    if look.number == "many":
        compact = look.form not in LONG_FORMS
        count = max(6, min(count, int(ROOM / (extent**2 if compact else 0.06 * extent))))
    angle = _angle(look.direction, ground.grain, rng)
    turn = 0.05 if look.form in LONG_FORMS else 0.3
    if look.form in EDGE_FORMS:
        points = [part.edges[int(rng.integers(len(part.edges)))] for _ in range(count)]
        return [Mark(x, y, extent, inwards) for x, y, inwards in points]
    marks: list[Mark] = []
    first = _place(look.place, ground, part, rng)
    step = extent * rng.uniform(1.25, 2.2) + 0.02
    for number in range(count):
        size = extent * rng.uniform(0.8, 1.2)
        x, y = first if number == 0 else _beside(look, first, number, count, angle, step, size, marks, part, rng)
        marks.append(Mark(x, y, size, angle + turn * float(rng.standard_normal())))
    return marks


def _extent(look: Appearance, rng: Rng) -> float:
    low, high = (LENGTHS if look.form in LONG_FORMS else EXTENTS)[look.size]
    extent = log_uniform(rng, low, high)
    return max(extent, LEAST_ROOM) if look.form in WIDE else extent


def _angle(direction: str, grain: float, rng: Rng) -> float:
    """Radians clockwise from the x axis."""
    middle = {"horizontal": 0.0, "vertical": math.pi / 2, "falling": math.pi / 4, "rising": -math.pi / 4,
              "along": grain, "across": grain + math.pi / 2}[direction]  # fmt: skip
    return middle + 0.06 * float(rng.standard_normal()) + (math.pi if rng.random() < 0.5 else 0.0)


def _place(place: str, ground: Ground, part: Part, rng: Rng) -> tuple[float, float]:
    """Where the first mark lies."""
    u, v = (float(value) for value in rng.random(2))
    side = int(rng.integers(4))
    x, y = 0.1 + 0.8 * u, 0.1 + 0.8 * v
    if place in CELLS:
        row, column = divmod(CELLS.index(place), 3)
        return (column + 0.25 + 0.5 * u) / 3, (row + 0.25 + 0.5 * v) / 3
    if place == "seam" and ground.seam is not None:
        off = ground.seam + 0.12 * (v - 0.5)
        return (x, off) if abs(math.cos(ground.grain)) > 0.5 else (off, x)
    if place == "center":
        x, y = 0.4 + 0.2 * u, 0.4 + 0.2 * v
    elif place in ("edge", "corner"):
        near = 0.04 + 0.1 * v
        x, y = (near if side & 1 else 1 - near), (y if place == "edge" else 0.04 + 0.1 * u)
        if side & 2:
            x, y = (y, x) if place == "edge" else (x, 1 - y)
    left, top, right, bottom = part.box
    return left + (right - left) * x, top + (bottom - top) * y


def _beside(
    look: Appearance, first: tuple[float, float], number: int, count: int, angle: float, step: float, size: float,
    marks: list[Mark], part: Part, rng: Rng,
) -> tuple[float, float]:  # fmt: skip
    """Where a further mark lies."""
    if look.arrangement in ("row", "side by side"):
        turned = angle if look.arrangement == "row" else angle + math.pi / 2
        step = step if look.arrangement == "row" or look.form not in LONG_FORMS else max(0.045, 0.12 * step)
        along = step * ((number + 1) // 2) * (1 if number % 2 else -1)
        jitter = 0.1 * step * rng.standard_normal(2)
        return first[0] + along * math.cos(turned) + jitter[0], first[1] + along * math.sin(turned) + jitter[1]
    near = look.place not in ("any", "all over") and number > 0
    spread = 0.6 * size + 0.05 + 0.012 * count
    best, farthest = first, -1.0
    for _ in range(TRIES):
        if look.arrangement == "cluster" or near:
            x, y = first[0] + spread * float(rng.standard_normal()), first[1] + spread * float(rng.standard_normal())
            if near and look.arrangement != "cluster" and look.place in ("edge", "seam", "corner"):
                x, y = _place(look.place, Ground(np.empty(0), 0.0), part, rng) if look.place != "seam" else (x, y)
        else:
            left, top, right, bottom = part.box
            x, y = left + (right - left) * rng.uniform(0.04, 0.96), top + (bottom - top) * rng.uniform(0.04, 0.96)
        apart = min(math.hypot(x - mark.x, y - mark.y) for mark in marks)
        if apart > 1.2 * size:
            return x, y
        if apart > farthest:
            best, farthest = (x, y), apart
    return best

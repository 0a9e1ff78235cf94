"""Forms that are compact: spots, rings, holes, dents, drops, splashes."""

from __future__ import annotations

import numpy as np

from steeldefectx.render.canvas import Array
from steeldefectx.render.composed.pen import Mark, Pen, Window


def _rounded(pen: Pen, mark: Mark, longest: float, rough: float, knots: int = 12) -> tuple[Window, Array, float]:
    """The window and distance of a rounded, more or less uneven spot, and its smaller radius."""
    ratio = pen.rng.uniform(1, longest)
    radius = max(mark.extent / 2, 0.9 * pen.pixel)
    short = max(radius / ratio, 0.9 * pen.pixel)
    at = pen.window(mark, radius, radius)
    scaled = np.hypot(at.u / radius, at.v / short)
    bumps = rough * pen.ragged(at, max(4, min(48, int(knots * 0.2 / radius)))) if rough else 0.0
    return at, (1 - scaled + bumps) * short, short


def spot(pen: Pen, mark: Mark) -> None:
    """A small filled spot, nearly round."""
    at, distance, short = _rounded(pen, mark, 1.25, pen.rng.uniform(0, 0.12))
    pen.add(at, distance, np.sign(at.v) * np.clip(distance / short + 0.5, 0, 1))


def pit(pen: Pen, mark: Mark) -> None:
    """A small hollow with an uneven outline."""
    at, distance, short = _rounded(pen, mark, 1.5, 0.15)
    pen.add(at, distance, np.clip((at.u + at.v) / short, -1, 1))


def hole(pen: Pen, mark: Mark) -> None:
    """An opening, clean or torn at its rim."""
    at, distance, _ = _rounded(pen, mark, 1.3, pen.rng.choice((0.0, 0.0, 0.12)))
    pen.add(at, distance, 0.0)


def ring(pen: Pen, mark: Mark) -> None:
    """A round outline."""
    radius = max(mark.extent / 2, 2.5 * pen.pixel)
    width, ratio = min(pen.thickness(0.004, 0.014), 0.3 * radius), pen.rng.uniform(0.8, 1)
    at = pen.window(mark, radius + width, radius + width)
    off = np.hypot(at.u, at.v / ratio) - radius + width + 0.03 * radius * pen.ragged(at, 8)
    pen.add(at, width - np.abs(off), np.sign(off))


def crescent(pen: Pen, mark: Mark) -> None:
    """A sickle: a disc without another disc."""
    radius = max(mark.extent / 2, 2.5 * pen.pixel)
    at = pen.window(mark, radius, radius)
    shift = radius * pen.rng.uniform(0.35, 0.6)
    cut = np.hypot(at.u, at.v - shift) - radius * pen.rng.uniform(0.85, 1.0)
    pen.add(at, np.minimum(radius - at.radius, cut), np.sign(at.v))


def crater(pen: Pen, mark: Mark) -> None:
    """A round pit with a raised rim, or a bright eye."""
    at, distance, short = _rounded(pen, mark, 1.15, 0.05)
    core = np.clip(distance / short, 0, 1)
    pen.add(at, distance, np.where(core < 0.4, 1, -1) * np.clip(0.5 + core, 0, 1))


def dent(pen: Pen, mark: Mark) -> None:
    """A smooth shallow hollow."""
    at, distance, short = _rounded(pen, mark, 1.6, 0.05)
    pen.add(at, distance, np.clip(1.2 * at.v / short, -1, 1))


def blister(pen: Pen, mark: Mark) -> None:
    """A smooth swelling."""
    at, distance, short = _rounded(pen, mark, 1.4, 0.06)
    pen.add(at, distance, np.clip(-1.2 * at.v / short, -1, 1))


def comet(pen: Pen, mark: Mark) -> None:
    """A head with a tail that thins out."""
    half = mark.extent / 2
    head = max(mark.extent * pen.rng.uniform(0.08, 0.16), 0.01)
    at = pen.window(mark, half, head)
    place = np.clip((at.u + half - head) / (mark.extent - head), 0, 1)
    width = head * (1 - place) ** 1.3
    disc = head - np.hypot(at.u + half - head, at.v)
    tail = np.minimum(width - np.abs(at.v), np.minimum(at.u + half - head, half - at.u))
    pen.add(at, np.maximum(disc, tail), np.sign(at.v))


def drop(pen: Pen, mark: Mark) -> None:
    """A run of coating: narrow above, with a thick round end below."""
    half = mark.extent / 2
    head = max(mark.extent * pen.rng.uniform(0.09, 0.18), 0.012)
    at = pen.window(mark, half, head)
    place = np.clip((half - at.u) / mark.extent, 0, 1)
    neck = head * (0.35 + 0.65 * (1 - place) ** 2)
    disc = head - np.hypot(at.u - half + head, at.v)
    stem = np.minimum(neck - np.abs(at.v), np.minimum(half - head - at.u, at.u + half))
    pen.add(at, np.maximum(disc, stem), np.clip(at.v / head, -1, 1))


def spatter(pen: Pen, mark: Mark) -> None:
    """A spray of round droplets, large in its middle and small outside."""
    for bead in range(int(pen.rng.integers(7, 16))):
        away = mark.extent / 2 * np.sqrt(pen.rng.random()) * (bead > 0)
        angle = pen.rng.uniform(0, 2 * np.pi)
        size = max(mark.extent * pen.rng.uniform(0.04, 0.16) * (1.4 - away / mark.extent), 0.02)
        spot(pen, Mark(mark.x + away * np.cos(angle), mark.y + away * np.sin(angle), size, angle))


def burst(pen: Pen, mark: Mark) -> None:
    """A spot with rays, as an arc leaves it."""
    radius = max(mark.extent / 2, 0.03)
    at = pen.window(mark, radius, radius)
    rays, turn = int(pen.rng.integers(5, 10)), pen.rng.uniform(0, 6)
    angle = np.arctan2(at.v, at.u)
    reach = radius * (0.45 + 0.35 * np.cos(rays * angle + turn) + 0.2 * np.cos((2 * rays + 1) * angle))
    pen.add(at, (reach - at.radius) * 0.6, np.clip(1 - 3 * at.radius / radius, -1, 1))


def lump(pen: Pen, mark: Mark) -> None:
    """An angular chunk, creased inside."""
    radius = max(mark.extent / 2, 2 * pen.pixel)
    at = pen.window(mark, radius, radius)
    sides = int(pen.rng.integers(5, 9))
    turns = 2 * np.pi * (np.arange(sides) + pen.rng.uniform(-0.3, 0.3, sides)) / sides
    flat = radius * pen.rng.uniform(0.55, 0.95, sides)
    distance = np.min([f - at.u * np.cos(t) - at.v * np.sin(t) for t, f in zip(turns, flat, strict=True)], axis=0)
    creases = np.abs(pen.ragged(at, 20))
    pen.add(at, distance + 0.05 * radius * pen.ragged(at, 28), np.where(creases < 0.12, 1.0, -0.6))

"""What else a camera sees that is no defect: rims, clamps, steps, shadows, reflections, the dark around a part.

A frame of an inspection line shows more than metal, and a tile of it may show nothing but that. A localizer has to have
seen it to leave it unmarked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steeldefectx.render.canvas import Array, Rng
from steeldefectx.render.composed.ground import grid
from steeldefectx.render.noise import log_uniform, wave
from steeldefectx.render.shapes import edge

RIM, STEP, CLAMP, REFLECTION, STREAK, SHADOW, DARK = range(7)
KINDS = (RIM, RIM, RIM, STEP, STEP, CLAMP, REFLECTION, REFLECTION, STREAK, STREAK, SHADOW, DARK)
"""What is seen, the likelier the more often it stands here."""
MOST_KINDS = 3
"""In one image at most."""


@dataclass(frozen=True)
class Setting:
    """What is seen beside the metal."""

    cover: Array
    """(H, W) 0..1: how much of each pixel it hides."""
    pixels: Array
    """(H, W) grey levels of what hides it."""
    light: Array
    """(H, W) factor on the grey levels of what is not hidden."""
    shine: Array
    """(H, W) grey levels that reflections add."""

    def over(self, pixels: Array) -> Array:
        """Grey levels (H, W) of a scene with it."""
        lit = pixels * self.light + self.shine
        return (lit + self.cover * (self.pixels - lit)).astype(np.float32)

    @property
    def seen(self) -> np.ndarray:
        """(H, W) bool: where the scene is still to be made out."""
        return (self.cover < 0.5) & (self.shine < 120)


def draw_setting(rng: Rng, size: int) -> Setting:
    """One to :data:`MOST_KINDS` things at random."""
    setting: list[np.ndarray] = [np.zeros((size, size), np.float32), np.zeros((size, size), np.float32),
               np.ones((size, size), np.float32), np.zeros((size, size), np.float32)]  # fmt: skip
    x, y = grid(size)
    for _ in range(int(rng.integers(1, MOST_KINDS + 1))):
        kind = KINDS[int(rng.integers(len(KINDS)))]
        if kind in (REFLECTION, STREAK, SHADOW):
            _light(kind, setting, x, y, rng)
        else:
            shown, grey = _cover(kind, x, y, size, rng)
            setting[1] = setting[1] + shown * (grey - setting[1])
            setting[0] = np.maximum(setting[0], shown)
    return Setting(*(part.astype(np.float32) for part in setting))


def _cover(kind: int, x: Array, y: Array, size: int, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Opacity and grey levels (H, W) of what hides the metal."""
    soft = log_uniform(rng, 0.8, 3) / size
    if kind == CLAMP:
        return _clamp(x, y, size, soft, rng)
    if kind == DARK:
        return _nothing(x, y, size, rng)
    depth = _round_depth(x, y, rng) if kind == RIM else _straight_depth(x, y, size, rng)
    return edge(depth, soft), _beside(depth, size, rng)


def _round_depth(x: Array, y: Array, rng: Rng) -> np.ndarray:
    """How far (H, W) each pixel is beyond a large circle whose outline crosses the image; or within it."""
    radius = log_uniform(rng, 0.22, 4)
    angle, near = rng.uniform(0, 2 * math.pi), radius + rng.uniform(-0.45, 0.3) * (radius > 0.5)
    middle = (
        (0.5 + near * math.cos(angle), 0.5 + near * math.sin(angle)) if radius > 0.5 else rng.uniform(0.35, 0.65, 2)
    )
    off = np.hypot((x - middle[0]) * rng.uniform(0.85, 1.15), y - middle[1]) - np.float32(radius)
    return off if rng.random() < 0.75 else -off


def _straight_depth(x: Array, y: Array, size: int, rng: Rng) -> np.ndarray:
    """The same of a straight edge, sometimes a little wavy."""
    angle = rng.choice(4) * math.pi / 2 + (rng.normal(0, 0.06) if rng.random() < 0.6 else rng.uniform(-0.8, 0.8))
    depth = (x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle) - rng.uniform(-0.1, 0.42)
    if rng.random() < 0.25:
        depth = depth + np.float32(log_uniform(rng, 0.003, 0.03)) * wave(rng, size, int(rng.integers(3, 14)))
    return depth


def _beside(depth: np.ndarray, size: int, rng: Rng) -> np.ndarray:
    """Grey levels (H, W) of what follows beyond an edge: up to three bands, each with a bevel, then what is behind."""
    grey: np.ndarray = np.full((size, size), rng.uniform(0, 255), np.float32)
    begins = 0.0
    for _ in range(int(rng.integers(0, 4))):
        begins += log_uniform(rng, 0.015, 0.3)
        level = rng.uniform(0, 40) if rng.random() < 0.5 else rng.uniform(40, 250)
        grey = grey + edge(depth - begins, log_uniform(rng, 1, 8) / size) * (np.float32(level) - grey)
    if rng.random() < 0.5:  # an edge that is lit
        wide = log_uniform(rng, 0.006, 0.04)
        grey = grey + np.float32(rng.uniform(-90, 120)) * np.exp(-((depth / wide - rng.uniform(0, 1)) ** 2))
    return grey + np.float32(log_uniform(rng, 0.3, 6)) * wave(rng, size, int(rng.integers(3, 20)))


def _clamp(x: Array, y: Array, size: int, soft: float, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Something of fixed outline that reaches into the image from a side."""
    wide, tall, round_ = rng.uniform(0.06, 0.3), rng.uniform(0.1, 0.45), rng.uniform(0, 0.05)
    side, at = int(rng.integers(4)), rng.uniform(0.1, 0.9)
    u, v = ((x, y), (1 - x, y), (y, x), (1 - y, x))[side]
    dx, dy = u - np.float32(tall) + round_, abs(v - np.float32(at)) - np.float32(wide) / 2 + round_
    off = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - np.float32(round_)
    grey = np.float32(rng.uniform(10, 240)) + np.float32(rng.uniform(-60, 60)) * (u + v - 0.5)
    return edge(-off, soft), grey + np.float32(rng.uniform(-90, 120)) * np.exp(-((off / 0.012) ** 2))


def _nothing(x: Array, y: Array, size: int, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """All of the image, or most of it, shows what is behind the part."""
    level = rng.uniform(0, 30) if rng.random() < 0.8 else rng.uniform(150, 255)
    grey = np.float32(level) + np.float32(log_uniform(rng, 0.2, 12)) * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1))
    grey = grey + np.float32(log_uniform(rng, 0.1, 3)) * wave(rng, size, int(rng.integers(2, 12)))
    if rng.random() < 0.5:
        return np.ones((size, size), np.float32), grey
    return edge(_straight_depth(x, y, size, rng) + rng.uniform(0, 0.4), 2 / size), grey


def _light(kind: int, setting: list[np.ndarray], x: Array, y: Array, rng: Rng) -> None:
    """A lamp's reflection (a blob, a crescent), a streak of it along an edge or a fold of light, or a shadow."""
    angle = rng.uniform(0, math.pi)
    dx, dy = x - np.float32(rng.uniform(0, 1)), y - np.float32(rng.uniform(0, 1))
    along, across = dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)
    hard = float(rng.choice((2, 2, 4, 8)))
    if kind == REFLECTION:
        bend = rng.uniform(-3, 3) if rng.random() < 0.6 else 0.0
        long = log_uniform(rng, 0.05, 0.4)
        off = np.hypot(along / long, (across + np.float32(bend) * along**2) / (long * log_uniform(rng, 0.15, 1)))
    elif kind == STREAK:
        bend = rng.uniform(-0.8, 0.8)
        off = np.hypot(along / log_uniform(rng, 0.4, 3), (across + bend * along**2) / log_uniform(rng, 0.02, 0.15))
    else:
        off = np.hypot(along / log_uniform(rng, 0.15, 1.5), across / log_uniform(rng, 0.12, 0.6))
        shade = 1 - np.float32(rng.uniform(0.15, 0.85)) * np.exp(-(off**hard))
        setting[2] = setting[2] * shade
        return
    setting[3] = setting[3] + np.float32(rng.uniform(25, 200)) * np.exp(-np.minimum(off**hard, 60))

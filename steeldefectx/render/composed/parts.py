"""How much of the image is metal: all of it, up to an edge, or a whole part before a background."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steeldefectx.render.canvas import Array, Rng
from steeldefectx.render.shapes import edge

Edge = tuple[float, float, float]
"""A point (x, y) of the outline, and the angle in radians that points inwards."""
IMAGE_EDGES: tuple[Edge, ...] = tuple(
    point
    for at in (0.2, 0.5, 0.8)
    for point in ((at, 0.0, math.pi / 2), (at, 1.0, -math.pi / 2), (0.0, at, 0.0), (1.0, at, math.pi))
)


@dataclass(frozen=True)
class Part:
    """What of the image shows metal."""

    metal: Array | None = None
    """(H, W) 0..1, how much of each pixel; None: all."""
    background: float = 15.0
    """Grey level of what is behind it."""
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """Left, top, right and bottom of where defects are drawn."""
    edges: tuple[Edge, ...] = IMAGE_EDGES

    shade: Array | None = None
    """(H, W) factor on the metal's grey levels, of parts that are not flat."""

    def before_background(self, pixels: Array) -> Array:
        """The metal's grey levels (H, W), with the background around it."""
        if self.metal is None:
            return pixels
        return self.background + self.metal * (self.lit(pixels) - np.float32(self.background))

    def lit(self, pixels: Array) -> Array:
        """Grey levels (H, W) as they are on a part that is not flat."""
        return pixels if self.shade is None else pixels * self.shade


def draw_part(rng: Rng, size: int, share: float) -> Part:
    """All metal, or, with probability ``share``, a part that ends within the image."""
    background = float(rng.choice((rng.uniform(0, 25), rng.uniform(0, 25), rng.uniform(170, 250))))
    if rng.random() >= share:
        return Part(background=background)
    middle = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y, soft = middle[None, :], middle[:, None], 1.5 / size
    kind = rng.random()
    if kind < 0.5:
        return _strip(rng, x, y, soft, background)
    cx, cy = rng.uniform(0.45, 0.55, 2)
    if kind < 0.75:
        radius = float(rng.uniform(0.24, 0.49))
        off = np.hypot(x - cx, y - cy)
        bowl = rng.uniform(-0.7, 0.5) * np.cos(rng.uniform(1.5, 7) * off / radius)
        shade = np.clip(1 + (rng.random() < 0.5) * bowl, 0.2, 1.6).astype(np.float32)
        metal = edge(radius - off, soft)
        if rng.random() < 0.35:
            metal = metal * edge(off - radius * rng.uniform(0.15, 0.35), soft)
        points = [2 * math.pi * i / 12 for i in range(12)]
        edges = tuple((cx + radius * math.cos(a), cy + radius * math.sin(a), a + math.pi) for a in points)
        reach = 0.68 * radius
        return Part(
            metal.astype(np.float32), background, (cx - reach, cy - reach, cx + reach, cy + reach), edges, shade
        )
    wide, tall, corner = rng.uniform(0.32, 0.49), rng.uniform(0.3, 0.49), rng.uniform(0, 0.12)
    dx, dy = np.abs(x - cx) - wide + corner, np.abs(y - cy) - tall + corner
    off = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - corner
    edges = tuple(
        (cx + wide * a, cy + tall * b, turn)
        for a, b, turn in ((-1, 0, 0.0), (1, 0, math.pi), (0, -1, math.pi / 2), (0, 1, -math.pi / 2))
    )
    box = (cx - 0.9 * wide, cy - 0.9 * tall, cx + 0.9 * wide, cy + 0.9 * tall)
    return Part(edge(-off, soft).astype(np.float32), background, box, edges)


def _strip(rng: Rng, x: Array, y: Array, soft: float, background: float) -> Part:
    """Metal up to a straight edge, which may slant a little, or between two of them."""
    place, slant = float(rng.uniform(0.06, 0.3)), rng.uniform(-0.08, 0.08)
    far = float(rng.uniform(0.7, 0.94)) if rng.random() < 0.3 else 1.2
    side = int(rng.integers(4))
    along, across = (y, x) if side < 2 else (x, y)
    if side % 2:
        across = 1 - across
    off = across - place - slant * (along - 0.5)
    metal = edge(np.minimum(off, far - across), soft)
    low, high = place + 0.04, min(far, 1.0) - 0.02
    box = {0: (low, 0.0, high, 1.0), 1: (1 - high, 0.0, 1 - low, 1.0), 2: (0.0, low, 1.0, high),
           3: (0.0, 1 - high, 1.0, 1 - low)}[side]  # fmt: skip
    turn = (0.0, math.pi, math.pi / 2, -math.pi / 2)[side]
    edges = []
    for at in (0.2, 0.35, 0.5, 0.65, 0.8):
        reach = place + slant * (at - 0.5)
        reach = 1 - reach if side % 2 else reach
        edges.append((reach, at, turn) if side < 2 else (at, reach, turn))
    return Part(np.broadcast_to(metal, (x.size, x.size)).astype(np.float32), background, box, tuple(edges))

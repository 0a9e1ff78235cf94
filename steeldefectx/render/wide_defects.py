"""The looks a class has beyond those of :mod:`steeldefectx.render.defects`: what a pretrained model has to have seen.

The same kind of functions: canvas, random generator and strength in, :class:`Layer` out. Where a defect is a texture
of the whole surface (crazing, rolled-in scale, pitting) it brings that texture along.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steeldefectx.render.canvas import (
    Array,
    Canvas,
    Layer,
    Rng,
    edge,
    ellipse,
    noise,
    paint,
    particles,
    rough,
    tiles,
    turned,
    wave,
)
from steeldefectx.render.defects import DRAW
from steeldefectx.render.surfaces import between, slanted

Draw = Callable[[Canvas, Rng, float], Layer]


def _course(canvas: Canvas, rng: Rng, vertical: bool, bend: float) -> tuple[Array, Array]:
    """Coordinates along a nearly straight course and across it, 0 on it."""
    along, across = (canvas.y, canvas.x) if vertical else (canvas.x, canvas.y)
    line = wave(rng, canvas.size, int(rng.integers(2, 8))) * bend
    line = line[:, None] if vertical else line
    return along, across - rng.uniform(0.05, 0.95) - rng.uniform(-0.1, 0.1) * (along - 0.5) - line


def _taper(along: Array, rng: Rng, shortest: float, longest: float) -> Array:
    """1 inside a stretch of random place and length, falling to 0 at its ends."""
    half = rng.uniform(shortest, longest) / 2
    middle = rng.uniform(0.1, 0.9) if half < 0.5 else 0.5
    return np.clip((half - np.abs(along - middle)) / rng.uniform(0.02, 0.12), 0, 1)


def rubbed_scratch(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Bright scratches from hairlines to wide rubbed tracks, upright, lying or oblique, broken, with bright dots."""
    size = canvas.size
    alpha = np.zeros((size, size), np.float32)
    turn = rng.random()
    angle = rng.uniform(0, np.pi) if turn < 0.1 else 0.0
    x, y = turned(canvas.x - 0.5, canvas.y - 0.5, angle)
    grid = Canvas(canvas.pixels, x + 0.5, y + 0.5)
    broken = noise(rng, size, int(rng.integers(6, 40)), 6) + rng.uniform(0.0, 2.0)
    for _ in range(rng.integers(1, 6)):
        along, across = _course(grid, rng, turn < 0.9, rng.uniform(0, 0.02) if angle == 0 else 0.0)
        width = max(between(rng, 0.003, 0.05 if rng.random() < 0.3 else 0.012), 0.5 / size)
        ragged = width * (1 + 0.4 * noise(rng, size, 20, 8))
        one = edge(ragged * _taper(along, rng, 0.15, 1.6) - np.abs(across), max(1.2 / size, 0.4 * width))
        alpha = np.maximum(alpha, one * rng.uniform(0.4, 1.0))
    alpha = alpha * np.clip(broken, 0.1, 1)
    return paint(alpha, strength * rng.uniform(55, 120))


def drawn_cracks(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Crazing as short wavy cracks across a rough, coarse-grained, banded surface, with crumbled black spots."""
    size = canvas.size
    rows, columns = rng.uniform(12, 30), rng.uniform(6, 14)
    field = noise(rng, size, int(rows), int(columns)) + 0.4 * noise(rng, size, int(2 * rows), int(3 * columns))
    slope = np.abs(np.gradient(field, axis=0)) + 0.4 * np.abs(np.gradient(field, axis=1)) + 0.02
    here = noise(rng, size, 14, 9) + 0.6 * noise(rng, size, 30, 20) - rng.uniform(-0.3, 0.5)
    cracks = edge(rng.uniform(0.2, 0.75) - np.abs(field) / slope, 0.8) * edge(here, 0.5)
    crumbs = edge(rough(rng, size, 14, 10, 2) - rng.uniform(1.6, 2.8), 0.3)
    grain = between(rng, 6, 24) * rng.standard_normal((size, size), dtype=np.float32)
    grain = grain + rng.uniform(4, 18) * noise(rng, size, int(rng.integers(45, 90)), int(rng.integers(40, 80)))
    grain = grain + rng.uniform(2, 14) * noise(rng, size, 20, 24) + rng.uniform(2, 14) * noise(rng, size, 4, 90)
    grain = grain + rng.uniform(0, 24) * wave(rng, size, int(rng.integers(3, 16)))
    change = grain - strength * (rng.uniform(35, 75) * cracks + rng.uniform(50, 90) * crumbs)
    return Layer(change.astype(np.float32), np.maximum(cracks, crumbs) >= 0.5)


def groove(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One or two thin dark grooves along the strip, now and then with rows of dark specks beside them."""
    size = canvas.size
    alpha, column = np.zeros((size, size), np.float32), 0.5
    vertical = rng.random() < 0.93
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        along, across = _course(canvas, rng, vertical, rng.uniform(0, 0.003))
        width = max(between(rng, 0.003, 0.014), 0.6 / size)
        one = edge(width * _taper(along, rng, 0.45, 1.9) - np.abs(across), 1.2 / size) * rng.uniform(0.5, 1.0)
        alpha = np.maximum(alpha, one)
        column = rng.uniform(0.05, 0.95)
    if rng.random() < 0.25:
        along, across = (canvas.y, canvas.x) if vertical else (canvas.x, canvas.y)
        near = edge(rng.uniform(0.02, 0.12) - np.abs(across - column), 0.08)
        count = rng.uniform(25, 45)
        specks = particles(rng, across * count, along * count * 0.5, rng.uniform(0.2, 0.6), (0.15, 0.45))
        alpha = np.maximum(alpha, 0.7 * edge(1 - specks.radius, 0.6) * near)
    return paint(alpha, -strength * rng.uniform(30, 70))


def roll_print(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One or two faint slanted prints of a cut roll: a narrow dark or bright core in a soft bright or dark margin."""
    size = canvas.size
    change, alpha = np.zeros((2, size, size), np.float32)
    steep = rng.random() < 0.5
    angle = rng.choice((-1, 1)) * (rng.uniform(1.1, 1.45) if steep else rng.uniform(0.08, 0.45))
    for _ in range(rng.choice((1, 1, 1, 2))):
        at = (rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9))
        radii = (rng.uniform(0.2, 0.65), between(rng, 0.012, 0.05))
        radius, _, across = ellipse(canvas, at, radii, angle + rng.uniform(-0.05, 0.05))
        ragged = radius + 0.2 * rough(rng, size, 14, 14, 2)
        core, margin = edge(0.8 - ragged, 0.5), edge(1.9 - radius, 1.4)
        dark = rng.choice((-1, -1, 1))
        print_ = core * (dark * rng.uniform(10, 42) + 14 * noise(rng, size, 40, 40) + rng.uniform(-14, 14) * across)
        change = change + print_ - dark * rng.uniform(0, 16) * margin * (1 - core)
        alpha = np.maximum(alpha, core)
    if rng.random() < 0.3:  # the soft wedge where the roll lifted off
        side = edge((canvas.y - rng.uniform(0, 1)) * rng.choice((-1, 1)) + 0.15 * (canvas.x - 0.5), 0.05)
        change = change + rng.uniform(-7, 7) * side * edge(canvas.x - rng.uniform(0, 0.7), 0.04)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def stringers(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Inclusions of all sizes, upright soft-ended spindles in a column or all over, dark or greyish."""
    size = canvas.size
    columns = between(rng, 5, 14)
    rows = columns / rng.uniform(2.5, 5)
    u = canvas.x * columns + 0.25 * noise(rng, size, 4, 4)
    v = canvas.y * rows + 0.2 * rough(rng, size, 12, 12, 2)
    spindles = particles(rng, u, v + rng.random(64)[np.floor(u).astype(int) % 64], rng.uniform(0.2, 0.7), (0.2, 0.48))
    centre = rng.uniform(0.1, 0.9)
    near = edge(between(rng, 0.1, 0.7) - np.abs(canvas.x - centre), 0.15)
    taper = 1 - 0.45 * np.abs(spindles.v)
    alpha = edge(np.where(spindles.value < near, taper - spindles.radius + 0.2 * rough(rng, size, 20, 40, 2), -1), 0.4)
    if rng.random() < 0.35:
        alpha = np.maximum(alpha, DRAW["Inclusion"](canvas, rng, 1.0).mask.astype(np.float32))
    return paint(alpha, -strength * rng.uniform(22, 65))


def soft_streaks(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Inclusions as a few narrow spindles that follow a wavering course along the strip, soft and often faint."""
    size = canvas.size
    vertical = rng.random() < 0.95
    along, across = (canvas.y, canvas.x) if vertical else (canvas.x, canvas.y)
    column, gathered = rng.uniform(0.05, 0.95), rng.random() < 0.6
    drift = rng.uniform(0, 0.012) * wave(rng, size, 6)
    waver = (drift[:, None] if vertical else drift) + 0.006 * rough(rng, size, 16, 16, 2)
    alpha = np.zeros((size, size), np.float32)
    longest = between(rng, 0.06, 0.45)
    for _ in range(rng.integers(1, 10)):
        at = column + rng.normal(0, 0.04) if gathered else rng.uniform(0, 1)
        half = longest * rng.uniform(0.3, 1.0)
        width = np.clip(half * rng.uniform(0.06, 0.22), 0.7 / size, 0.045)
        u = (along - rng.uniform(0, 1)) / half
        outline = width * np.sqrt(np.clip(1 - u * u, 0, None)) * (1 + 0.4 * np.clip(3 * waver / 0.012, -1, 1))
        one = edge(outline - np.abs(across - at - waver), max(1.5 / size, width * rng.uniform(0.3, 1.2)))
        alpha = np.maximum(alpha, one * (np.abs(u) < 1) * rng.uniform(0.5, 1.0))
    return paint(alpha, -strength * rng.uniform(22, 60))


def ash_lumps(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to three black lumps lying across the strip, frayed and with a shadow, crumbs and an arc of dust beside."""
    size = canvas.size
    alpha, shade = np.zeros((2, size, size), np.float32)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = (rng.uniform(0.08, 0.92), rng.uniform(0.05, 0.97))
        big = between(rng, 0.025, 0.085)
        radius, u, v = ellipse(canvas, at, (big * rng.uniform(1.1, 2.2), big), rng.uniform(-0.3, 0.3))
        frayed = (1 - radius + 0.35 * rough(rng, size, 20, 20, 2)) * big
        alpha = np.maximum(alpha, edge(frayed, 2.5 / size))
        shade = np.maximum(shade, np.exp(-((u / 2.2) ** 2 + (v / 1.5) ** 2)))
        if rng.random() < 0.5:
            count = rng.uniform(22, 38)
            crumbs = particles(rng, canvas.x * count, canvas.y * count, 0.6, (0.12, 0.42))
            tail = edge(rng.uniform(2, 4) - np.abs(radius - 1 - rng.uniform(0, 2)), 1.0) * edge(v + 0.5, 1.0)
            alpha = np.maximum(alpha, edge(np.where(crumbs.value < 0.6 * tail, 1 - crumbs.radius, -1), 0.6))
    glint = np.where(noise(rng, size, 40, 40) > rng.uniform(0.8, 2.0), rng.uniform(60, 140), 0)
    hollow = rng.uniform(0, 60) * (noise(rng, size, 26, 26) > 0.2) if rng.random() < 0.35 else 0
    change = alpha * (-rng.uniform(50, 85) + glint + hollow) - rng.uniform(0, 22) * shade * (1 - alpha)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def torn_scale(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to five upright spindles of scale, torn inside into bright metal and dark cross bars, on speckled ground."""
    size = canvas.size
    inside = np.zeros((size, size), np.float32)
    for _ in range(rng.integers(1, 5)):
        at = (rng.uniform(0.05, 0.95), rng.uniform(-0.05, 1.05))
        radii = (between(rng, 0.1, 0.4), between(rng, 0.025, 0.085))
        radius, _, _ = ellipse(canvas, at, radii, np.pi / 2 + rng.uniform(-0.12, 0.12))
        inside = np.maximum(inside, edge(1 - radius + 0.18 * rough(rng, size, 16, 24, 2), 0.2))
    bars = np.sin(2 * np.pi * (canvas.y * rng.uniform(18, 40) + 0.8 * noise(rng, size, 12, 16)))
    torn = edge(noise(rng, size, 14, 20) + rng.uniform(-0.5, 0.5) + 0.5 * bars, 0.4)
    speckle = rng.uniform(0, 10) * (noise(rng, size, 30, 34) > 0.7)
    change = inside * (-rng.uniform(25, 60) + rng.uniform(25, 75) * torn + 8 * bars) + speckle
    return Layer((strength * change).astype(np.float32), inside >= 0.5)


def flecks(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Small scattered scale flecks, sparse or dense, in columns or all over: dark points with a bright flank."""
    size, count = canvas.size, between(rng, 9, 30)
    u = canvas.x * count * rng.uniform(1.0, 1.6) + 0.2 * noise(rng, size, 14, 14)
    v = canvas.y * count + 0.2 * noise(rng, size, 14, 14)
    flecks_ = particles(rng, u, v, 1.0, (0.08, 0.36))
    here = rng.uniform(0.05, 0.5) * (1 + 0.9 * np.clip(noise(rng, size, 2, int(rng.integers(2, 7))), -1, 1.5))
    frayed = 1 - flecks_.radius + 0.3 * noise(rng, size, 60, 60)
    alpha = edge(np.where(flecks_.value < here, frayed, -1), 0.7)
    flank = np.clip(-flecks_.v, -0.7, 0.9) * rng.uniform(0, 30)
    return paint(alpha, strength * (-rng.uniform(18, 48) + flank))


def dark_patches(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Large soft-edged dark areas, upright or round, on a glaring or grainy ground, mottled inside and out."""
    size = canvas.size
    tall = rng.uniform(1.0, 2.2)
    knots = rng.uniform(2.2, 4.5)
    field = rough(rng, size, max(2, int(knots / tall)), int(knots), 3) + 0.18 * noise(rng, size, 30, 30)
    level = np.quantile(field, 1 - rng.uniform(0.1, 0.4))
    alpha = edge(field - level, rng.uniform(0.15, 0.7))
    mottle = between(rng, 5, 24) * (noise(rng, size, 60, 60) + 0.6 * noise(rng, size, 22, 22))
    black = rng.uniform(0, 50) * (rough(rng, size, 20, 20, 2) > rng.uniform(1.3, 2.6))
    change = -strength * rng.uniform(45, 110) * alpha + mottle * (1 - 0.5 * alpha) - black
    return Layer(change.astype(np.float32), alpha >= 0.5)


def pits(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Pits from a few to thousands, soft or sharp: single points, or the closed pores of a corroded skin."""
    size = canvas.size
    columns = int(rng.choice((2, 2, 5)))
    here = np.clip(0.5 + 0.7 * noise(rng, size, 2, columns) + rng.uniform(-0.2, 0.8), 0, 1)
    if rng.random() < 0.5:
        count = between(rng, 11, 45)
        u = canvas.x * count + 0.5 * noise(rng, size, 12, 12)
        v = canvas.y * count + rng.random(64)[np.floor(u).astype(int) % 64] + 0.3 * noise(rng, size, 12, 12)
        points = particles(rng, u, v, rng.uniform(0.4, 0.9), (0.15, 0.48))
        alpha = edge(np.where(points.value < here, 1 - points.radius + 0.3 * noise(rng, size, 50, 50), -1), 0.9)
    else:
        knots = between(rng, 22, 80)
        pores = noise(rng, size, int(knots), int(knots * rng.uniform(0.8, 1.3))) - rng.uniform(0.0, 0.9)
        alpha = edge(pores + 0.9 * (here - 1), rng.uniform(0.4, 1.2))
    blotch = edge(rough(rng, size, 7, 5, 2) - rng.uniform(1.4, 2.6), 0.4) if rng.random() < 0.3 else 0
    shaded = side_light(canvas, rng) if rng.random() < 0.7 else 0
    change = shaded - strength * (between(rng, 9, 50) * alpha + rng.uniform(15, 45) * blotch)
    return Layer(change.astype(np.float32), alpha >= 0.5)


def side_light(canvas: Canvas, rng: Rng) -> Array:
    """Light that falls off towards one side, as on a coil's edge; grey levels (H, W)."""
    towards = (canvas.x, canvas.y, 1 - canvas.x, 1 - canvas.y)[rng.choice((0, 0, 1, 2, 2, 3))]
    return rng.uniform(20, 90) * (np.clip(towards / rng.uniform(0.3, 1.0), 0, 1) ** rng.uniform(0.5, 2) - 0.7)


def red_islands(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Flat dark islands with hard, ragged edges, upright, alone or run together around columns."""
    size = canvas.size
    rows, columns = rng.uniform(3, 7), rng.uniform(8, 22)
    field = 0.8 * noise(rng, size, int(rows), int(columns)) + 0.45 * noise(rng, size, int(3 * rows), int(2 * columns))
    field = field + 0.2 * noise(rng, size, 40, 60)
    for _ in range(rng.integers(0, 3)):
        band = (canvas.x - rng.uniform(0, 1) - 0.03 * wave(rng, size, 5)[:, None]) / between(rng, 0.06, 0.35)
        field = field + rng.uniform(0.5, 1.6) * np.exp(-(band**2))
    level = np.quantile(field, 1 - between(rng, 0.04, 0.5))
    alpha = edge(field - level, rng.uniform(0.08, 0.25))
    return paint(alpha, -strength * (rng.uniform(30, 60) + rng.uniform(0, 4) * noise(rng, size, 50, 50)))


def pressed_scale(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Rolled-in scale: clustered short dark slanted flecks with a bright side, on a slanted, streaky, banded ground."""
    size, slope = canvas.size, rng.uniform(-0.9, 0.9)
    ground = between(rng, 3, 14) * slanted(rng, size, int(rng.integers(5, 16)), int(rng.integers(30, 75)), slope)
    ground = ground + between(rng, 2, 18) * wave(rng, size, int(rng.integers(2, 7)))
    ground = ground + between(rng, 2, 10) * noise(rng, size, 64, 64) + between(rng, 1, 9) * rough(rng, size, 5, 5, 2)
    x, y = turned(canvas.x, canvas.y, np.arctan(-slope) * rng.uniform(0.4, 1.0))
    count = between(rng, 9, 26)
    u = x * count + 0.3 * noise(rng, size, 20, 20)
    v = y * count * rng.uniform(1.3, 2.4) + 0.35 * rough(rng, size, 18, 18, 2)
    scale = particles(rng, u, v, 1.0, (0.15, 0.48))
    here = between(rng, 0.08, 0.4) * (1 + np.clip(1.3 * noise(rng, size, 4, 4), -1, 1.6))
    alpha = edge(np.where(scale.value < here, 1 - scale.radius + 0.3 * noise(rng, size, 50, 50), -1), 0.9)
    shadow = np.roll(alpha, int(rng.choice((-2, -1, 1, 2))), axis=0) * (1 - alpha) * rng.uniform(0, 22)
    change = ground - strength * (between(rng, 16, 55) * alpha - shadow)
    return Layer(change.astype(np.float32), alpha >= 0.5)


def slag_band(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """An upright band of slag: a torn chain, a flat strip with rippled margins, or blisters with a thin outline."""
    size = canvas.size
    kind = rng.random()
    if kind < 0.2:
        return _blister(canvas, rng, strength)
    rows = canvas.y[:, :1]
    course = (
        rng.uniform(0.1, 0.9) + rng.uniform(0, 0.03) * wave(rng, size, 6)[:, None] + rng.uniform(-0.08, 0.08) * rows
    )
    off = canvas.x - course
    if kind < 0.6:
        width = between(rng, 0.006, 0.05) * np.clip(1 + 0.7 * wave(rng, size, 14) + 0.4 * wave(rng, size, 40), 0.05, 3)
        width = width[:, None] * _taper(rows, rng, 0.4, 2.2)
        alpha = edge(width - np.abs(off), 1.5 / size)
        inner = np.where(noise(rng, size, 30, 18) > rng.uniform(0.2, 1.0), rng.uniform(40, 130), 0)
        change = alpha * (-rng.uniform(45, 80) + inner)
    else:
        width = between(rng, 0.04, 0.14) * (1 + 0.15 * wave(rng, size, 8))[:, None]
        alpha = edge(width - np.abs(off), 2 / size)
        flank = edge(0.4 * width - np.abs(np.abs(off) - 0.7 * width), 0.02)
        ripple = np.sin(2 * np.pi * (canvas.y * rng.uniform(6, 22) + 0.3 * noise(rng, size, 10, 6)))
        strips = noise(rng, size, 2, int(rng.integers(20, 50)))
        change = alpha * (rng.uniform(-45, 8) + rng.uniform(5, 30) * flank * ripple + rng.uniform(5, 22) * strips)
        change = change - rng.uniform(10, 50) * np.exp(-(((np.abs(off) - width) / 0.01) ** 2))
        change = change + alpha * np.where(noise(rng, size, 30, 30) > 1.3, rng.uniform(0, 110), 0)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def slag_tear(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Slag torn open: an upright band or wedge of glaring metal and black pits, with drawn-out lines around it."""
    size = canvas.size
    course = rng.uniform(0.05, 0.95) + rng.uniform(-0.1, 0.1) * canvas.y
    off = canvas.x - course - 0.02 * rough(rng, size, 6, 3, 2)
    width = between(rng, 0.015, 0.13) * (1 + 0.35 * wave(rng, size, 12))[:, None]
    if rng.random() < 0.4:  # a wedge
        width = width * np.clip((canvas.y[:, :1] - rng.uniform(0, 0.7)) * rng.uniform(1.5, 4), 0, 1.5)
        width = width[::-1] if rng.random() < 0.5 else width
    else:
        width = width * _taper(canvas.y[:, :1], rng, 0.3, 2.2)
    inside = edge(width - np.abs(off), 2 / size) * (width > 0)
    folds = noise(rng, size, int(rng.integers(10, 40)), int(rng.integers(8, 30)))
    folds = folds + 0.6 * noise(rng, size, 40, 40)
    torn = rng.uniform(30, 70) * folds + np.where(folds > 1.0, rng.uniform(20, 90), 0) - rng.uniform(0, 35)
    lines = edge(noise(rng, size, 2, int(rng.integers(24, 60))) - rng.uniform(0.9, 1.6), 0.4)
    near = edge(between(rng, 0.05, 0.3) - np.abs(off), 0.1) * (1 - inside)
    change = inside * torn - rng.uniform(0, 35) * lines * near
    return Layer((strength * change).astype(np.float32), inside >= 0.5)


def _blister(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A drop-shaped blister with thin double outline around a torn dark core."""
    size = canvas.size
    change, alpha = np.zeros((2, size, size), np.float32)
    for _ in range(rng.choice((1, 1, 2))):
        at, long = (rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.9)), between(rng, 0.15, 0.45)
        radius, along, _ = ellipse(
            canvas, at, (long, long * rng.uniform(0.25, 0.5)), np.pi / 2 + rng.uniform(-0.1, 0.1)
        )
        radius = radius * (1 + rng.uniform(-0.25, 0.25) * along) + 0.1 * noise(rng, size, 6, 6)
        ring = np.exp(-(((radius - 1) / rng.uniform(0.03, 0.08)) ** 2)) - 0.6 * np.exp(-(((radius - 0.88) / 0.06) ** 2))
        core = edge(rng.uniform(0.1, 0.35) - np.abs(radius - 0.1) * (1 + 0.8 * noise(rng, size, 30, 10)), 0.2)
        torn = np.where(noise(rng, size, 40, 30) > 0.6, rng.uniform(40, 130), -rng.uniform(30, 70))
        filled = rng.uniform(-22, 10) * edge(1 - radius, 0.05)
        change = change + filled - rng.uniform(20, 50) * ring + core * torn
        alpha = np.maximum(alpha, edge(1 - radius, 0.05))
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def fold_lines(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Creases that are faint, steep or many: light and dark bands across or along the strip."""
    size, vertical = canvas.size, rng.random() < 0.4
    change, mask = np.zeros((size, size), np.float32), np.zeros((size, size), bool)
    for _ in range(rng.integers(1, 5)):
        _, across = _course(canvas, rng, vertical, rng.uniform(0.005, 0.03))
        off = across / between(rng, 0.012, 0.045)
        change = change + rng.choice((-1, 1)) * rng.uniform(15, 50) * off * np.exp(-(off**2)) * 2
        mask |= np.abs(off) < 1.3
    return Layer((strength * change).astype(np.float32), mask)


def net_of_cracks(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Crazing as a net that is coarse or fine and whole or broken, on a rough ground."""
    size, count = canvas.size, between(rng, 5, 16)
    u = (canvas.x + 0.03 * rough(rng, size, 8, 8, 2)) * count
    v = (canvas.y + 0.03 * rough(rng, size, 8, 8, 2)) * count * rng.uniform(1.0, 1.8)
    border, _ = tiles(rng, u, v)
    width = np.clip(rng.uniform(0.02, 0.08) + 0.08 * rough(rng, size, 7, 7, 2), 0, 0.16) * (0.6 + 6 * count / size)
    cracks = edge(width - border, 0.1)
    grain = between(rng, 2, 18) * noise(rng, size, 70, 60)
    return Layer((grain - strength * rng.uniform(28, 60) * cracks).astype(np.float32), cracks >= 0.5)


def gap_at_the_edge(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """The strip's own edge in view, dark beyond it, and an arc cut into the steel from there."""
    size, at, radius = canvas.size, rng.uniform(0.1, 0.7), between(rng, 0.1, 0.4)
    x, y = (canvas.x, canvas.y) if rng.random() < 0.8 else (canvas.y, canvas.x)
    beyond = at - x - rng.uniform(-0.03, 0.03) * (y - 0.5)
    bite = radius - np.hypot(x - at + radius * rng.uniform(0.1, 0.7), y - rng.uniform(0, 1))
    dark = edge(np.maximum(beyond, bite), 1.5 / size)
    ground = rng.uniform(5, 45) + 2 * noise(rng, size, 6, 6)
    change = dark * (ground - canvas.pixels) + rng.uniform(0, 25) * np.exp(-((np.maximum(beyond, bite) / 0.02) ** 2))
    return Layer(change.astype(np.float32), edge(np.minimum(bite, -beyond), 1.5 / size) >= 0.5)


def small_hole(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A small flat oval hole, sometimes beside the seam it marks."""
    size, wide = canvas.size, between(rng, 0.03, 0.09)
    at = (rng.uniform(0.05, 0.95), rng.uniform(0.05, 0.95))
    radius, _, _ = ellipse(canvas, at, (wide, wide * rng.uniform(0.4, 0.9)), rng.uniform(-0.1, 0.1))
    inside = edge((1 - radius) * wide, 1.5 / size)
    change = inside * (rng.uniform(8, 40) - canvas.pixels)
    if rng.random() < 0.3:
        side = rng.choice((-1, 1)) * rng.uniform(0.1, 0.4)
        change = change + rng.uniform(-25, 25) * (1 - inside) * edge((canvas.y - at[1] - side) * np.sign(side), 0.01)
    return Layer(change.astype(np.float32), inside >= 0.5)


def joint(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A weld as the border of two shades, with a faint thin line or none of its own, or as a wide rough bead."""
    size = canvas.size
    along, across = (canvas.y, canvas.x) if rng.random() < 0.15 else (canvas.x, canvas.y)
    off = across - rng.uniform(0.08, 0.92) - rng.uniform(-0.03, 0.03) * (along - 0.5)
    width = between(rng, 0.006, 0.035)
    seam = edge(width - np.abs(off), 1.5 / size)
    bead = rng.uniform(0, 30) * noise(rng, size, 40, 40) if width > 0.018 else 0
    step = rng.choice((-1, 1)) * between(rng, 10, 60) * edge(off, 1.5 / size)
    line = rng.choice((-1, 1)) * rng.uniform(8, 45) + bead
    return Layer((step + strength * seam * line).astype(np.float32), seam >= 0.5)


WIDE: dict[str, tuple[Draw, ...]] = {
    "Bright scratch": (rubbed_scratch,),
    "Crazing": (drawn_cracks, drawn_cracks, net_of_cracks),
    "Crease": (fold_lines,),
    "Crescent gap": (gap_at_the_edge,),
    "Dark scratches": (groove,),
    "Finishing roll printing": (roll_print,),
    "Inclusion": (stringers, soft_streaks, soft_streaks),
    "Iron sheet ash": (ash_lumps,),
    "Oxide scale of plate system": (torn_scale,),
    "Oxide scale of temperature system": (flecks,),
    "Patches": (dark_patches,),
    "Pitted surface": (pits,),
    "Punching": (small_hole,),
    "Red iron sheet": (red_islands,),
    "Rolled in scale": (pressed_scale,),
    "Slag inclusion": (slag_band, slag_tear),
    "Welding line": (joint,),
}
"""Class name -> looks that are drawn besides the sample's; each as often as another."""

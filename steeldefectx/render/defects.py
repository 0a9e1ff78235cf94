"""How each of the 25 classes is drawn: one small function a class, listed in :data:`DRAW`.

A draw function takes the canvas, the random generator and the strength of the shading (about 0.6 shallow,
1 moderate, 1.4 deep) and returns the change of the grey levels and the exact mask. Looks follow the taxonomy
and the public data sets the classes come from.
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
    line,
    noise,
    paint,
    particles,
    place,
    rough,
    tiles,
    turned,
    wave,
)


def bright_scratch(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to four thin bright lines of uneven gloss, mostly along the rolling direction."""
    vertical = rng.random() < 0.75
    lines = [line(canvas, rng, vertical, rng.uniform(0.004, 0.016), (0.35, 1.4)) for _ in range(rng.integers(1, 5))]
    gloss = rng.uniform(50, 80) + 18 * noise(rng, canvas.size, 24, 24)
    return paint(np.max(lines, axis=0), strength * gloss)


def dark_scratches(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to three dark grooves, mostly along the rolling direction."""
    vertical = rng.random() < 0.85
    lines = [line(canvas, rng, vertical, rng.uniform(0.004, 0.014), (0.5, 1.6)) for _ in range(rng.integers(1, 4))]
    return paint(np.max(lines, axis=0), -strength * rng.uniform(28, 52))


def crazing(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A net of fine dark cracks over the whole surface, broken here and there."""
    size, count = canvas.size, rng.uniform(7, 12)
    u = (canvas.x + 0.03 * rough(rng, size, 8, 8)) * count
    v = (canvas.y + 0.03 * rough(rng, size, 8, 8)) * count * rng.uniform(1.0, 1.5)
    border, _ = tiles(rng, u, v)
    width = np.clip(0.05 + 0.06 * rough(rng, size, 5, 5), 0, 0.14) * (0.8 + 48 / size)
    return paint(edge(width - border, 0.1), -strength * (34 + 8 * noise(rng, size, 5, 5)))


def crease(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to three folds across the whole strip: a dark flank beside a narrower bright one."""
    size = canvas.size
    slope, first = rng.uniform(-0.12, 0.12), rng.uniform(0.15, 0.8)
    bend = rng.uniform(0.005, 0.02) * wave(rng, size, 4)
    change, mask = np.zeros((size, size), np.float32), np.zeros((size, size), bool)
    for number in range(rng.integers(1, 4)):
        width = rng.uniform(0.02, 0.04) * np.clip(1 + 0.3 * wave(rng, size, 5), 0.5, 1.6)
        course = first + number * rng.uniform(0.11, 0.18) + slope * (canvas.x - 0.5) + bend
        off = (canvas.y - course) / width
        change += -45 * np.exp(-((off + 0.45) ** 2) * 5) + 38 * np.exp(-((off - 0.5) ** 2) * 9)
        mask |= np.abs(off) < 1
    return Layer(strength * change, mask)


def crescent_gap(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A black notch of crescent outline cut in from one side of the strip."""
    radius = rng.uniform(0.22, 0.5)
    bite = rng.uniform(0.35, 0.85) * radius
    side, along = rng.integers(0, 4), rng.uniform(0.2, 0.8)
    out = bite - radius if side in (0, 1) else 1 - bite + radius
    at = (out, along) if side in (0, 2) else (along, out)
    distance = radius * (1 - ellipse(canvas, at, (radius, radius))[0])
    return _hole(canvas, rng, distance)


def punching(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One round or oval hole through the sheet, now and then two."""
    wide, flat = rng.uniform(0.07, 0.17), rng.uniform(0.5, 1.0)
    holes = [
        wide * flat * (1 - ellipse(canvas, place(rng, 0.12), (wide, wide * flat))[0])
        for _ in range(1 + (rng.random() < 0.2))
    ]
    return _hole(canvas, rng, np.max(holes, axis=0))


def _hole(canvas: Canvas, rng: Rng, distance: Array) -> Layer:
    """Black where ``distance`` is positive, with a thin bright cut edge around it."""
    inside = edge(distance, 1.5 / canvas.size)
    ground = rng.uniform(8, 30) + 2 * noise(rng, canvas.size, 8, 8)
    rim = rng.uniform(10, 35) * np.exp(-((distance / 0.012) ** 2)) * (1 - inside)
    return Layer((inside * (ground - canvas.pixels) + rim).astype(np.float32), inside >= 0.5)


def finishing_roll_printing(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """The same slanted, elongated dent again and again at equal distances along the strip."""
    count = rng.integers(3, 6)
    period = rng.uniform(0.85, 1.1) / count
    x0, drift = rng.uniform(0.2, 0.8), rng.uniform(-0.08, 0.08)
    first = rng.uniform(0.3, 0.6) * period
    angle = rng.choice((-1, 1)) * rng.uniform(0.45, 0.9)
    radii = (period * rng.uniform(0.42, 0.52), rng.uniform(0.02, 0.032))
    change, alpha = np.zeros((2, canvas.size, canvas.size), np.float32)
    for number in range(count):
        at = (x0 + drift * (number - count / 2), first + number * period)
        radius, _, across = ellipse(canvas, at, radii, angle)
        one = edge((1 - radius) * radii[1], 2 / canvas.size)
        change, alpha = change + one * (-26 + 38 * across), np.maximum(alpha, one)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def rolled_pit(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A row of round pits across the strip, equally spaced, lit from one side; sometimes two rows."""
    count, rows = rng.integers(5, 10), rng.integers(1, 3)
    period, size = 1.0 / count, rng.uniform(0.028, 0.042)
    first, y0 = rng.uniform(0, period), rng.uniform(0.12, 0.6)
    tilt, step = rng.uniform(-0.1, 0.1), rng.uniform(0.16, 0.3)
    change, alpha = np.zeros((2, canvas.size, canvas.size), np.float32)
    for row, number in np.ndindex(rows, int(count)):
        at = (first + number * period, y0 + row * step + tilt * number * period)
        radius, across, down = ellipse(canvas, at, (size, size * rng.uniform(0.8, 1.1)))
        one = edge((1 - radius) * size, 2 / canvas.size)
        change, alpha = change + one * (-42 + 30 * (across + down)), np.maximum(alpha, one)
    return Layer((strength * change).astype(np.float32), alpha >= 0.5)


def inclusion(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Two to nine dark spindles, drawn out along the rolling direction and lined up in a stringer."""
    x0, spread = rng.uniform(0.15, 0.85), rng.uniform(0.02, 0.12)
    wobble = 0.006 * rough(rng, canvas.size, 14, 14)
    alpha = np.zeros((canvas.size, canvas.size), np.float32)
    for _ in range(rng.integers(2, 10)):
        at = (x0 + rng.normal(0, spread), rng.uniform(0.08, 0.92))
        radii = (rng.uniform(0.05, 0.12), rng.uniform(0.011, 0.024))
        radius, _, _ = ellipse(canvas, at, radii, np.pi / 2 + rng.uniform(-0.06, 0.06))
        alpha = np.maximum(alpha, edge((1 - radius) * radii[1] + wobble * (radius < 1.5), 0.012))
    return paint(alpha, -strength * rng.uniform(30, 55))


def iron_scale_compression(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One large dark grey area, rough inside and ragged at its border."""
    size = canvas.size
    radii = (rng.uniform(0.22, 0.36), rng.uniform(0.16, 0.3))
    radius, _, _ = ellipse(canvas, place(rng, 0.25), radii, rng.uniform(0, np.pi))
    inside = edge(1 - radius + 0.22 * rough(rng, size, 6, 6, 4), 0.12)
    return paint(inside, strength * (-30 + 20 * rough(rng, size, 44, 44, 2) + 12 * rough(rng, size, 9, 9)))


def iron_sheet_ash(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A nearly black crumbling speck with small crumbs and a few glints around it."""
    size, at, big = canvas.size, place(rng, 0.18), rng.uniform(0.04, 0.085)
    radius, _, _ = ellipse(canvas, at, (big * rng.uniform(1.0, 1.6), big), rng.uniform(-0.4, 0.4))
    core = (1 - radius + 0.3 * rough(rng, size, 14, 14)) * big
    u, v = turned(canvas.x * 26, canvas.y * 26, rng.uniform(0, np.pi))
    crumbs = particles(rng, u + 0.3 * noise(rng, size, 30, 30), v, 0.7, (0.15, 0.42))
    near = edge(rng.uniform(1.8, 2.6) - radius, 0.8)
    dust = np.where(crumbs.value < near, (1 - crumbs.radius) * 0.012, -1)
    alpha = edge(np.maximum(core, dust), 1.5 / size)
    glint = 110 * (noise(rng, size, 40, 40) > 1.25)
    return paint(alpha, strength * (-72 + glint))


def oil_spot(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to three even, dark, rounded stains with a clear and darker rim."""
    size, lobes = canvas.size, 0.09 * noise(rng, canvas.size, 9, 9)
    distance = np.full((size, size), -1.0, np.float32)
    for _ in range(rng.choice((1, 1, 2, 3))):
        big = rng.uniform(0.08, 0.2)
        radius, _, _ = ellipse(canvas, place(rng, 0.15), (big * rng.uniform(1, 1.3), big), rng.uniform(0, np.pi))
        distance = np.maximum(distance, (1 - radius + lobes) * big)
    rim = np.exp(-(((distance - 0.01) / 0.01) ** 2))
    return paint(edge(distance, 1.5 / size), -strength * (25 + 16 * rim))


def oxide_scale_of_plate_system(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One or two upright spindles filled with a mesh of dark bars, like a bruise."""
    size = canvas.size
    bars = np.sin(2 * np.pi * (canvas.y * rng.uniform(24, 34) + 0.45 * noise(rng, size, 14, 14)))
    inside = np.zeros((size, size), np.float32)
    for _ in range(rng.integers(1, 3)):
        radii = (rng.uniform(0.2, 0.36), rng.uniform(0.045, 0.08))
        radius, _, _ = ellipse(canvas, place(rng, 0.1), radii, np.pi / 2 + rng.uniform(-0.1, 0.1))
        inside = np.maximum(inside, edge(1 - radius + 0.1 * rough(rng, size, 12, 12), 0.12))
    mesh = -24 + 26 * np.clip(1.6 * bars, -1, 1) + 8 * noise(rng, size, 50, 50)
    return paint(inside, strength * mesh)


def oxide_scale_of_temperature_system(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Loosely scattered flecks of odd outline, each dark with a bright flank, on a quiet surface."""
    size, count = canvas.size, rng.uniform(5.5, 8.5)
    u, v = turned(canvas.x * count, canvas.y * count, rng.uniform(-0.5, 0.5))
    u, v = u + 0.12 * rough(rng, size, 14, 14), v + 0.12 * rough(rng, size, 14, 14)
    flecks = particles(rng, u, v * rng.uniform(1.0, 1.4), rng.uniform(0.35, 0.65), (0.1, 0.27))
    alpha = edge(1 - flecks.radius, 0.5)
    return paint(alpha, strength * (-34 - 40 * np.clip(flecks.v, -0.6, 1)))


def patches(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Two to four wide, soft-edged, mottled dark areas."""
    size, field = canvas.size, np.full((canvas.size, canvas.size), -9.0, np.float32)
    for _ in range(rng.integers(2, 5)):
        radii = (rng.uniform(0.09, 0.16), rng.uniform(0.11, 0.22))
        radius, _, _ = ellipse(canvas, place(rng, 0.08), radii, rng.uniform(-0.4, 0.4))
        field = np.maximum(field, 1 - radius)
    alpha = edge(field + 0.16 * rough(rng, size, 6, 6, 2), 0.6)
    return paint(alpha, -strength * (rng.uniform(36, 58) + 9 * noise(rng, size, 30, 30)))


def pitted_surface(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Very many small round dark pits, everywhere or in one region."""
    size, count = canvas.size, rng.uniform(15, 21)
    u, v = turned(canvas.x * count, canvas.y * count, rng.uniform(0, np.pi))
    u = u + 0.35 * noise(rng, size, 7, 7)
    pits = particles(rng, u, v + 0.35 * noise(rng, size, 7, 7), 0.9, (0.2, 0.38))
    here = 0.5 + 0.5 * np.clip(noise(rng, size, 2, 2) + rng.uniform(0.2, 1.2), -0.9, 1)
    alpha = edge(1 - pits.radius, 0.6) * (pits.value < here)
    return paint(alpha, -strength * (rng.uniform(30, 46) - 12 * pits.v))


def red_iron_sheet(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Evenly dark, ragged islands drawn out vertically, gathered around one or two columns."""
    size = canvas.size
    ragged = 0.9 * noise(rng, size, 3, 9) + 0.55 * noise(rng, size, 8, 22) + 0.3 * noise(rng, size, 20, 40)
    band = np.exp(-(((canvas.x - rng.uniform(0.15, 0.85)) / rng.uniform(0.15, 0.4)) ** 2))
    return paint(edge(ragged + 1.3 * band - rng.uniform(1.2, 1.6), 0.2), -strength * rng.uniform(42, 55))


def rolled_in_scale(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Dense dark particles with streaks behind them, all slanted one way, on a roughened surface."""
    size, angle = canvas.size, rng.choice((-1, 1)) * rng.uniform(0.25, 0.7)
    along, across = turned(canvas.x, canvas.y, angle)
    u = along * rng.uniform(6, 8) + 0.15 * noise(rng, size, 10, 10)
    v = across * rng.uniform(16, 22) + 0.3 * rough(rng, size, 12, 12)
    scale = particles(rng, u, v, rng.uniform(0.4, 0.6), (0.25, 0.47))
    tail = 1 - 0.4 * np.clip(scale.u, -1, 1)
    alpha = edge(tail - scale.radius - 0.15, 0.5)
    grit = 5 * np.sin(2 * np.pi * (across * 34 + 0.7 * noise(rng, size, 8, 8)))
    change = alpha * strength * (-44 - 16 * scale.u) + (1 - alpha) * grit
    return Layer(change.astype(np.float32), alpha >= 0.5)


def secondary_rust_skin(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Overlapping flakes of uneven grey with dark cracks and lifted bright edges between them."""
    size, count = canvas.size, rng.uniform(6, 9)
    u = (canvas.x + 0.035 * rough(rng, size, 9, 9)) * count
    v = (canvas.y + 0.035 * rough(rng, size, 9, 9)) * count
    border, value = tiles(rng, u, v)
    here = noise(rng, size, 2, 2) + rng.uniform(0.3, 0.9) - 1.1 * value
    flakes = edge(here, 0.05)
    grey = -56 + 75 * np.abs(2 * value - 0.7) + 55 * np.exp(-(((border - 0.22) / 0.09) ** 2))
    grey = np.where(border < 0.1, -60, grey)
    return paint(flakes, strength * 0.9 * (grey - 4 + 6 * noise(rng, size, 40, 40)))


def silk_spot(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A wide upright band of fine bright ripples, wavy like silk."""
    size = canvas.size
    across = canvas.x - rng.uniform(0.25, 0.75) - 0.03 * noise(rng, size, 4, 1)
    band = edge(rng.uniform(0.16, 0.34) - np.abs(across), 0.12)
    zigzag = np.abs((canvas.x * rng.uniform(5, 8)) % 1 - 0.5)
    phase = canvas.y * rng.uniform(9, 14) + rng.uniform(1.6, 2.4) * zigzag + 0.25 * rough(rng, size, 7, 7)
    ripple = edge(np.sin(2 * np.pi * phase) - 0.5 + 0.5 * noise(rng, size, 12, 9), 0.9)
    alpha = ripple * band
    return Layer((strength * (rng.uniform(20, 32) * alpha - 6 * band * (1 - ripple))).astype(np.float32), alpha >= 0.5)


def slag_inclusion(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """An upright torn chain of black lumps with hard bright glints in it."""
    size, height = canvas.size, rng.uniform(0.2, 0.45)
    x0, y0 = place(rng, 0.2)
    rows = canvas.y[:, :1]
    width = np.clip(0.035 + 0.03 * wave(rng, size, 14) + 0.012 * wave(rng, size, 40), 0.006, 0.11)[:, None]
    width = width * np.sqrt(np.clip(1 - ((rows - y0) / height) ** 2, 0, None))
    off = canvas.x - x0 - 0.025 * wave(rng, size, 8)[:, None]
    alpha = edge(width - np.abs(off), 1.5 / size) * (width > 0)
    glints = noise(rng, size, 26, 16) + 0.35 > 1.0
    return paint(alpha, strength * np.where(glints, 80, -70))


def waist_folding(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Many short, thin wrinkles across the strip, close together in one rough region."""
    size = canvas.size
    v = canvas.y * rng.uniform(20, 28) + 0.5 * noise(rng, size, 4, 3) + rng.uniform(-3, 3) * canvas.x
    shift = rng.random(256).astype(np.float32)[np.floor(v).astype(np.intp) % 256]
    wrinkles = particles(rng, canvas.x * rng.uniform(2, 4) + shift, v, 0.85, (0.3, 0.48))
    radius, _, _ = ellipse(canvas, place(rng, 0.3), (rng.uniform(0.35, 0.6), rng.uniform(0.25, 0.4)))
    here = edge(1 - radius + 0.25 * noise(rng, size, 5, 5), 0.4)
    alpha = edge(np.where(wrinkles.value < here, 0.8 - wrinkles.radius, -1), 0.4)
    grit = 7 * here * noise(rng, size, 30, 60)
    return Layer((-strength * (48 * alpha + 22 * alpha * wrinkles.v) + grit).astype(np.float32), alpha >= 0.5)


def water_spot(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One to four faint, irregular drying marks: hardly darker inside, a thin line around."""
    size, bulge = canvas.size, rough(rng, canvas.size, 5, 5, 2)
    distance = np.full((size, size), -1.0, np.float32)
    for _ in range(rng.integers(1, 5)):
        small = rng.uniform(0.06, 0.11)
        radii = (small * rng.uniform(1.2, 2.6), small)
        radius, _, _ = ellipse(canvas, place(rng, 0.15), radii, rng.uniform(0, np.pi))
        distance = np.maximum(distance, (1 - radius + 0.25 * bulge) * small)
    rings = np.exp(-(((distance - 0.008) / 0.008) ** 2)) + 0.5 * np.exp(-(((distance - 0.04) / 0.008) ** 2))
    return paint(edge(distance, 1.5 / size), -strength * (8 + 20 * rings))


def welding_line(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """One straight thin seam from side to side, where two coils of different grey meet."""
    along, across = (canvas.y, canvas.x) if rng.random() < 0.15 else (canvas.x, canvas.y)
    off = across - rng.uniform(0.12, 0.88) - rng.uniform(-0.03, 0.03) * (along - 0.5)
    seam = edge(rng.uniform(0.009, 0.016) - np.abs(off), 1.5 / canvas.size)
    polarity = rng.choice((-1, -1, 1))
    step = rng.choice((-1, 1)) * rng.uniform(9, 24) * np.where(off > 0, 0.5, -0.5)
    return Layer((step * (1 - seam) + seam * polarity * strength * 48).astype(np.float32), seam >= 0.5)


def white_rust(canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """Loose, powdery, white-grey patches."""
    size = canvas.size
    cloud = rough(rng, size, 3, 3, 2) - rng.uniform(0.2, 0.8)
    powder = cloud + 0.5 * noise(rng, size, 24, 24) + 0.6 * noise(rng, size, 55, 55)
    return paint(edge(powder, 0.6), strength * (rng.uniform(34, 52) + 8 * noise(rng, size, 40, 40)))


DRAW: dict[str, Callable[[Canvas, Rng, float], Layer]] = {
    "Bright scratch": bright_scratch,
    "Crazing": crazing,
    "Crease": crease,
    "Crescent gap": crescent_gap,
    "Dark scratches": dark_scratches,
    "Finishing roll printing": finishing_roll_printing,
    "Inclusion": inclusion,
    "Iron scale compression": iron_scale_compression,
    "Iron sheet ash": iron_sheet_ash,
    "Oil spot": oil_spot,
    "Oxide scale of plate system": oxide_scale_of_plate_system,
    "Oxide scale of temperature system": oxide_scale_of_temperature_system,
    "Patches": patches,
    "Pitted surface": pitted_surface,
    "Punching": punching,
    "Red iron sheet": red_iron_sheet,
    "Rolled in scale": rolled_in_scale,
    "Rolled pit": rolled_pit,
    "Secondary rust skin": secondary_rust_skin,
    "Silk spot": silk_spot,
    "Slag inclusion": slag_inclusion,
    "Waist folding": waist_folding,
    "Water spot": water_spot,
    "Welding line": welding_line,
    "White rust": white_rust,
}
"""Class name -> its draw function."""

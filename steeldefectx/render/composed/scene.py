"""A picture from its plan: a surface, a part, a defect drawn from attributes, a camera.

What is drawn follows from the plan alone. Surface, part, defect and camera have random streams of their own: to change
an attribute of the defect leaves all the rest as it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from steeldefectx.errors import DataError
from steeldefectx.language.appearance import EDGE_FORMS, Appearance
from steeldefectx.language.attributes import Attributes, attributes_from_mask
from steeldefectx.render.canvas import Array, Canvas, Rng
from steeldefectx.render.composed.forms import FORM_DRAWINGS
from steeldefectx.render.composed.ground import Ground, grid
from steeldefectx.render.composed.layout import lay_out
from steeldefectx.render.composed.lens import Camera, draw_camera, photograph_scene
from steeldefectx.render.composed.parts import Part, draw_part
from steeldefectx.render.composed.pen import Mark, Pen
from steeldefectx.render.composed.settings import draw_setting
from steeldefectx.render.composed.shading import shade
from steeldefectx.render.composed.surfaces import draw_surface
from steeldefectx.render.defects import STRENGTH, depths, draw_defect
from steeldefectx.render.noise import log_uniform
from steeldefectx.render.scenes import ANY_WAY
from steeldefectx.render.surfaces import texture

PARTS = 0.18
"""Share of the scenes in which the metal ends within the image."""
NEAR = 0.3
"""Share of the scenes that are seen from near."""
LEAST, MOST = 0.0005, 0.8
"""Shares of the image that a defect has at least and at most."""
ATTEMPTS = 40
HIDES = 8.0
"""Texture, in grey levels, from which on the drawings of the 25 classes have to be stronger to be seen."""
LYING = 0.8
"""Cosine of the grain's angle from which a surface lies, and with it the drawings of classes that follow the grain."""
SURFACE, PART, DEFECT, LENS, SETTING = range(5)
"""Streams of random numbers."""


class NothingSeenError(DataError):
    """A plan that gives nothing to see: another seed does."""


@dataclass(frozen=True)
class Plan:
    """All that a scene is made from."""

    size: int
    """Pixels a side."""
    seed: int
    surface: str
    look: Appearance | None = None
    """What the defect is drawn from; None for sound metal and for the 25 classes."""
    class_name: str | None = None
    """One of the 25 classes, whose own drawing it is."""
    mirrored: bool = False
    """The defect lies on the other side, left for right."""
    upended: bool = False
    """The defect lies on the other side, top for bottom."""
    inverted: bool = False
    """A class's drawing with light for dark."""
    turned: bool = False
    """A class's drawing turned by a quarter."""
    attempt: int = 0
    """Drawings before this one were too small or too large to keep."""
    framed: bool = False
    """More than metal is seen, see :mod:`.settings`."""


@dataclass(frozen=True)
class Picture:
    """What a plan gives."""

    image: np.ndarray
    """(H, W) uint8."""
    mask: np.ndarray
    """(H, W) bool, the whole defect as far as it is seen; empty on sound metal."""
    pixels: np.ndarray
    """(H, W) float32, the grey levels before the camera."""
    attributes: Attributes | None
    """Measured from image and mask; None on sound metal."""
    local: float
    """Grey levels by which the defect is brighter than the metal under it, by its drawing and the camera's gain."""
    box: tuple[float, float]
    """Width and height of the defect's bounding box, in fractions of the side."""
    attempt: int
    """Which attempt it is."""
    depth: str | None
    """How strongly a class's drawing is shaded: ``shallow``, ``moderate`` or ``deep``."""


def picture(plan: Plan) -> Picture:
    """Draw a plan.

    Raises:
        NothingSeenError: Nothing of the defect is seen.
    """
    size = plan.size
    ground = draw_surface(plan.surface, _stream(plan, SURFACE), size)
    part_rng = _stream(plan, PART)
    part = draw_part(part_rng, size, PARTS)
    view = View(float(part_rng.uniform(0, 2 * math.pi)), draw_camera(part_rng), _zoom(part_rng))
    change, mask, depth = np.zeros((size, size), np.float32), np.zeros((size, size), bool), None
    drawn = plan.look is not None or plan.class_name is not None
    attempt = plan.attempt
    for attempt in range(plan.attempt, plan.attempt + ATTEMPTS * drawn):
        rng = _stream(plan, DEFECT, attempt)
        if plan.look is not None:
            change, mask = _defect(plan, plan.look, ground, part, view, rng)
        else:
            change, mask, depth = _class_defect(plan, ground, rng)
        if part.metal is not None and (plan.look is None or plan.look.form != "burr"):
            mask = mask & (part.metal >= 0.5)
            change = part.lit(change) * part.metal
        if LEAST <= mask.mean() <= MOST:
            break
    else:
        if drawn:
            raise NothingSeenError(f"{plan} could not be drawn: take another seed.")
    pixels = part.before_background(ground.pixels) + change
    if plan.framed:
        setting = draw_setting(_stream(plan, SETTING), size)
        pixels, mask = setting.over(pixels), mask & setting.seen
    image, seen = photograph_scene(pixels, float(ground.pixels.mean()), view.camera, _stream(plan, LENS))
    if seen is not None:
        mask = mask & seen
    if drawn and np.count_nonzero(mask) < max(3, LEAST * mask.size):
        raise NothingSeenError(f"{plan} is hidden by its frame: take another seed.")
    attributes = attributes_from_mask(image, mask) if drawn else None
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    box = (float(np.ptp(columns) + 1) / size, float(np.ptp(rows) + 1) / size) if drawn else (0.0, 0.0)
    local = view.camera.gain * float(change[mask].mean()) if drawn else 0.0
    return Picture(image, mask, pixels, attributes, local, box, attempt, depth)


def _stream(plan: Plan, stream: int, attempt: int = 0) -> Rng:
    return np.random.default_rng([plan.seed, stream, attempt])


@dataclass(frozen=True)
class View:
    """How a scene is looked at."""

    light: float
    """Where the light comes from, in radians."""
    camera: Camera
    zoom: float
    """Factor on the sizes of defects: how near the camera is."""


def _zoom(rng: Rng) -> float:
    return log_uniform(rng, 1.2, 2.5) if rng.random() < NEAR else 1.0


def _defect(plan: Plan, look: Appearance, ground: Ground, part: Part, view: View, rng: Rng) -> tuple[Array, np.ndarray]:
    """Change of the grey levels and mask of a defect that is drawn from attributes."""
    marks = lay_out(look, ground, part, view.zoom, rng)
    pen = Pen(plan.size, rng, view.zoom)
    for mark in marks:
        FORM_DRAWINGS[look.form](pen, _moved(mark, plan, look))
    change = shade(pen, look, ground.pixels, part, view.camera, view.light, rng)
    return change, pen.distance >= 0


def _moved(mark: Mark, plan: Plan, look: Appearance) -> Mark:
    """The mark on the other side; its own outline stays as it is."""
    angle = mark.angle
    if look.form in EDGE_FORMS:
        angle = math.pi - angle if plan.mirrored else angle
        angle = -angle if plan.upended else angle
    return replace(
        mark, x=1 - mark.x if plan.mirrored else mark.x, y=1 - mark.y if plan.upended else mark.y, angle=angle
    )


def _class_defect(plan: Plan, ground: Ground, rng: Rng) -> tuple[Array, np.ndarray, str]:
    """The same of one of the 25 classes, and its depth."""
    assert plan.class_name is not None
    size = plan.size
    x, y = (np.broadcast_to(middle, (size, size)) for middle in grid(size))
    depth = str(rng.choice(depths(plan.class_name)))
    strength = rng.uniform(*STRENGTH[depth]) * log_uniform(rng, 0.75, 1.3) * max(1.0, texture(ground.pixels) / HIDES)
    layer = draw_defect(plan.class_name, Canvas(ground.pixels, x, y), rng, strength, varied=True)
    change, mask = layer.change, layer.mask
    lies = plan.class_name not in ANY_WAY and abs(math.cos(ground.grain)) > LYING
    if lies != plan.turned:
        change, mask = change.T, mask.T
    if plan.mirrored:
        change, mask = change[:, ::-1], mask[:, ::-1]
    if plan.upended:
        change, mask = change[::-1], mask[::-1]
    return np.ascontiguousarray(-change if plan.inverted else change), np.ascontiguousarray(mask), depth

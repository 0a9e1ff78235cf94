"""Rendered images as varied as can be, for pretraining: any of the 25 defects, on any steel, by any camera.

Where :mod:`steeldefectx.render.sample` draws small tidy images of one plant's steel, everything that differs between
plants and cameras is drawn anew here for each image (domain randomization): what a model then still finds in common
is the defect. No real image takes part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steeldefectx.render.camera import photograph
from steeldefectx.render.canvas import Rng
from steeldefectx.render.defects import SAMPLE_LOOK, STRENGTH, check_drawable, depths, draw_defect
from steeldefectx.render.noise import log_uniform
from steeldefectx.render.surfaces import texture, varied_surface
from steeldefectx.taxonomy import CLASS_NAMES

CLEAN = 0.02
"""Share of images without a defect."""
SECOND = 0.12
"""Share of images with a second, fainter defect of another class."""
SECOND_CLASSES = ("Bright scratch", "Dark scratches", "Oil spot", "Water spot", "Welding line", "Inclusion")
"""Defects that are found beside others; textures of the whole surface would hide the first."""
HIDES = 8.0
"""Texture, in grey levels, from which on a defect has to be stronger to be seen: in proportion to it."""
ANY_WAY = ("Crazing", "Iron scale compression", "Oil spot", "Patches", "Pitted surface", "Punching", "Water spot",
           "White rust", "Secondary rust skin", "Oxide scale of temperature system", "Crescent gap")  # fmt: skip
"""Classes that have no direction: their images may be turned by a quarter."""


@dataclass(frozen=True)
class Scene:
    """A rendered image of one defect class, or of clean steel."""

    image: np.ndarray
    """(H, W) uint8 grey levels."""
    mask: np.ndarray
    """(H, W) bool, the class's pixels, never all of them; none on clean steel."""
    class_name: str | None
    """None: clean steel."""
    depth: str
    """``shallow``, ``moderate`` or ``deep``: how strongly the defect was shaded."""


def render_scene(rng: Rng, size: int = 128, class_name: str | None = None) -> Scene:
    """Draw one image.

    Args:
        rng: All that varies is drawn from it: the same generator state gives the same image.
        size: Pixels a side, from 32.
        class_name: One of the 25; without one any of them, now and then clean steel.

    Raises:
        DataError: Unknown class, or a size too small to draw in.
    """
    check_drawable(class_name, size)
    canvas = varied_surface(rng, size)
    if class_name is None and rng.random() < CLEAN:
        return Scene(photograph(canvas.pixels, rng), np.zeros((size, size), bool), None, "shallow")
    name = class_name or CLASS_NAMES[rng.integers(len(CLASS_NAMES))]
    depth = str(rng.choice(depths(name)))
    strength = rng.uniform(*STRENGTH[depth]) * log_uniform(rng, 0.75, 1.3) * max(1.0, texture(canvas.pixels) / HIDES)
    layer = draw_defect(name, canvas, rng, strength, varied=True)
    pixels = canvas.pixels + layer.change
    if rng.random() < SECOND:
        second = SECOND_CLASSES[rng.integers(len(SECOND_CLASSES))]
        if second != name:
            pixels = pixels + SAMPLE_LOOK[second](canvas, rng, rng.uniform(0.2, 0.45)).change
    image, mask = _turned(photograph(pixels, rng), layer.mask, name, rng)
    return Scene(image, mask, name, depth)


def _turned(image: np.ndarray, mask: np.ndarray, name: str, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Mirrored as likely as not, and turned by a quarter where the class has no direction."""
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    if rng.random() < 0.5:
        image, mask = image[::-1], mask[::-1]
    if name in ANY_WAY and rng.random() < 0.5:
        image, mask = image.T, mask.T
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)

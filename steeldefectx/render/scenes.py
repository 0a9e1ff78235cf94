"""Synthetic images as varied as can be, for pretraining: any of the 25 defects, on any steel, by any camera.

Where :mod:`steeldefectx.render.sample_image` draws the small tidy sample, this is the same renderer grown into a
domain-randomized generator. No real image takes part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steeldefectx.errors import DataError
from steeldefectx.render.canvas import Canvas, Layer, Rng
from steeldefectx.render.defects import DRAW
from steeldefectx.render.sample_image import AREA, ATTEMPTS, STRENGTH, depths
from steeldefectx.render.surfaces import between, photograph, surface, texture
from steeldefectx.render.wide_defects import WIDE
from steeldefectx.taxonomy import CLASS_NAMES

CLEAN = 0.02
"""Share of images without a defect."""
FROM_SAMPLE = 0.25
"""Share of a class's images that are drawn as the sample's, where the class has other looks too."""
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
    """A synthetic image of one defect class, or of clean steel."""

    image: np.ndarray
    """(H, W) uint8 grey levels."""
    mask: np.ndarray
    """(H, W) bool, the class's pixels; none on clean steel."""
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
    if class_name is not None and class_name not in DRAW:
        raise DataError(f"No drawing for class {class_name!r}: choose one of {', '.join(CLASS_NAMES)}.")
    if size < 32:
        raise DataError(f"Synthetic images need 32 pixels a side or more, not {size}.")
    canvas = surface(rng, size)
    if class_name is None and rng.random() < CLEAN:
        return Scene(photograph(canvas.pixels, rng), np.zeros((size, size), bool), None, "shallow")
    name = class_name or CLASS_NAMES[rng.integers(len(CLASS_NAMES))]
    depth = str(rng.choice(depths(name)))
    strength = rng.uniform(*STRENGTH[depth]) * between(rng, 0.75, 1.3) * max(1.0, texture(canvas.pixels) / HIDES)
    layer = _drawn(name, canvas, rng, strength)
    pixels = canvas.pixels + layer.change
    if rng.random() < SECOND:
        other = SECOND_CLASSES[rng.integers(len(SECOND_CLASSES))]
        if other != name:
            pixels = pixels + DRAW[other](canvas, rng, rng.uniform(0.2, 0.45)).change
    image, mask = photograph(pixels, rng), layer.mask
    return Scene(*_turned(image, mask, name, rng), name, depth)


def _drawn(name: str, canvas: Canvas, rng: Rng, strength: float) -> Layer:
    """A defect that is neither a few pixels nor the whole image."""
    wide = WIDE.get(name)
    for _ in range(ATTEMPTS):
        draw = DRAW[name] if not wide or rng.random() < FROM_SAMPLE else wide[rng.integers(len(wide))]
        layer = draw(canvas, rng, strength)
        if AREA[0] <= layer.mask.mean() <= AREA[1]:
            return layer
    raise DataError(f"{name} could not be drawn at {canvas.size} pixels: take a larger size.")


def _turned(image: np.ndarray, mask: np.ndarray, name: str, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Mirrored as likely as not, and turned by a quarter where the class has no direction."""
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    if rng.random() < 0.5:
        image, mask = image[::-1], mask[::-1]
    if name in ANY_WAY and rng.random() < 0.5:
        image, mask = image.T, mask.T
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)

"""Procedural images of all 25 steel defect classes: synthetic, for trying things out without any download.

Nothing of a real image is in them. Clean steel (:mod:`steeldefectx.render.canvas`) is the same for all classes,
so that only the defect (:mod:`steeldefectx.render.defects`) tells the class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steeldefectx.errors import DataError
from steeldefectx.render.canvas import steel
from steeldefectx.render.defects import DRAW
from steeldefectx.taxonomy import CLASS_NAMES

STRENGTH = {"shallow": (0.6, 0.75), "moderate": (0.9, 1.1), "deep": (1.3, 1.55)}
"""Depth -> range of the factor on a defect's shading."""

THROUGH = ("Crescent gap", "Punching")
"""Classes where steel is missing: always deep."""

STAINS = ("Oil spot", "Patches", "Red iron sheet", "Silk spot", "Water spot", "White rust")
"""Classes that lie on the surface: never deep."""

AREA = (0.002, 0.8)
"""A drawing whose share of the image is outside this range is drawn again."""

ATTEMPTS = 50

SENSOR_NOISE = (1.5, 4.5)
"""Range of the standard deviation of the noise added last, in grey levels."""


@dataclass(frozen=True)
class Rendered:
    """A synthetic image of one defect class."""

    image: np.ndarray
    """(H, W) uint8 grey levels."""
    mask: np.ndarray
    """(H, W) bool, the defect's pixels; never empty, never full."""
    depth: str
    """``shallow``, ``moderate`` or ``deep``: how strongly the defect was shaded."""


def depths(class_name: str) -> tuple[str, ...]:
    """The depths that a class is drawn with."""
    if class_name in THROUGH:
        return ("deep",)
    return ("shallow", "moderate") if class_name in STAINS else tuple(STRENGTH)


def render(class_name: str, rng: np.random.Generator, size: int = 128) -> Rendered:
    """Draw one synthetic image.

    Args:
        class_name: One of the 25 classes, spelled as in the taxonomy.
        rng: All that varies is drawn from it: the same generator state gives the same image.
        size: Pixels a side, from 32.

    Raises:
        DataError: Unknown class, or a size too small to draw in.
    """
    if class_name not in DRAW:
        raise DataError(f"No drawing for class {class_name!r}: choose one of {', '.join(CLASS_NAMES)}.")
    if size < 32:
        raise DataError(f"Synthetic images need 32 pixels a side or more, not {size}.")
    canvas = steel(rng, size)
    depth = str(rng.choice(depths(class_name)))
    strength = rng.uniform(*STRENGTH[depth])
    for _ in range(ATTEMPTS):
        layer = DRAW[class_name](canvas, rng, strength)
        if AREA[0] <= layer.mask.mean() <= AREA[1]:
            break
    else:
        raise DataError(f"{class_name} could not be drawn at {size} pixels: take a larger image_size.")
    sensor = rng.standard_normal((size, size), dtype=np.float32) * np.float32(rng.uniform(*SENSOR_NOISE))
    image = np.clip(canvas.pixels + layer.change + sensor, 0, 255).round().astype(np.uint8)
    return Rendered(image, layer.mask, depth)

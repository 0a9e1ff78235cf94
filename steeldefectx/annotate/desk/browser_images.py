"""Images and masks as a browser can show them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from steeldefectx.data.images import open_image
from steeldefectx.utils.grey_levels import is_deep, to_grey, to_rgb

TINT = (255, 122, 26)
"""Colour of the mask's overlay, RGB."""
FILL, OUTLINE = 70, 255
"""Its opacity within the defect and on its outline, 0..255."""


def image_png(path: Path) -> bytes:
    """An image file of any kind as an 8-bit PNG, grey or RGB."""
    image = _open(path)
    return _png(image if image.mode == "L" else to_rgb(image))


def overlay_png(mask: Path, image: Path) -> bytes:
    """A mask file as a transparent overlay with an outline.

    Args:
        mask: Grey levels above 127 are the defect.
        image: The image it lies on; a mask of another size is stretched to it.
    """
    defect = grey_levels(mask, _open(image).size) > 127
    outline = defect & ~ndimage.binary_erosion(defect, border_value=1)
    overlay = np.zeros((*defect.shape, 4), dtype=np.uint8)
    overlay[..., :3] = TINT
    overlay[defect, 3] = FILL
    overlay[outline, 3] = OUTLINE
    return _png(Image.fromarray(overlay))


def grey_levels(path: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """An image file's grey levels, (H, W) uint8.

    Args:
        path: The file.
        size: Width and height to stretch it to, without making up grey levels between.

    Raises:
        DataError: It cannot be read.
    """
    grey = to_grey(_open(path))
    return np.asarray(grey if size in (None, grey.size) else grey.resize(size, Image.Resampling.NEAREST))


def _open(path: Path) -> Image.Image:
    """An image, upright; grey levels of more than 8 bits by the image's own range."""
    image = open_image(path)
    return to_grey(image) if is_deep(image) else image


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

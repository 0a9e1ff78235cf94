"""Images and masks as a browser can show them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from steeldefectx.data.images import MAX_PIXELS
from steeldefectx.errors import DataError

TINT = (255, 122, 26)
"""Colour of the mask's overlay, RGB."""
FILL, OUTLINE = 70, 255
"""Its opacity within the defect and on its outline, 0..255."""


def image_png(path: Path) -> bytes:
    """An image file of any kind as an 8-bit PNG, grey or RGB."""
    image = _open(path)
    return _png(image if image.mode == "L" else image.convert("RGB"))


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
    grey = _open(path).convert("L")
    return np.asarray(grey if size in (None, grey.size) else grey.resize(size, Image.Resampling.NEAREST))


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise DataError(f"{path}: has more than {MAX_PIXELS:,} pixels.")
            image.load()
            return _eight_bit(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as an image: {error}") from error


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey levels of 10 to 16 bits are shifted until the brightest fits; Pillow would clip them to white."""
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image).clip(0)
    return Image.fromarray((levels >> max(0, int(levels.max()).bit_length() - 8)).astype(np.uint8))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

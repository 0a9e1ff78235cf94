"""Images and masks as a browser can show them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from steeldefectx.data.images import image_formats, open_image
from steeldefectx.errors import DataError
from steeldefectx.store.schema import AnnotatedImage
from steeldefectx.utils.grey_levels import GreyLevels, Range, is_deep, to_rgb, upright

TINT = (255, 122, 26)
"""Colour of the mask's overlay, RGB."""
FILL, OUTLINE = 70, 255
"""Its opacity within the defect and on its outline, 0..255."""
THUMBNAIL = 160
"""Longer side of a small picture in a list, in pixels: sharp at half of it."""
LOOKED_AT = 64
"""Images of a store that are looked at to learn what the levels of its grey images are."""


class Depth(NamedTuple):
    """How a store's grey images of more than 8 bits are read where their files do not say it."""

    bits: int = 16
    range: Range | None = None
    """Black and white of floating-point, negative or 32-bit levels; None: by each image's own."""


USUAL = Depth()


def grey_depth(images: Sequence[AnnotatedImage]) -> Depth:
    """What is learnt from a store's images; some are looked at, evenly chosen."""
    levels = GreyLevels()
    for image in images[:: max(1, len(images) // LOOKED_AT)]:
        if _is_deep(Path(image.path)):
            with contextlib.suppress(DataError):
                levels.add(open_image(Path(image.path)))
    return Depth(levels.bits or 16, levels.range)


def _is_deep(path: Path) -> bool:
    """Whether a file's header tells of grey levels of more than 8 bits."""
    try:
        with Image.open(path, formats=image_formats()) as image:
            return is_deep(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False  # it is told where it is shown


def image_png(path: Path, depth: Depth = USUAL) -> bytes:
    """An image file of any kind as an 8-bit PNG, grey or RGB; arguments as of :func:`grey_levels`."""
    return _png(_eight_bit(path, depth))


def thumbnail_png(path: Path, depth: Depth = USUAL) -> bytes:
    """An image file as a small picture; arguments as of :func:`grey_levels`."""
    image = _eight_bit(path, depth)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return _png(image)


def overlay_png(mask: Path, image: Path) -> bytes:
    """A mask file as a transparent overlay with an outline.

    Args:
        mask: Grey levels above 127 are the defect.
        image: The image it lies on; a mask of another size is stretched to it.
    """
    defect = mask_levels(mask, upright(open_image(image)).size) > 127
    outline = defect & ~ndimage.binary_erosion(defect, border_value=1)
    overlay = np.zeros((*defect.shape, 4), dtype=np.uint8)
    overlay[..., :3] = TINT
    overlay[defect, 3] = FILL
    overlay[outline, 3] = OUTLINE
    return _png(Image.fromarray(overlay))


def grey_levels(path: Path, depth: Depth = USUAL) -> np.ndarray:
    """An image file's grey levels, (H, W) uint8.

    Args:
        path: The file.
        depth: Of the store, see :func:`grey_depth`.

    Raises:
        DataError: It cannot be read.
    """
    return np.asarray(_eight_bit(path, depth).convert("L"))


def mask_levels(path: Path, size: tuple[int, int]) -> np.ndarray:
    """A mask file's grey levels, (H, W) uint8, stretched to a width and height without making up levels between.

    Raises:
        DataError: It cannot be read.
    """
    mask = upright(open_image(path)).convert("L")
    return np.asarray(mask if mask.size == size else mask.resize(size, Image.Resampling.NEAREST))


def _eight_bit(path: Path, depth: Depth) -> Image.Image:
    """An image file, upright, as RGB or, where it is grey, as 8-bit grey levels."""
    image = open_image(path)
    shown = to_rgb(image, depth.bits, depth.range)
    return shown.getchannel(0) if is_deep(image) or image.mode in ("1", "L") else shown


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

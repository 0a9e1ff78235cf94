"""Images and masks as a browser can show them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from steeldefectx.data.images import IMAGE_FORMATS, open_image
from steeldefectx.errors import DataError
from steeldefectx.store.schema import AnnotatedImage

TINT = (255, 122, 26)
"""Colour of the mask's overlay, RGB."""
FILL, OUTLINE = 70, 255
"""Its opacity within the defect and on its outline, 0..255."""


THUMBNAIL = 160
"""Longer side of a small picture in a list, in pixels: sharp at half of it."""
LOOKED_AT = 64
"""Images of a store that are looked at to learn how many bits its grey images have."""


def grey_bits(images: Sequence[AnnotatedImage]) -> int:
    """Bits of a store's grey images of more than 8 bits whose files do not say it; 16 where nothing does.

    Args:
        images: All of them; some are looked at, evenly chosen.
    """
    chosen = images[:: max(1, len(images) // LOOKED_AT)]
    deep = [Path(image.path) for image in chosen if _is_deep(Path(image.path))]
    if not deep:
        return 16
    from steeldefectx.models.preprocessing import undeclared_bits  # imports torch; most stores do without

    return undeclared_bits(_readable(deep)) or 16


def _is_deep(path: Path) -> bool:
    """Whether a file's header tells of grey levels of more than 8 bits."""
    try:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            return image.mode.startswith("I")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False  # it is told where it is shown


def _readable(paths: Iterable[Path]) -> Iterator[Image.Image]:
    for path in paths:
        with contextlib.suppress(DataError):
            yield open_image(path)


def image_png(path: Path, undeclared_bits: int = 16) -> bytes:
    """An image file of any kind as an 8-bit PNG, grey or RGB; arguments as of :func:`grey_levels`."""
    return _png(_eight_bit(path, undeclared_bits))


def thumbnail_png(path: Path, undeclared_bits: int = 16) -> bytes:
    """An image file as a small picture; arguments as of :func:`grey_levels`."""
    image = _eight_bit(path, undeclared_bits)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return _png(image)


def overlay_png(mask: Path, image: Path) -> bytes:
    """A mask file as a transparent overlay with an outline.

    Args:
        mask: Grey levels above 127 are the defect.
        image: The image it lies on; a mask of another size is stretched to it.
    """
    defect = mask_levels(mask, ImageOps.exif_transpose(open_image(image)).size) > 127
    outline = defect & ~ndimage.binary_erosion(defect, border_value=1)
    overlay = np.zeros((*defect.shape, 4), dtype=np.uint8)
    overlay[..., :3] = TINT
    overlay[defect, 3] = FILL
    overlay[outline, 3] = OUTLINE
    return _png(Image.fromarray(overlay))


def grey_levels(path: Path, undeclared_bits: int = 16) -> np.ndarray:
    """An image file's grey levels, (H, W) uint8.

    Args:
        path: The file.
        undeclared_bits: Bits of a grey image of more than 8 bits whose file does not say it, of :func:`grey_bits`.

    Raises:
        DataError: It cannot be read.
    """
    return np.asarray(_eight_bit(path, undeclared_bits).convert("L"))


def mask_levels(path: Path, size: tuple[int, int]) -> np.ndarray:
    """A mask file's grey levels, (H, W) uint8, stretched to a width and height without making up levels between.

    Raises:
        DataError: It cannot be read.
    """
    mask = ImageOps.exif_transpose(open_image(path)).convert("L")
    return np.asarray(mask if mask.size == size else mask.resize(size, Image.Resampling.NEAREST))


def _eight_bit(path: Path, undeclared_bits: int) -> Image.Image:
    """An image file as RGB or, where it is grey, as 8-bit grey levels."""
    image = open_image(path)
    if image.mode.startswith("I"):
        from steeldefectx.models.preprocessing import to_rgb  # imports torch; most images do without

        return to_rgb(image, undeclared_bits).getchannel(0)
    image = ImageOps.exif_transpose(image)
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

"""Images of any mode as 8-bit pictures, upright: what is black and what is white where levels have more than 8 bits."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
from PIL import ExifTags, Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 258, 281
"""Tags of a TIFF file that say how many bits its grey levels have."""
ORIENTATION = ExifTags.Base.Orientation
CAMERA_BITS = (10, 12, 14, 16)
Range = tuple[float, float]
"""Levels that are black and white."""
USUAL_WHITE = (1.0, 255.0, *(2.0**bits - 1 for bits in CAMERA_BITS), 2.0**32 - 1)
"""What is white in images of floating-point or 32-bit levels, where 0 is black."""
OVERSHOOT = 0.05
"""Share of a usual range that levels may lie outside of it: interpolation overshoots."""
USED = 1 / 16
"""Share of a usual range that the brightest level at least reaches: else it is another range."""
PERCENTILES = (0.5, 99.5)
"""Of all levels: black and white where no usual range holds them."""
PIXELS_KEPT = 10_000
"""Pixels of an image whose levels percentiles are taken of."""


class GreyLevels:
    """What the levels of a data set's images of more than 8 bits are, learnt from one image after the other.

    Of a single image they would say little: a dark one would be brightened.
    """

    def __init__(self) -> None:
        self._brightest: int | None = None
        self._lowest, self._highest = np.inf, -np.inf
        self._kept: list[np.ndarray] = []

    def add(self, image: Image.Image) -> None:
        """Look at an image, of any mode."""
        if not is_deep(image):
            return
        levels = np.asarray(image)
        if image.mode != "F" and not _is_wide(levels):
            if declared_bits(image) is None:
                self._brightest = max(self._brightest or 0, int(levels.max()))
            return
        some = levels.ravel()[:: max(1, levels.size // PIXELS_KEPT)]
        self._kept.append(some[np.isfinite(some)])
        finite = levels[np.isfinite(levels)]
        if finite.size:
            self._lowest, self._highest = min(self._lowest, finite.min()), max(self._highest, finite.max())

    @property
    def bits(self) -> int | None:
        """Bits of grey levels that do not declare them: the least of a camera's usual numbers that holds the brightest.

        10, 12, 14 or 16; None where there is no such image.
        """
        if self._brightest is None:
            return None
        return next(bits for bits in CAMERA_BITS if self._brightest < 2**bits or bits == CAMERA_BITS[-1])

    @property
    def range(self) -> Range | None:
        """Black and white of levels that are floating-point numbers, negative, or of more than 16 bits.

        The least usual range that holds them, else percentiles; None where there is no such image.
        """
        if self._highest < self._lowest:
            return None
        if usual := usual_range(self._lowest, self._highest):
            return usual
        low, high = np.percentile(np.concatenate(self._kept), PERCENTILES)
        return float(low), float(high)


def usual_range(lowest: float, highest: float) -> Range | None:
    """The least of the usual ranges that holds some levels; None where none does, or they use little of it."""
    for white in USUAL_WHITE:
        if lowest >= -OVERSHOOT * white and highest <= (1 + OVERSHOOT) * white:
            return (0.0, white) if highest > USED * white else None
    return None


def is_deep(image: Image.Image) -> bool:
    """Whether an image is grey and has more than 8 bits, by its mode."""
    return image.mode == "F" or image.mode.startswith("I")


def _is_wide(levels: np.ndarray) -> bool:
    """Whether integer levels are no unsigned 16-bit ones."""
    return levels.dtype != np.uint16 and bool(levels.min() < 0 or levels.max() >= 2**16)


def to_rgb(image: Image.Image, undeclared_bits: int = 16, grey_range: Range | None = None) -> Image.Image:
    """An image of any mode as RGB, upright as its EXIF data say; transparency is ignored.

    Grey images of more than 8 bits keep their 8 highest bits; Pillow's own conversion would clip them to white.

    Args:
        image: The image.
        undeclared_bits: How many bits a grey image has whose file does not say it, 8..16.
        grey_range: Black and white of floating-point, negative, or 32-bit levels; None: by the image's own.
    """
    bits = declared_bits(image) or undeclared_bits
    image = upright(image)
    if is_deep(image):
        image = _eight_bit(image, bits, grey_range)
    if image.mode in ("RGBa", "La"):  # from these Pillow converts to no other mode
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    return image.convert("RGB")


def _eight_bit(image: Image.Image, bits: int, grey_range: Range | None) -> Image.Image:
    levels = np.asarray(image)
    wide_range = grey_range is not None and (grey_range[0] < 0 or grey_range[1] >= 2**16)
    if image.mode == "F" or _is_wide(levels) or (wide_range and levels.dtype != np.uint16):
        if grey_range is None:
            own = GreyLevels()
            own.add(image)
            grey_range = own.range or (0.0, 1.0)
        low, high = grey_range
        shares = (levels.astype(np.float64) - low) / ((high - low) or 1.0)
        return Image.fromarray((np.nan_to_num(shares).clip(0, 1) * 255).round().astype(np.uint8))
    return Image.fromarray((levels.clip(0, 2**bits - 1) >> (bits - 8)).astype(np.uint8))


def to_display(image: Image.Image) -> Image.Image:
    """An image of any mode as RGB for people, and for models of others: one of few grey levels is not left dark."""
    return to_rgb(image, undeclared_bits([image]) or 16)


def to_grey(image: Image.Image) -> Image.Image:
    """:func:`to_display`, in mode ``L``."""
    image = upright(image)
    return image if image.mode == "L" else to_display(image).convert("L")


def upright(image: Image.Image) -> Image.Image:
    """An image turned and mirrored as its EXIF data say; as it is where these say nothing or are damaged."""
    image.load()
    try:
        if image.getexif().get(ORIENTATION, 1) == 1:
            return image
        return ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return image


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's number of an orientation -> what makes the stored image upright; 1 is."""


def declared_bits(image: Image.Image) -> int | None:
    """Bits of the grey levels of an image in one of Pillow's modes ``I``, 8..16, where its file declares them.

    A TIFF file does by its tags MaxSampleValue, or BitsPerSample below 16. Others do not: Pillow reads PNG and PGM
    files of more than 8 bits as if they had 16.
    """
    if not isinstance(image, TiffImageFile):
        return None
    declared = [int(bits) for bits in np.ravel(image.tag_v2.get(BITS_PER_SAMPLE, [])) if bits < 16]
    declared += [int(value).bit_length() for value in np.ravel(image.tag_v2.get(MAX_SAMPLE_VALUE, []))]
    return max(8, min(declared)) if declared else None


def undeclared_bits(images: Iterable[Image.Image]) -> int | None:
    """:attr:`GreyLevels.bits` of some images."""
    levels = GreyLevels()
    for image in images:
        levels.add(image)
    return levels.bits

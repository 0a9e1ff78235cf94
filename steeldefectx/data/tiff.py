"""TIFF files of kinds that Pillow does not read: floating-point numbers of 16 and 64 bits, channels of any order."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from steeldefectx.errors import DataError
from steeldefectx.utils.grey_levels import ORIENTATION, usual_range

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PAGES = "pages"
"""Where an image's ``info`` says how many the file has."""
_ALPHA = (1, 2)
"""What the tag ExtraSamples calls a channel of transparency."""


def is_tiff(source: str | Path | BinaryIO) -> bool:
    """Whether a file begins as a TIFF file does."""
    if isinstance(source, str | Path):
        with open(source, "rb") as file:
            return file.read(4) in _MAGIC
    source.seek(0)
    begin = source.read(4)
    source.seek(0)
    return begin in _MAGIC


def read_tiff(source: str | Path | BinaryIO, page: int, max_pixels: int) -> Image.Image:
    """Decode a page of a TIFF file: grey in mode ``F``, or RGB.

    Args:
        source: The file.
        page: Its page, counted from 0.
        max_pixels: A page with more is not decoded.

    Raises:
        DataError: No such page, too many pixels, or channels that are neither grey nor RGB.
        ValueError: Damaged, or compressed in a way that is not known.
    """
    import tifffile  # comes with scikit-image; of use to few files

    try:
        with tifffile.TiffFile(source) as file:
            if page >= len(file.pages):
                raise DataError(f"it has {len(file.pages)} pages, none of number {page}: they count from 0")
            found = file.pages[page].aspage()
            if found.imagewidth * found.imagelength > max_pixels:
                raise DataError(f"{found.imagewidth}x{found.imagelength} pixels are more than {max_pixels:,}")
            levels = _levels(found.asarray(), found.axes, found.extrasamples)
            pages = len(file.pages)
            tag = found.tags.get(int(ORIENTATION))
    except (tifffile.TiffFileError, KeyError, IndexError, TypeError, RuntimeError) as error:
        raise ValueError(f"a damaged TIFF file: {error}") from error
    image = Image.fromarray(levels)
    image.getexif()[ORIENTATION] = 1 if tag is None else tag.value
    image.info[PAGES] = pages
    return image


def _levels(pixels: np.ndarray, axes: str, extra: tuple[int, ...]) -> np.ndarray:
    """(H, W) float32, or (H, W, 3) uint8."""
    if axes == "SYX":
        pixels, axes = np.moveaxis(pixels, 0, -1), "YXS"
    channels = pixels.shape[-1] if axes == "YXS" else 1
    if axes not in ("YX", "YXS") or np.iscomplexobj(pixels):
        raise DataError(f"it holds {pixels.dtype} numbers of shape {pixels.shape}, which are no picture")
    if channels in (2, 4) and extra and extra[-1] in _ALPHA:
        pixels, channels = pixels[..., :-1], channels - 1
    if channels == 1:
        return pixels.reshape(pixels.shape[:2]).astype(np.float32)
    if channels != 3:
        raise DataError(f"it has {channels} channels: write the one that shows the defect, or three, into a file each")
    return pixels if pixels.dtype == np.uint8 else _eight_bit(pixels.astype(np.float64))


def _eight_bit(pixels: np.ndarray) -> np.ndarray:
    """Colours by the usual range that holds them: Pillow has no mode of more bits for them."""
    if not np.isfinite(pixels).all():
        raise DataError("some of its levels are NaN or infinite")
    low, high = usual_range(pixels.min(), pixels.max()) or (pixels.min(), pixels.max())
    return (((pixels - low) / ((high - low) or 1)).clip(0, 1) * 255).round().astype(np.uint8)

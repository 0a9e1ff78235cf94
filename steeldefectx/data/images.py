"""Opening image files that nobody has vouched for."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from steeldefectx.errors import DataError

IMAGE_ENDINGS = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
IMAGE_FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
"""What Pillow may take a file for, whatever its ending: some of the other formats start programs."""
MAX_PIXELS = 89_000_000
"""Images with more pixels are not decoded (Pillow itself warns from about here)."""


def open_image(source: str | Path | BinaryIO) -> Image.Image:
    """Decode an image file; of an animation or a file of several pages, the first.

    Its size is taken from the header first: an image that would fill the memory is refused before it is decoded.

    Args:
        source: A file, or one that is open.

    Raises:
        DataError: No image of one of ``IMAGE_FORMATS``, one that ends too early, or more than ``MAX_PIXELS`` pixels.
    """
    try:
        with Image.open(source, formats=IMAGE_FORMATS) as image:
            check_size(image)
            image.load()
            return image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, DataError) as error:
        name = source if isinstance(source, str | Path) else "the image"
        raise DataError(f"{name}: {_reason(source, error)}") from error


def check_size(image: Image.Image) -> None:
    """Refuse an image with too many pixels; it need not have been decoded.

    Raises:
        DataError: More than ``MAX_PIXELS`` pixels.
    """
    if image.width * image.height > MAX_PIXELS:
        raise DataError(f"{image.width}x{image.height} pixels are more than {MAX_PIXELS:,}")


def _reason(source: str | Path | BinaryIO, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(source, str | Path) and Path(source).is_file() and Path(source).stat().st_size == 0:
        return "an empty file"
    what = "of no known format" if isinstance(error, UnidentifiedImageError) else error
    return f"not a readable image ({what})"

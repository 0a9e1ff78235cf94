"""Opening image files that nobody has vouched for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError, features

from steeldefectx.errors import DataError

_READERS: dict[str, tuple[str, ...]] = {
    "BMP": (".bmp", ".dib"),
    "JPEG": (".jfif", ".jpe", ".jpeg", ".jpg"),
    "PNG": (".apng", ".png"),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "PPM": (".pbm", ".pfm", ".pgm", ".pnm", ".ppm"),
    "WEBP": (".webp",),
    "JPEG2000": (".j2c", ".j2k", ".jp2", ".jpc", ".jpeg2000", ".jpf", ".jpx"),
}
_READERS |= {"AVIF": (".avif",)} if features.check("avif") else {}
_READERS |= {"HEIF": (".heic", ".heif", ".hif")} if find_spec("pillow_heif") else {}
IMAGE_ENDINGS = frozenset(ending for endings in _READERS.values() for ending in endings)
IMAGE_FORMATS = tuple(_READERS)
"""What Pillow may take a file for, whatever its ending: some of the other formats start programs."""
_CAMERA = "what a camera's sensor saw: develop it to TIFF or PNG"
READ_WITH = {
    **dict.fromkeys((".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"), _CAMERA),
    **dict.fromkeys((".avif", ".avifs"), "read by Pillow 11.3 and later"),
    **dict.fromkeys((".heic", ".heif", ".hif"), 'read with the extra "heic": pip install "steeldefectx[heic]"'),
    **dict.fromkeys((".emf", ".eps", ".psd", ".svg", ".wmf", ".xcf"), "drawings: export them as PNG"),
    **dict.fromkeys((".raw", ".bin"), "grey levels without a size: convert them to TIFF or PNG"),
}
"""Ending of files that are not read -> what helps."""
MAX_PIXELS = 89_000_000
"""Images with more pixels are not decoded (Pillow itself warns from about here)."""


def image_formats() -> tuple[str, ...]:
    """:data:`IMAGE_FORMATS`, known to Pillow."""
    if "HEIF" in IMAGE_FORMATS and "HEIF" not in Image.OPEN:
        import pillow_heif  # a library of its own, of use to few

        pillow_heif.register_heif_opener()
    return IMAGE_FORMATS


def open_image(source: str | Path | BinaryIO) -> Image.Image:
    """Decode an image file; of an animation or a file of several pages, the first.

    Its size is taken from the header first: an image that would fill the memory is refused before it is decoded.

    Args:
        source: A file, or one that is open.

    Raises:
        DataError: No image of one of ``IMAGE_FORMATS``, one that ends too early, or more than ``MAX_PIXELS`` pixels.
    """
    try:
        with Image.open(source, formats=image_formats()) as image:
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

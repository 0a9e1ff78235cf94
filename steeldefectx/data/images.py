"""Opening image files that nobody has vouched for."""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError, features
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from steeldefectx.data.tiff import PAGES, is_tiff, read_tiff
from steeldefectx.errors import DataError, DriveGoneError
from steeldefectx.utils.drives import drive_error
from steeldefectx.utils.grey_levels import BITS_PER_SAMPLE, ORIENTATION, is_deep, upright
from steeldefectx.utils.printable import printable

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
    **dict.fromkeys((".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip"), "archives in archives: unpack them"),
    **dict.fromkeys((".ods", ".xls", ".xlsb", ".xlsm"), "tables of another kind: save them as .xlsx or CSV"),
    **dict.fromkeys((".raw", ".bin"), "grey levels without a size: convert them to TIFF or PNG"),
}
"""Ending of files that are not read -> what helps."""
SAMPLES_PER_PIXEL, SAMPLE_FORMAT = 277, 339
"""Tags of a TIFF file."""
SETTLING = 5.0
"""Seconds: a file that changed later than so long ago may be still being written."""
PAUSE = 0.3
"""Seconds until such a file, if it is bad, is read again."""
MAX_PIXELS = 89_000_000
"""Images with more pixels are not decoded (Pillow itself warns from about here)."""


@dataclass(frozen=True)
class Traits:
    """What there is to say of an image file beside its pixels."""

    size: tuple[int, int]
    """Width and height, upright."""
    mode: str
    pages: int = 1
    orientation: int = 1
    """How it is stored, as EXIF says it, 1..8."""
    levels: tuple[float, float] | None = None
    """Lowest and highest of grey levels that are floating-point numbers, negative or of more than 16 bits."""
    transparent: bool = False
    """Whether a pixel of it is."""
    more_channels: bool = False
    """Whether it has channels that are not read."""
    deep_colours: bool = False
    """Whether its colours have 16 bits, of which the 8 highest are read."""


def image_formats() -> tuple[str, ...]:
    """:data:`IMAGE_FORMATS`, known to Pillow."""
    if "HEIF" in IMAGE_FORMATS and "HEIF" not in Image.OPEN:
        import pillow_heif  # a library of its own, of use to few

        pillow_heif.register_heif_opener()
    return IMAGE_FORMATS


def open_image(source: str | Path | BinaryIO, page: int = 0) -> Image.Image:
    """Decode an image file, upright as its EXIF data say.

    Its size is taken from the header first: an image that would fill the memory is refused before it is decoded.

    Args:
        source: A file, or one that is open.
        page: Which of a file of several pages, or frames, counted from 0.

    Raises:
        DataError: No image of one of ``IMAGE_FORMATS``, one that ends too early, more than ``MAX_PIXELS`` pixels, no
            such page, grey levels that are no numbers, or channels that are no picture.
        DriveGoneError: The drive went away.
    """
    return read_image(source, page)[0]


def read_image(source: str | Path | BinaryIO, page: int = 0) -> tuple[Image.Image, Traits]:
    """:func:`open_image`, and what there is to say of the file."""
    name = _name(source)
    try:
        with _opened(source, page) as image:
            check_size(image)
            traits = _traits(image)
            picture = upright(_numbers(image))
            check_levels(picture)
            return picture, _seen(picture, traits)
    except (OSError, EOFError, SyntaxError, ValueError, Image.DecompressionBombError, DataError) as error:
        if gone := drive_error(error, name):
            raise gone from error
        raise DataError(f"{name}: {_reason(source, error)}") from error


def traits_of(source: str | Path | BinaryIO) -> Traits:
    """What a file says of itself by its header.

    Raises:
        DataError: No readable image.
        DriveGoneError: The drive went away.
    """
    try:
        with _opened(source, 0) as image:
            traits = _traits(image)
            return replace(traits, size=image.size[::-1]) if _is_turned(image) else traits
    except (OSError, EOFError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if gone := drive_error(error, _name(source)):
            raise gone from error
        raise DataError(f"{_name(source)}: {_reason(source, error)}") from error


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an image, upright, by its header; None where it is no readable image.

    Raises:
        DriveGoneError: The drive went away.
    """
    try:
        return traits_of(path).size
    except DriveGoneError:
        raise
    except DataError:
        return None


def _is_turned(image: Image.Image) -> bool:
    """Whether an image that is not decoded yet has width and height swapped; newer Pillows swap those of TIFF files."""
    swapped = isinstance(image, TiffImageFile) and image.size != (image.tag_v2.get(256), image.tag_v2.get(257))
    return orientation_of(image) >= 5 and not swapped


def _name(source: str | Path | BinaryIO) -> str:
    return printable(source) if isinstance(source, str | Path) else "the image"


def deep_image(source: str | Path | BinaryIO) -> Image.Image | None:
    """A grey image of more than 8 bits, decoded; None for any other, and for what cannot be read."""
    try:
        with _opened(source, 0) as image:
            deep = is_deep(image) or _is_signed(image)
        return open_image(source) if deep else None
    except (OSError, EOFError, SyntaxError, ValueError, Image.DecompressionBombError, DataError):
        return None


def _opened(source: str | Path | BinaryIO, page: int) -> Image.Image:
    """An image at one of its pages; not decoded, unless it is a TIFF file that Pillow cannot read."""
    try:
        image = Image.open(source, formats=image_formats())
    except UnidentifiedImageError:
        if not is_tiff(source):
            raise
        return read_tiff(source, page, MAX_PIXELS)
    if _is_mapped_wrongly(image):
        image.filename = ""  # what has no name is not mapped
    if page:
        pages = pages_of(image)
        if page >= pages:
            raise DataError(f"it has {pages} page{'s' * (pages > 1)}, none of number {page}: they count from 0")
        image.seek(page)
    return image


def _is_mapped_wrongly(image: Image.Image) -> bool:
    """Whether Pillow 12, which maps raw TIFF files into memory, does so with width for height."""
    return isinstance(image, TiffImageFile) and orientation_of(image) >= 5


def reads_alike(path: Path) -> bool:
    """Whether Pillow alone, and so whoever opens the file, decodes it as :func:`open_image` does."""
    try:
        with Image.open(path, formats=image_formats()) as image:
            image.getexif()
            large = image.mode == "I" and 32 in np.ravel(getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, []))
            otherwise = large or (image.mode == "L" and _is_signed(image)) or _is_mapped_wrongly(image)
            return image.format != "HEIF" and not otherwise
    except Exception:  # damaged EXIF data raise errors of many kinds in who does not expect them
        return False


def pages_of(image: Image.Image) -> int:
    """How many pages or frames a file has; a camera's JPEG with previews has one."""
    return 1 if image.format == "MPO" else int(image.info.get(PAGES, getattr(image, "n_frames", 1)))


def orientation_of(image: Image.Image) -> int:
    """How an image that is not decoded yet is stored, as EXIF says it: 1 upright, 2..8 mirrored or turned."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return 1
    return found if found in range(1, 9) else 1


def _is_signed(image: Image.Image) -> bool:
    return isinstance(image, TiffImageFile) and 2 in np.ravel(image.tag_v2.get(SAMPLE_FORMAT, []))


def _numbers(image: Image.Image) -> Image.Image:
    """An image with the numbers that its file says: Pillow takes signed bytes and large integers for others."""
    image.load()
    if isinstance(image, TiffImageFile):
        if image.mode == "L" and _is_signed(image):
            return Image.fromarray(np.asarray(image).view(np.int8).astype(np.float32))
        if image.mode == "I" and 32 in np.ravel(image.tag_v2.get(BITS_PER_SAMPLE, [])):
            levels = np.asarray(image)
            return Image.fromarray((levels if _is_signed(image) else levels.view(np.uint32)).astype(np.float32))
    return image


def _traits(image: Image.Image) -> Traits:
    """What a file says of itself, which is gone once it is decoded."""
    more, deep = False, isinstance(image, PngImageFile) and bool(image.tile) and "16" in str(image.tile[0].args)
    if isinstance(image, TiffImageFile):
        more = image.tag_v2.get(SAMPLES_PER_PIXEL, 1) > sum(band != "X" for band in image.getbands())
        deep = bool(np.max(image.tag_v2.get(BITS_PER_SAMPLE, 1)) > 8)
    deep = deep and image.mode in ("RGB", "RGBA", "RGBX", "LA")
    return Traits(image.size, image.mode, pages_of(image), orientation_of(image), more_channels=more, deep_colours=deep)


def _seen(picture: Image.Image, traits: Traits) -> Traits:
    """What the pixels say beside it."""
    levels, transparent = None, False
    if picture.mode in ("F", "I"):
        numbers = np.asarray(picture)
        lowest, highest = float(numbers.min()), float(numbers.max())
        levels = (lowest, highest) if picture.mode == "F" or lowest < 0 or highest >= 2**16 else None
    if picture.mode in ("RGBA", "LA", "PA") or ("transparency" in picture.info and picture.mode in ("L", "P", "RGB")):
        transparent = bool(np.asarray(picture.convert("RGBA"))[..., 3].min() < 255)
    return replace(traits, size=picture.size, mode=picture.mode, levels=levels, transparent=transparent)


def check_size(image: Image.Image) -> None:
    """Refuse an image with too many pixels; it need not have been decoded.

    Raises:
        DataError: More than ``MAX_PIXELS`` pixels.
    """
    if image.width * image.height > MAX_PIXELS:
        raise DataError(f"{image.width}x{image.height} pixels are more than {MAX_PIXELS:,}")


def check_levels(image: Image.Image) -> None:
    """Refuse grey levels that are no numbers.

    Raises:
        DataError: Some are NaN or infinite.
    """
    if image.mode == "F" and not np.isfinite(np.asarray(image)).all():
        raise DataError("some of its grey levels are NaN or infinite")


def unsettled(path: Path) -> bool:
    """Whether a file changed a moment ago: it may still be being written, or copied."""
    try:
        return abs(time.time() - path.stat().st_mtime) < SETTLING
    except OSError:
        return False


def _reason(source: str | Path | BinaryIO, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(source, str | Path) and os.path.isfile(source) and os.path.getsize(source) == 0:
        return "an empty file"
    what = "of no known format" if isinstance(error, UnidentifiedImageError) else error
    return f"not a readable image ({what})"

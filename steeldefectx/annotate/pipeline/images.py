"""Images as they go to a model: data URIs without metadata, no larger than the model looks at."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from steeldefectx.annotate.pipeline.costs import LONG_SIDE, SHORT_SIDE

SENT_AS_IT_IS = {("PNG", "L"), ("PNG", "RGB"), ("JPEG", "L"), ("JPEG", "RGB")}
"""Formats and modes that every endpoint reads."""
HARMLESS = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "gamma", "interlace", "progressive"}
"""What a file may say of itself beside its pixels. All else, such as EXIF and comments, stays here."""


def data_uri(path: Path) -> str:
    """An image as a data URI: its own bytes if any endpoint reads them and they tell nothing else, else as PNG.

    Raises:
        OSError: It cannot be read.
    """
    with Image.open(path) as image:
        plain = (image.format, image.mode) in SENT_AS_IT_IS and set(image.info) <= HARMLESS
        if plain and sent_size(*image.size) == image.size:
            return _uri(f"image/{str(image.format).lower()}", path.read_bytes())
        from steeldefectx.models.preprocessing import to_rgb  # imports torch; most images do without

        pixels = to_rgb(image)
    buffer = io.BytesIO()
    pixels.resize(sent_size(*pixels.size), Image.Resampling.LANCZOS).save(buffer, "PNG")
    return _uri("image/png", buffer.getvalue())


def sent_size(width: int, height: int) -> tuple[int, int]:
    """Width and height to which an image is scaled down: models do it otherwise, after it was sent."""
    scale = min(1.0, LONG_SIDE / max(width, height), SHORT_SIDE / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"

"""Pictures of inspected frames for the report: small ones of all, larger ones with and without outlines of those with
regions.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

from steeldefectx.inference.localize.regions import Region

FOLDER = "pictures"
SMALL, LARGE = 240, 1600
"""Pixels of the longer side, at most."""
OUTLINE = (255, 190, 30)


class Pictures(NamedTuple):
    """Files of a frame's pictures, relative to the report's folder."""

    small: str
    plain: str
    marked: str


def pictures_of(name: str) -> Pictures:
    """Where the pictures of a frame are.

    Args:
        name: Of its record.
    """
    key = hashlib.sha256(name.encode()).hexdigest()[:20]
    return Pictures(f"{FOLDER}/{key}-small.jpg", f"{FOLDER}/{key}.jpg", f"{FOLDER}/{key}-marked.jpg")


def write_pictures(folder: Path, name: str, image: Image.Image, regions: list[Region]) -> None:
    """Write the pictures of a frame.

    Args:
        folder: Of the report.
        name: Of the frame's record.
        image: The frame, upright, RGB or 8-bit grey.
        regions: What is marked on it.
    """
    files = pictures_of(name)
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    large = image.convert("RGB")
    large.thumbnail((LARGE, LARGE))
    small = large.copy()
    small.thumbnail((SMALL, SMALL))
    small.save(folder / files.small, quality=80)
    if not regions:
        return
    large.save(folder / files.plain, quality=85)
    factor = large.width / image.width
    pen = ImageDraw.Draw(large)
    for region in regions:
        pen.polygon([(x * factor, y * factor) for x, y in region.polygon], outline=OUTLINE, width=2)
    large.save(folder / files.marked, quality=85)

"""One Pascal VOC file: the boxes of an image."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from steeldefectx.data.sources.annotation_files import read_xml
from steeldefectx.data.sources.listing import Box


@dataclass(frozen=True)
class VocObject:
    """An object, whose box is read when it is asked for."""

    name: str
    element: ET.Element

    def box(self) -> Box:
        """Left, top, right, bottom.

        Raises:
            ValueError: Not four numbers, or nothing between them.
        """
        left, top, right, bottom = (
            _number(self.element, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")
        )
        if not (left < right and top < bottom) or right <= 0 or bottom <= 0:
            raise ValueError(f"an empty box of {self.name}")
        return left, top, right, bottom


@dataclass(frozen=True)
class VocFile:
    """What a file says."""

    size: tuple[int, int] | None
    """Width and height of the image, where stated."""
    filename: str | None
    """The image's, where stated."""
    objects: tuple[VocObject, ...]


def read_voc_file(file: Path) -> VocFile:
    """One file.

    Raises:
        OSError: Not readable.
        ValueError: Not an annotation, or XML that could expand to more than it is.
    """
    root = read_xml(file)
    if root.tag != "annotation":
        raise ValueError(f"its root is <{root.tag[:40]}>, not <annotation>")
    width, height = (_number(root, f"size/{side}", 0) for side in ("width", "height"))
    objects = tuple(VocObject((each.findtext("name") or "").strip(), each) for each in root.iter("object"))
    return VocFile((width, height) if width > 0 and height > 0 else None, root.findtext("filename"), objects)


def _number(element: ET.Element, path: str, default: int | None = None) -> int:
    text = element.findtext(path)
    if text is None and default is not None:
        return default
    try:
        return int(float(text or ""))
    except (ValueError, OverflowError):
        raise ValueError(f"no number in <{path}>") from None

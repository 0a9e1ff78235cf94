"""Reading annotation files that nobody has vouched for: XML, JSON and YAML that cannot expand to more than they are."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1_000_000
"""Of a file about one image without the image in it."""
MAX_WITH_IMAGE = 200_000_000
"""Of one with the image in it, as labelme writes."""
MAX_OF_ALL = 2_000_000_000
"""Of one about all images."""


def read_bytes(file: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a file.

    Raises:
        OSError: Not readable.
        ValueError: Larger than ``limit`` bytes.
    """
    if file.stat().st_size > limit:
        raise ValueError(f"more than {limit:,} bytes")
    return file.read_bytes()


def read_xml(file: Path, limit: int = MAX_BYTES) -> ET.Element:
    """The root of an XML file.

    Raises:
        OSError: Not readable.
        ValueError: No XML, too large, or XML that could expand to more than it is.
    """
    data = read_bytes(file, limit)
    # Entities are declared in the document type; a wide encoding would hide it from this search.
    if b"\0" in data or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError("a document type, entities or a wide encoding, which annotations have no use for")
    try:
        return ET.fromstring(data)
    except (ET.ParseError, LookupError) as error:  # the latter of an encoding that there is not
        raise ValueError(str(error)) from None


def read_json(file: Path, limit: int = MAX_OF_ALL) -> Any:
    """The content of a JSON file, in UTF-8 with or without a byte order mark.

    Raises:
        OSError: Not readable.
        ValueError: No JSON, or too large.
    """
    try:
        return json.loads(read_bytes(file, limit).decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("brackets in too many brackets") from None


def read_yaml(file: Path) -> Any:
    """The content of a YAML file.

    Raises:
        OSError: Not readable.
        ValueError: No YAML, or too large.
    """
    data = read_bytes(file)
    if b"&" in data and b"*" in data:  # a name for a part, by which a short file repeats it without end
        raise ValueError("anchors, which annotations have no use for")
    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def read_lines(file: Path) -> list[str]:
    """The lines of a text file that hold anything, stripped.

    Raises:
        OSError: Not readable.
        ValueError: Not UTF-8, or too large.
    """
    lines = read_bytes(file).decode("utf-8-sig").splitlines()
    return [line.strip() for line in lines if line.strip()]


def number(value: Any, what: str) -> float:
    """A finite number.

    Raises:
        ValueError: It is none.
    """
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"no number for {what}: {str(value)[:40]!r}") from None
    if not math.isfinite(result):
        raise ValueError(f"{what} is {result}")
    return result


def stated_size(width: Any, height: Any) -> tuple[int, int] | None:
    """Width and height as an annotation states them; None where it leaves them open.

    Raises:
        ValueError: They are no numbers.
    """
    size = tuple(int(number(side or 0, "the image's size")) for side in (width, height))
    return (size[0], size[1]) if min(size) > 0 else None

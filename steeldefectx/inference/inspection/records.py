"""What is kept of an inspected frame: a line of JSON, and the rows of tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from steeldefectx.inference.localize.inspector import Inspection
from steeldefectx.inference.localize.regions import Region
from steeldefectx.language.descriptions import location_of

Record = dict[str, Any]
"""Of a frame; its keys are the columns of :data:`FRAMES`, and ``regions``, a list with those of :data:`REGIONS`."""
UNKNOWN = "unknown"
"""The class of a region that none of the classes fits well enough."""
FRAMES = pa.schema(
    {
        "file": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "sound": pa.bool_(),
        "score": pa.float64(),
        "error": pa.string(),
    }
)
"""A row a frame; one with ``error`` alone for a file that is no readable image."""
REGIONS = pa.schema(
    {
        "box": pa.list_(pa.int32()),
        "polygon": pa.list_(pa.list_(pa.float64())),
        "area_px": pa.int64(),
        "area_mm2": pa.float64(),
        "score": pa.float64(),
        "class": pa.string(),
        "probability": pa.float64(),
        "place": pa.string(),
        "direction": pa.string(),
        "sentence": pa.string(),
    }
)
"""What is said of a region: ``box`` is left, top, right, bottom, ``polygon`` its outline, both in pixels."""


def record_of(name: str, inspection: Inspection, mm_per_pixel: float | None) -> Record:
    """The record of a frame.

    Args:
        name: Of its file.
        inspection: Of it.
        mm_per_pixel: Length of a pixel's side; None where it is not known.
    """
    width, height = inspection.size
    regions = [_region(region, mm_per_pixel) for region in inspection.regions]
    about = {"file": name, "width": width, "height": height, "sound": inspection.sound}
    return {**about, "score": round(inspection.score, 4), "error": None, "regions": regions}


def unreadable(name: str, error: str) -> Record:
    """The record of a file that is no readable image."""
    return dict.fromkeys(FRAMES.names) | {"file": name, "error": error, "regions": []}


def _region(region: Region, mm_per_pixel: float | None) -> Record:
    attributes = region.attributes
    return {
        "box": list(region.box),
        "polygon": [list(point) for point in region.polygon],
        "area_px": region.area,
        "area_mm2": None if mm_per_pixel is None else round(region.area * mm_per_pixel**2, 4),
        "score": round(region.score, 4),
        "class": region.label or UNKNOWN,
        "probability": None if region.probability is None else round(region.probability, 4),
        "place": None if attributes is None else location_of(attributes["position"]),
        "direction": None if attributes is None else attributes["direction"],
        "sentence": region.sentence,
    }


def file_name(file: Path, root: Path) -> str:
    """The name that a frame's record has: its path from the folder of frames, with ``/``; readable in any encoding."""
    path = file.relative_to(root) if root.is_dir() else Path(file.name)
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")

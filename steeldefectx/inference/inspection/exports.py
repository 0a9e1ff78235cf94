"""Inspected frames as files of annotation tools, so that a person corrects the regions there.

Each format has one function, from records to files below a folder; what each keeps and loses is in the documentation.
Coordinates are pixels of the upright frame, or shares of it where a format wants them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import quoteattr

from steeldefectx.errors import ConfigError
from steeldefectx.inference.inspection.records import Record
from steeldefectx.utils.atomic import atomic_write
from steeldefectx.utils.results import write_json


def export_records(records: Sequence[Record], frames: Path, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the frames that could be read in some formats.

    Args:
        records: Of all frames.
        frames: The folder that the frames are in.
        folder: Of the report; each format has a folder in it.
        formats: Of :data:`FORMATS`.

    Returns:
        The folders or files that were written, one a format.

    Raises:
        ConfigError: An unknown format.
    """
    check_formats(formats)
    readable = [record for record in records if not record["error"]]
    if {"yolo", "labelme"} & set(formats):
        _refuse_twins(readable)
    classes = sorted({region["class"] for record in readable for region in record["regions"]})
    return [FORMATS[name](readable, classes, frames, folder / name) for name in formats]


def _refuse_twins(records: Sequence[Record]) -> None:
    """Raises a ConfigError where two frames would have one file, as their names differ in their endings alone."""
    seen: dict[str, str] = {}
    for record in records:
        other = seen.setdefault(_named(record, ""), record["file"])
        if other != record["file"]:
            raise ConfigError(f"{other} and {record['file']} would have one file in yolo and labelme: rename one.")


def check_formats(formats: Sequence[str]) -> None:
    """See that formats are known.

    Raises:
        ConfigError: One is not.
    """
    for name in formats:
        if name not in FORMATS:
            raise ConfigError(f"--export {name!r}: take one of {', '.join(FORMATS)}.")


def _coco(records: Sequence[Record], classes: Sequence[str], frames: Path, folder: Path) -> Path:
    """One JSON file with boxes and polygons."""
    numbers = {name: number for number, name in enumerate(classes, 1)}
    images: list[Record] = []
    annotations: list[Record] = []
    for image_id, record in enumerate(records, 1):
        images.append({"id": image_id, "file_name": record["file"], "width": record["width"],
                       "height": record["height"]})  # fmt: skip
        for region in record["regions"]:
            left, top, right, bottom = region["box"]
            annotations.append(
                {
                    **{"id": len(annotations) + 1, "image_id": image_id, "category_id": numbers[region["class"]]},
                    "bbox": [left, top, right - left, bottom - top],
                    "segmentation": [[value for point in region["polygon"] for value in point]],
                    **{"area": region["area_px"], "iscrowd": 0, "score": region["score"]},
                }
            )
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    write_json({"images": images, "annotations": annotations, "categories": categories}, folder / "annotations.json")
    return folder / "annotations.json"


def _yolo(records: Sequence[Record], classes: Sequence[str], frames: Path, folder: Path) -> Path:
    """A text file a frame with polygons, and one with boxes; each with the names of its classes."""
    for kind, line in (("segment", _polygon_line), ("detect", _box_line)):
        for record in records:
            lines = [line(classes.index(region["class"]), region, record) for region in record["regions"]]
            _write("".join(f"{text}\n" for text in lines), folder / kind / "labels" / _named(record, ".txt"))
        names = "".join(f"  {number}: {json.dumps(name, ensure_ascii=False)}\n" for number, name in enumerate(classes))
        _write(f"path: .\ntrain: images\nval: images\nnames:\n{names}", folder / kind / "data.yaml")
    return folder


def _polygon_line(number: int, region: Record, record: Record) -> str:
    shares = (f"{x / record['width']:.6f} {y / record['height']:.6f}" for x, y in region["polygon"])
    return f"{number} {' '.join(shares)}"


def _box_line(number: int, region: Record, record: Record) -> str:
    left, top, right, bottom = region["box"]
    width, height = record["width"], record["height"]
    middle = ((left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height)
    return f"{number} {' '.join(f'{share:.6f}' for share in middle)}"


def _label_studio(records: Sequence[Record], classes: Sequence[str], frames: Path, folder: Path) -> Path:
    """Tasks whose predictions a person accepts or corrects, and the labelling interface that fits them."""
    tasks = []
    for record in records:
        size = {"original_width": record["width"], "original_height": record["height"], "image_rotation": 0}
        result = [
            {
                **{"id": f"r{number}", "type": "polygonlabels", "from_name": "label", "to_name": "image"},
                **{**size, "score": region["score"]},
                "value": {
                    "points": [[100 * x / record["width"], 100 * y / record["height"]] for x, y in region["polygon"]],
                    **{"polygonlabels": [region["class"]], "closed": True},
                },
            }
            for number, region in enumerate(record["regions"])
        ]
        predictions = [{"model_version": "steeldefectx", "score": record["score"], "result": result}]
        tasks.append({"data": {"image": f"/data/local-files/?d={record['file']}"}, "predictions": predictions})
    write_json(tasks, folder / "tasks.json")
    labels = "".join(f"<Label value={quoteattr(name)}/>" for name in classes)
    interface = (
        '<View><Image name="image" value="$image" zoom="true"/>'
        f'<PolygonLabels name="label" toName="image">{labels}</PolygonLabels></View>\n'
    )
    _write(interface, folder / "interface.xml")
    return folder / "tasks.json"


def _cvat(records: Sequence[Record], classes: Sequence[str], frames: Path, folder: Path) -> Path:
    """CVAT for images 1.1: one XML file."""
    labels = "".join(f"<label><name>{_text(name)}</name><attributes></attributes></label>" for name in classes)
    with _opened(folder / "annotations.xml") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
        file.write(f"<meta><task><labels>{labels}</labels></task></meta>\n")
        for number, record in enumerate(records):
            name, size = quoteattr(record["file"]), f'width="{record["width"]}" height="{record["height"]}"'
            file.write(f'<image id="{number}" name={name} {size}>\n')
            for region in record["regions"]:
                points = ";".join(f"{x:.2f},{y:.2f}" for x, y in region["polygon"])
                label = quoteattr(region["class"])
                file.write(f'<polygon label={label} source="auto" occluded="0" points="{points}" z_order="0">\n')
                file.write("</polygon>\n")
            file.write("</image>\n")
        file.write("</annotations>\n")
    return folder / "annotations.xml"


def _labelme(records: Sequence[Record], classes: Sequence[str], frames: Path, folder: Path) -> Path:
    """A JSON file a frame, which names the frame by its path from there."""
    root = frames if frames.is_dir() else frames.parent
    for record in records:
        file = folder / _named(record, ".json")
        shapes = [
            {
                **{"label": region["class"], "points": region["polygon"], "group_id": None, "shape_type": "polygon"},
                **{"flags": {}, "description": region["sentence"] or ""},
            }
            for region in record["regions"]
        ]
        path = os.path.relpath(root.absolute() / record["file"], file.parent.absolute())
        about: dict[str, Any] = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": Path(path).as_posix()}
        write_json(about | {"imageData": None, "imageHeight": record["height"], "imageWidth": record["width"]}, file)
    return folder


FORMATS: dict[str, Callable[[Sequence[Record], Sequence[str], Path, Path], Path]] = {
    "coco": _coco,
    "yolo": _yolo,
    "label-studio": _label_studio,
    "cvat": _cvat,
    "labelme": _labelme,
}
"""What regions can be written as."""


def _named(record: Record, ending: str) -> str:
    return str(PurePosixPath(record["file"]).with_suffix(ending))


def _text(name: str) -> str:
    return quoteattr(name)[1:-1]


def _opened(file: Path) -> Any:
    file.parent.mkdir(parents=True, exist_ok=True)
    return atomic_write(file)


def _write(content: str, file: Path) -> None:
    with _opened(file) as opened:
        opened.write(content)

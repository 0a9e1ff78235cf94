"""Annotation formats that are not read: recognized, so that a message can name them and say what helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from steeldefectx.data.sources.annotation_files import MAX_WITH_IMAGE, read_bytes, read_json, read_xml
from steeldefectx.data.sources.layouts.matching import some_of
from steeldefectx.data.sources.tree import Tree

EXPORT = "export it as COCO, YOLO or Pascal VOC"


def unread_annotations(tree: Tree) -> list[str]:
    """A line for each format that a handful of the annotation files are in, and that is not read."""
    by_ending: dict[str, list[Path]] = {}
    for file in tree.texts:
        by_ending.setdefault(file.suffix.lower(), []).append(file)
    found: dict[str, Path] = {}
    for ending, name_of in _FORMATS.items():
        for file in some_of(by_ending.get(ending, [])):
            try:
                name = name_of(file)
            except (OSError, ValueError):
                continue
            if name:
                found.setdefault(name, file)
    return [f"{tree.relative(file)} is {name}, which is not read: {EXPORT}." for name, file in found.items()]


def _json_format(file: Path) -> str | None:
    content = read_json(file, MAX_WITH_IMAGE)
    first = content[0] if isinstance(content, list) and content else None
    if isinstance(first, dict):
        return _format_of_list(first)
    if not isinstance(content, dict) or isinstance(content.get("shapes"), list):
        return None
    if "_via_img_metadata" in content or any(_has(value, "filename", "regions") for value in content.values()):
        return "a VIA (VGG Image Annotator) project"
    if _has(content, "objects", "size") and isinstance(content["size"], dict):
        return "a Supervisely annotation"
    if _has(content, "categories", "items"):
        return "a Datumaro annotation"
    return _label_studio(content)


def _format_of_list(first: dict[str, Any]) -> str | None:
    if name := _label_studio(first):
        return name
    if _has(first, "image", "annotations"):
        return "a CreateML annotation"
    if _has(first, "data_row") or _has(first, "Labeled Data", "Label"):
        return "a Labelbox export"
    return None


def _label_studio(first: dict[str, Any]) -> str | None:
    """Label Studio's other files than the tasks with annotations that are read."""
    if isinstance(first.get("data"), dict) and ("annotations" in first or "predictions" in first):
        return "a Label Studio file without an annotation by a person"
    if _has(first, "result", "task") or _has(first, "image", "annotator"):
        return "a Label Studio file of another kind than its exports as JSON and JSON-MIN"
    return None


def _has(value: Any, *keys: str) -> bool:
    return isinstance(value, dict) and all(key in value for key in keys)


def _xml_format(file: Path) -> str | None:
    root = read_xml(file, MAX_WITH_IMAGE)
    if root.tag == "annotations" and root.find("track") is not None:
        return "a CVAT annotation (XML for video)"
    if root.tag == "annotation" and root.find("object/polygon/pt") is not None:
        return "an annotation of MIT's LabelMe (XML)"
    return None


def _csv_format(file: Path) -> str | None:
    header = read_bytes(file, MAX_WITH_IMAGE).split(b"\n", 1)[0].decode("utf-8-sig").replace(" ", "").lower()
    columns = set(header.strip().split(","))
    if {"imageid", "labelname", "xmin", "ymax"} <= columns:
        return "an OpenImages annotation (CSV)"
    if {"filename", "region_shape_attributes"} <= columns or "#filename" in columns:
        return "a VIA (VGG Image Annotator) annotation (CSV)"
    return None


_FORMATS: dict[str, Callable[[Path], str | None]] = {".json": _json_format, ".xml": _xml_format, ".csv": _csv_format}

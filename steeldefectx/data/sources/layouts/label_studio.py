"""Label Studio: its exports as JSON and JSON-MIN, tasks with the annotations that people have made of each image.

steel/project-1.json
steel/images/0001.jpg    or anywhere below; an upload's name in a task, 0a1b2c3d-0001.jpg, has eight characters more

Coordinates are in percent of the image. Boxes are no masks where a data set has no other shapes; a box that is turned
is a polygon. Predictions are a model's, and not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from steeldefectx.data.sources import shapes
from steeldefectx.data.sources.annotation_files import number, read_json, stated_size
from steeldefectx.data.sources.brush import brush_mask
from steeldefectx.data.sources.layouts import label_studio_min
from steeldefectx.data.sources.layouts.layout import BY_NAMES, Layout
from steeldefectx.data.sources.layouts.many_images import TURNED, Entry, annotated_images, contains
from steeldefectx.data.sources.layouts.matching import some_of
from steeldefectx.data.sources.layouts.objects import Bounds, Object, bounds_of, samples_of, without_boxes_drawn
from steeldefectx.data.sources.list_tables import names_image
from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.shapes import Point, Shape
from steeldefectx.data.sources.tree import Tree

_PARTS = (
    re.compile(rb'"data"\s*:\s*\{'),
    re.compile(rb'"annotations"\s*:\s*\[\s*\{'),
    re.compile(rb'"result"\s*:\s*\['),
)
_UPLOAD = re.compile(r"(?<=/)[0-9a-f]{8}-(?=[^/]+$)")
"""What an upload's name begins with, so that two of one name differ; uploads are in a folder of that name."""
_SHAPES = ("rectangle", "polygon", "ellipse", "brush")
_CLASSIFIES = ("pairwise", "ranker", "taxonomy")
"""Kinds of results that may say a class, in ways that are not read."""
_REMARKS = ("datetime", "number", "rating", "relation", "textarea", *_CLASSIFIES)
"""Kinds of results that draw nothing and name no class that is read."""


def recognize(tree: Tree) -> str | None:
    """The names of the JSON files that are Label Studio's, with an annotation at least."""
    files = [file for file in some_of(_files(tree)) if _is_label_studio(file)]
    return ", ".join(str(tree.relative(file)) for file in files) if files else None


def _files(tree: Tree) -> list[Path]:
    return [file for file in tree.texts if file.suffix.lower() == ".json"]


def _is_label_studio(file: Path) -> bool:
    return any(
        contains(file, *(lambda text, part=part: bool(part.search(text)) for part in parts))
        for parts in (_PARTS, label_studio_min.KEYS)
    )


def read(tree: Tree) -> Iterator[Sample]:
    """The regions of all tasks; of an image without any, its choices."""
    files = list(filter(_is_label_studio, _files(tree)))
    yield from samples_of(tree, without_boxes_drawn(annotated_images(tree, files, partial(_entries, tree))))


def _entries(tree: Tree, file: Path) -> list[Entry]:
    content = read_json(file)
    tasks = content if isinstance(content, list) else [content]
    if tasks and all(map(label_studio_min.is_row, tasks)):
        tasks = label_studio_min.tasks_of(tasks)
    if not all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks):
        raise ValueError("no list of tasks with their data")
    results: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    several = unconfirmed = 0
    for task in tasks:
        made = [each for each in _dicts(task, "annotations") if not each.get("was_cancelled")]
        if made:
            several += len(made) > 1
            results.append((task, _dicts(sorted(made, key=_updated)[-1], "result")))
        elif task.get("predictions"):
            unconfirmed += 1
    if several:
        tree.notes.append(f"{several:,} tasks have several annotations: of each, the one last updated is read.")
    if unconfirmed:
        tree.notes.append(f"{unconfirmed:,} tasks hold predictions that no person has confirmed: they are not read.")
    _add_notes(tree, [result for _, result in results])
    return [_entry(task, result) for task, result in results]


def _dicts(parent: dict[str, Any], key: str) -> list[dict[str, Any]]:
    given = parent.get(key) or []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise ValueError(f"{key} that are no list of them")
    return given


def _updated(annotation: dict[str, Any]) -> float:
    """When it was last changed, in seconds; 0 where it does not say. As text, times would not be in their order."""
    try:
        time = datetime.fromisoformat(str(annotation.get("updated_at") or annotation.get("created_at")))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _add_notes(tree: Tree, results: list[list[dict[str, Any]]]) -> None:
    turned = sum(_kind(each) == "rectangle" and _is_turned(each) for result in results for each in result)
    if turned:
        tree.notes.append(TURNED.format(turned))
    if beside := sum(bool(_regions(result) and _classes(result)) for result in results):
        tree.notes.append(f"{beside:,} images have choices beside their regions: the choices are not read.")
    remarks = {kind for result in results for each in result if (kind := _kind(each)) in _REMARKS}
    if remarks:
        tree.notes.append(f"Results of these kinds are not read: {', '.join(sorted(remarks))}.")


def _entry(task: dict[str, Any], result: list[dict[str, Any]]) -> Entry:
    return Entry(
        _names(task["data"]), lambda: _size(result), lambda size: _objects(result, size), None, _classes(result)
    )


def _names(data: dict[str, Any]) -> list[str]:
    """The path of a task's image, as it may be written: with what an upload's begins with, or without, or as it is."""
    given = data.get("image")
    if not isinstance(given, str):
        named = [value for value in data.values() if isinstance(value, str) and names_image(_path(value))]
        given = named[0] if len(named) == 1 else ""
    if not given or given.startswith("data:"):  # the image itself
        return []
    path = _path(given)
    plain = unquote(path)
    return list(dict.fromkeys([plain, _UPLOAD.sub("", plain) if "/upload/" in plain else plain, path]))


def _path(address: str) -> str:
    """The path in an address: of a local file, of a bucket, or of the web."""
    _, local, path = address.partition("?d=")
    if local:
        return path
    scheme, separator, rest = address.partition("://")
    return re.split(r"[?#]", rest)[0] if separator else scheme


def _size(result: list[dict[str, Any]]) -> tuple[int, int] | None:
    sizes = {stated_size(each.get("original_width"), each.get("original_height")) for each in result} - {None}
    if len(sizes) > 1:
        raise ValueError(f"its regions are of images of {len(sizes)} sizes")
    return next(iter(sizes), None)


def _kind(item: dict[str, Any]) -> str:
    return str(item.get("type") or "").lower()[:40].removesuffix("labels")


def _id(item: dict[str, Any]) -> str:
    """What the results of one region share; empty where it is not said."""
    return str(item.get("id") or "")[:40]


def _is_turned(item: dict[str, Any]) -> bool:
    value = item.get("value")
    return isinstance(value, dict) and value.get("rotation") not in (None, 0, 360)


def _regions(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results that draw something, also in ways that are not known: all but names, choices and remarks."""
    return [each for each in result if _kind(each) not in ("", "choices", *_REMARKS)]


def _labels(item: dict[str, Any]) -> list[str]:
    """The names that a result gives: its value has them under its type."""
    value = item.get("value")
    names = value.get(str(item.get("type")).lower()) if isinstance(value, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []


def _classes(result: list[dict[str, Any]]) -> list[str]:
    """The choices for the image as a whole: those of a region have its id."""
    regions = set(map(_id, _regions(result))) - {""}
    return [name for each in result if _kind(each) == "choices" and _id(each) not in regions for name in _labels(each)]


def _objects(result: list[dict[str, Any]], size: tuple[int, int]) -> list[Object]:
    """The regions on an image of this width and height.

    Raises:
        ValueError: One cannot be drawn; its id is said. Or the annotation says something that is not read, and nothing
            that is: the image is not sound for that.
    """
    _check_read(result)
    objects = []
    for region in _regions(result):
        try:
            bounds, shape = _drawn(region, size)
        except ValueError as error:
            raise ValueError(f"region {_id(region)}: {error}") from None
        objects += [Object(name, bounds, (shape,)) for name in _labels(region) or _beside(region, result) or [""]]
    return objects


def _check_read(result: list[dict[str, Any]]) -> None:
    """Raises a ValueError where a label has no shape, or nothing is read of what says a class."""
    regions = _regions(result)
    ids = set(map(_id, regions))
    if any(_kind(each) == "" and _id(each) not in ids for each in result):
        raise ValueError("a label without a shape")
    unread = [kind for each in result if (kind := _kind(each)) in ("choices", *_CLASSIFIES)]
    if unread and not regions and not _classes(result):
        raise ValueError(f"no region and no class, but a result of the kind {unread[0]}")


def _beside(region: dict[str, Any], result: list[dict[str, Any]]) -> list[str]:
    """The names of a region whose shape and label are two tags of the interface: in another result of its id."""
    same = [each for each in result if _id(each) == _id(region) != "" and each is not region]
    named = [_labels(each) for kind in ("", "choices") for each in same if _kind(each) == kind]
    return next(filter(None, named), [])


def _drawn(region: dict[str, Any], size: tuple[int, int]) -> tuple[Bounds, Shape]:
    kind, value, turn = _kind(region), region.get("value"), region.get("image_rotation")
    if kind not in _SHAPES or not isinstance(value, dict):
        raise ValueError(f"a {kind}, which is not read")
    if turn:
        raise ValueError(f"drawn on the image turned by {str(turn)[:20]} degrees, which is not read")
    if kind == "rectangle":
        return _rectangle(value, size)
    if kind == "polygon":
        points = _points(value.get("points"), size)
        return bounds_of(points), shapes.Polygon(points)
    if kind == "ellipse":
        return _ellipse(value, size)
    bitmap, bounds = shapes.packed(brush_mask(value.get("rle"), size))
    return bounds, bitmap


def _rectangle(value: dict[str, Any], size: tuple[int, int]) -> tuple[Bounds, Shape]:
    """A box: its corner, its sides, and how far it is turned around that corner."""
    left, top, width, height = _pixels(value, ("x", "y", "width", "height"), size)
    right, bottom, degrees = left + width, top + height, _degrees(value)
    if degrees % 360 == 0 or min(width, height) <= 0:  # an empty one is listed as such, whatever its turn
        return (left, top, right, bottom), shapes.Rectangle(left, top, right, bottom)
    points = shapes.turned(((left, top), (right, top), (right, bottom), (left, bottom)), (left, top), degrees)
    return bounds_of(points), shapes.Polygon(points)


def _ellipse(value: dict[str, Any], size: tuple[int, int]) -> tuple[Bounds, Shape]:
    x, y, half_width, half_height = _pixels(value, ("x", "y", "radiusX", "radiusY"), size)
    if min(half_width, half_height) <= 0:
        raise ValueError("an empty ellipse")
    ellipse = shapes.Ellipse((x, y), (half_width, half_height), _degrees(value))
    return ellipse.bounds(), ellipse


def _pixels(value: dict[str, Any], names: tuple[str, ...], size: tuple[int, int]) -> list[float]:
    """Percent of the width and of the height in turn, as pixels."""
    return [number(value.get(name), name) * size[place % 2] / 100 for place, name in enumerate(names)]


def _degrees(value: dict[str, Any]) -> float:
    return number(value.get("rotation") or 0, "rotation")


def _points(given: Any, size: tuple[int, int]) -> tuple[Point, ...]:
    if not isinstance(given, list) or not all(isinstance(point, list) and len(point) == 2 for point in given):
        raise ValueError("a polygon whose points are no pairs")
    if len(given) < 3:
        raise ValueError(f"a polygon of {len(given)} points")
    return tuple((number(x, "a point") * size[0] / 100, number(y, "a point") * size[1] / 100) for x, y in given)


LABEL_STUDIO = Layout(
    "label-studio",
    "Label Studio JSON",
    "steel/project-1.json\nsteel/images/0001.jpg\nsteel/images/0002.jpg",
    recognize,
    read,
    opens_images=True,
    beats=(*BY_NAMES, "list"),
)

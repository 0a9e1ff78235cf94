"""labelme: a JSON file an image, with polygons and other shapes.

frames/images/1.jpg
frames/json/1.json        or beside the image

Rectangles are boxes, and no masks, where a data set has no other shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from steeldefectx.data.sources import shapes
from steeldefectx.data.sources.annotation_files import MAX_WITH_IMAGE, number, read_json, stated_size
from steeldefectx.data.sources.layouts.layout import BY_NAMES, Layout
from steeldefectx.data.sources.layouts.matching import Images, paired, some_of
from steeldefectx.data.sources.layouts.objects import Annotated, Object, bounds_of, samples_of, without_boxes_drawn
from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.shapes import Point, Shape
from steeldefectx.data.sources.tree import Tree


def recognize(tree: Tree) -> str | None:
    """How many JSON files there are, if a handful of them is labelme's."""
    images = Images(tree)
    files = _files(tree)
    named = [file for file in files if images.have_stem(file.stem)]
    if any(map(_is_labelme, some_of(named or files))):
        return f"{len(named or files):,} JSON files of an image each"
    return None


def _files(tree: Tree) -> list[Path]:
    return [file for file in tree.texts if file.suffix.lower() == ".json"]


def _is_labelme(file: Path) -> bool:
    try:
        content = read_json(file, MAX_WITH_IMAGE)
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and isinstance(content.get("shapes"), list)


def read(tree: Tree) -> Iterator[Sample]:
    """The shapes of all files."""
    images = [
        Annotated(image, file, objects, size) for file, image, (objects, size) in paired(tree, _files(tree), _read_file)
    ]
    yield from samples_of(tree, without_boxes_drawn(images))


def _read_file(file: Path) -> tuple[tuple[list[Object], tuple[int, int] | None], str | None] | None:
    content = read_json(file, MAX_WITH_IMAGE)
    if not isinstance(content, dict) or "shapes" not in content:
        return None
    if not isinstance(content["shapes"], list) or not all(isinstance(shape, dict) for shape in content["shapes"]):
        raise ValueError("its shapes are no list of shapes")
    path = content.get("imagePath")
    size = stated_size(content.get("imageWidth"), content.get("imageHeight"))
    return (_objects(content["shapes"]), size), path if isinstance(path, str) else None


def _objects(entries: list[dict[str, Any]]) -> list[Object]:
    """The objects; shapes of one label and group are one object."""
    objects: dict[Any, Object] = {}
    for position, entry in enumerate(entries):
        each = _object(entry)
        group = entry.get("group_id")
        key = position if group is None else (each.name, str(group))
        if key in objects:
            first = objects[key]
            corners = [first.bounds[:2], first.bounds[2:], each.bounds[:2], each.bounds[2:]]
            each = Object(each.name, bounds_of(corners), first.shapes + each.shapes)
        objects[key] = each
    return list(objects.values())


def _object(entry: dict[str, Any]) -> Object:
    kind, name = entry.get("shape_type") or "polygon", str(entry.get("label") or "")
    points = _points(entry.get("points"), kind)
    grow = 0.0
    shape: Shape
    if kind == "polygon" and len(points) > 2:
        shape = shapes.Polygon(points)
    elif kind == "rectangle" and len(points) > 1:
        shape = shapes.Rectangle(*bounds_of(points))
    elif kind == "circle" and len(points) == 2:
        shape = shapes.circle(*points)
        points, grow = points[:1], shape.radius
    elif kind in ("line", "linestrip") and len(points) > 1:
        shape, grow = shapes.Line(points), shapes.LINE_WIDTH / 2
    elif kind in ("point", "points") and len(points) > 0:
        shape, grow = shapes.Circle(points[0], shapes.POINT_RADIUS), shapes.POINT_RADIUS
    elif kind == "mask" and len(points) == 2:
        shape = shapes.bitmap(*points[0], str(entry.get("mask")))
    else:
        raise ValueError(f"a {kind} of {len(points)} points")
    return Object(name, bounds_of(points, grow), (shape,))


def _points(given: Any, kind: str) -> tuple[Point, ...]:
    if not isinstance(given, list) or not all(isinstance(point, list) and len(point) == 2 for point in given):
        raise ValueError(f"a {kind} whose points are no pairs")
    return tuple((number(x, "a point"), number(y, "a point")) for x, y in given)


LABELME = Layout(
    "labelme",
    "labelme JSON",
    "frames/images/1.jpg\nframes/json/1.json\nframes/json/2.json",
    recognize,
    read,
    opens_images=True,
    beats=BY_NAMES,
)

"""CVAT for images 1.1: one XML file about many images, with boxes, polygons, lines, ellipses and masks.

steel/annotations.xml
steel/images/0001.jpg        or anywhere below; names of images are paths from where they were uploaded
steel/images/Train/0001.jpg  as projects with subsets are exported

Boxes are no masks where a data set has no other shapes; a box that is turned is a polygon.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from steeldefectx.data.sources import shapes
from steeldefectx.data.sources.annotation_files import MAX_OF_ALL, number, read_xml, stated_size
from steeldefectx.data.sources.layouts.layout import BY_NAMES, Layout
from steeldefectx.data.sources.layouts.many_images import TURNED, Entry, annotated_images, contains
from steeldefectx.data.sources.layouts.matching import some_of
from steeldefectx.data.sources.layouts.objects import Bounds, Object, bounds_of, samples_of, without_boxes_drawn
from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.shapes import Point, Shape
from steeldefectx.data.sources.split_words import is_split
from steeldefectx.data.sources.tree import Tree

_NO_SHAPES = ("tag", "attribute")
"""Elements in an image that draw nothing: classes of the whole image, and what else is said of it."""


def recognize(tree: Tree) -> str | None:
    """The names of the XML files that are CVAT's."""
    files = [file for file in some_of(_files(tree)) if _is_cvat(file)]
    return ", ".join(str(tree.relative(file)) for file in files) if files else None


def _files(tree: Tree) -> list[Path]:
    return [file for file in tree.texts if file.suffix.lower() == ".xml"]


def _is_cvat(file: Path) -> bool:
    return contains(file, lambda text: text.find(b"<annotations") >= 0, lambda text: text.find(b"<image ") >= 0)


def read(tree: Tree) -> Iterator[Sample]:
    """The shapes of all files; of an image without any, its tags."""
    files = list(filter(_is_cvat, _files(tree)))
    yield from samples_of(tree, without_boxes_drawn(annotated_images(tree, files, partial(_entries, tree))))


def _entries(tree: Tree, file: Path) -> list[Entry]:
    root = read_xml(file, MAX_OF_ALL)
    if root.tag != "annotations":
        raise ValueError(f"its root is <{root.tag[:40]}>, not <annotations>")
    if turned := sum(bool(box.get("rotation", "").strip("0.")) for box in root.iterfind("image/box")):
        tree.notes.append(TURNED.format(turned))
    beside = sum(image.find("tag") is not None and any(map(_is_shape, image)) for image in root.iterfind("image"))
    if beside:
        tree.notes.append(f"{beside:,} images have tags beside their shapes: the tags are not read.")
    return [_entry(image) for image in root.iterfind("image")]


def _entry(image: ET.Element) -> Entry:
    name, subset = image.get("name", ""), image.get("subset", "")
    given = list(filter(_is_shape, image))
    return Entry(
        [f"{subset}/{name}" if subset else name] if name else [],
        lambda: stated_size(image.get("width"), image.get("height")),
        lambda size: [_object(shape, size) for shape in given],
        subset if is_split(subset) else None,
        [tag.get("label", "") for tag in image.iterfind("tag")],
    )


def _is_shape(element: ET.Element) -> bool:
    return element.tag not in _NO_SHAPES


def _object(element: ET.Element, size: tuple[int, int]) -> Object:
    """One shape on an image of this width and height.

    Raises:
        ValueError: It is none that is known, or not of its numbers.
    """
    bounds, drawn = _drawn(element, size)
    return Object(element.get("label", ""), bounds, drawn)


def _drawn(element: ET.Element, size: tuple[int, int]) -> tuple[Bounds, tuple[Shape, ...]]:
    kind = element.tag
    if kind == "box":
        return _box(element)
    if kind == "ellipse":
        return _ellipse(element)
    if kind == "mask":
        bitmap, bounds = _mask(element, size)
        return bounds, (bitmap,)
    if kind not in _FEWEST:
        raise ValueError(f"a {kind[:40]}, which is not read")
    points = _points(element)
    if len(points) < _FEWEST[kind]:
        raise ValueError(f"a {kind} of {len(points)} points")
    if kind == "polygon":
        return bounds_of(points), (shapes.Polygon(points),)
    if kind == "polyline":
        return bounds_of(points, shapes.LINE_WIDTH / 2), (shapes.Line(points),)
    return bounds_of(points, shapes.POINT_RADIUS), tuple(shapes.Circle(p, shapes.POINT_RADIUS) for p in points)


_FEWEST = {"polygon": 3, "polyline": 2, "points": 1}
"""Shapes that are a list of points -> how many they have at least."""


def _box(element: ET.Element) -> tuple[Bounds, tuple[Shape, ...]]:
    left, top, right, bottom = (_number(element, side) for side in ("xtl", "ytl", "xbr", "ybr"))
    degrees = _number(element, "rotation", 0.0)
    if degrees % 360 == 0 or not (left < right and top < bottom):  # an empty one is listed as such, whatever its turn
        return (left, top, right, bottom), (shapes.Rectangle(left, top, right, bottom),)
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    points = shapes.turned(corners, ((left + right) / 2, (top + bottom) / 2), degrees)
    return bounds_of(points), (shapes.Polygon(points),)


def _ellipse(element: ET.Element) -> tuple[Bounds, tuple[Shape, ...]]:
    x, y, half_width, half_height = (_number(element, name) for name in ("cx", "cy", "rx", "ry"))
    if half_width <= 0 or half_height <= 0:
        raise ValueError(f"an empty ellipse of {element.get('label', '')}")
    ellipse = shapes.Ellipse((x, y), (half_width, half_height), _number(element, "rotation", 0.0))
    return ellipse.bounds(), (ellipse,)


def _mask(element: ET.Element, size: tuple[int, int]) -> tuple[Shape, Bounds]:
    """A mask by its run-lengths: pixels off and on in turn, row by row, of the part of the image that it names."""
    left, top, width, height = (int(_number(element, name)) for name in ("left", "top", "width", "height"))
    if min(left, top) < 0 or min(width, height) < 1 or left + width > size[0] or top + height > size[1]:
        raise ValueError(f"a mask of {width}x{height} pixels at {left}, {top}, which the image does not have")
    counts = [int(number(count, "a run-length")) for count in element.get("rle", "").split(",")]
    if min(counts) < 0 or sum(counts) != width * height:
        raise ValueError(f"run-lengths that are not those of {width}x{height} pixels")
    pixels = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(height, width)
    return shapes.packed(pixels, left, top)


def _points(element: ET.Element) -> tuple[Point, ...]:
    pairs = [pair.split(",") for pair in element.get("points", "").split(";") if pair.strip()]
    if not all(len(pair) == 2 for pair in pairs):
        raise ValueError(f"a {element.tag} whose points are no pairs")
    return tuple((number(x, "a point"), number(y, "a point")) for x, y in pairs)


def _number(element: ET.Element, name: str, default: float | None = None) -> float:
    return number(element.get(name, default), f"{name} of a {element.tag}")


CVAT = Layout(
    "cvat",
    "CVAT for images",
    "steel/annotations.xml\nsteel/images/0001.jpg\nsteel/images/0002.jpg",
    recognize,
    read,
    opens_images=True,
    beats=BY_NAMES,
)

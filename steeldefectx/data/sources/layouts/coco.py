"""COCO: one JSON file about many images, with boxes, polygons and run-lengths.

steel/annotations/instances_train2017.json
steel/train2017/0001.jpg
steel/train/_annotations.coco.json        or beside the images, as exports have it
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from steeldefectx.data.sources.annotation_files import number, read_json, stated_size
from steeldefectx.data.sources.layouts.layout import BY_NAMES, Layout
from steeldefectx.data.sources.layouts.many_images import Entry, annotated_images, contains
from steeldefectx.data.sources.layouts.matching import Images, some_of
from steeldefectx.data.sources.layouts.objects import Bounds, Object, bounds_of, samples_of
from steeldefectx.data.sources.listing import Problem, Sample
from steeldefectx.data.sources.shapes import Polygon, Shape, run_lengths
from steeldefectx.data.sources.split_words import is_split
from steeldefectx.data.sources.tree import Tree

_KEYS = (b'"images"', b'"annotations"', b'"categories"')


def recognize(tree: Tree) -> str | None:
    """The names of the JSON files that have COCO's three lists."""
    files = [file for file in some_of(_files(tree)) if _is_coco(file)]
    return ", ".join(str(tree.relative(file)) for file in files) if files else None


def _files(tree: Tree) -> list[Path]:
    """JSON files, but for those of an image each."""
    images = Images(tree)
    return [file for file in tree.texts if file.suffix.lower() == ".json" and not images.have_stem(file.stem)]


def _is_coco(file: Path) -> bool:
    return contains(file, *(lambda text, key=key: text.find(key) >= 0 for key in _KEYS))


def read(tree: Tree) -> Iterator[Sample]:
    """The annotations of all files."""
    yield from samples_of(tree, annotated_images(tree, filter(_is_coco, _files(tree)), partial(_entries, tree)))


_LISTS = ("images", "annotations", "categories")


def _entries(tree: Tree, file: Path) -> list[Entry]:
    content = read_json(file)
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in _LISTS):
        raise ValueError(f"no lists {', '.join(_LISTS)}")
    names = {
        entry.get("id"): str(entry.get("name") or "") for entry in content["categories"] if isinstance(entry, dict)
    }
    if unnamed := sorted(str(key) for key, name in names.items() if not name):
        tree.notes.append(f"{file.name} does not name its categories {', '.join(unnamed)}: they are called by number.")
    objects_of: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for entry in content["annotations"]:
        if isinstance(entry, dict):
            objects_of[entry.get("image_id")].append(entry)
    split = file.stem if is_split(file.stem) else None
    images = [entry if isinstance(entry, dict) else {} for entry in content["images"]]
    entries = [_entry(image, objects_of.pop(image.get("id"), []), names, split) for image in images]
    if objects_of:
        count = f"{sum(map(len, objects_of.values())):,} of its annotations are of images that it does not list"
        tree.problems.append(Problem(file, f"{count}, such as {next(iter(objects_of))}"))
    return entries


def _entry(image: dict[str, Any], given: list[dict[str, Any]], names: dict[Any, str], split: str | None) -> Entry:
    name = str(image.get("file_name") or "")
    return Entry(
        [name] if name else [],
        lambda: stated_size(image.get("width"), image.get("height")),
        lambda size: [_object(each, names, size) for each in given],
        split,
    )


def _object(entry: dict[str, Any], names: dict[Any, str], size: tuple[int, int]) -> Object:
    category = entry.get("category_id")
    if category not in names:
        raise ValueError(f"a category that is not listed: {category}")
    drawn = _shapes(entry.get("segmentation"), size)
    return Object(names[category] or str(category), _bounds(entry, drawn), drawn)


def _bounds(entry: dict[str, Any], drawn: tuple[Shape, ...]) -> Bounds:
    box = entry.get("bbox")
    if isinstance(box, list) and len(box) == 4:
        left, top, width, height = (number(side, "a box") for side in box)
        return left, top, left + width, top + height
    points = [point for shape in drawn if isinstance(shape, Polygon) for point in shape.points]
    if not points:
        raise ValueError("an annotation without a box")
    return bounds_of(points)


def _shapes(segmentation: Any, size: tuple[int, int]) -> tuple[Shape, ...]:
    """A list of polygons, or run-lengths; nothing where there is a box alone."""
    if isinstance(segmentation, dict):
        given = segmentation.get("size")
        if not isinstance(given, list) or given != [size[1], size[0]]:
            raise ValueError(f"run-lengths of another size: {given}")
        return (run_lengths((given[1], given[0]), segmentation.get("counts") or ()),)
    polygons = segmentation if isinstance(segmentation, list) else []
    if polygons and not isinstance(polygons[0], list):
        polygons = [polygons]  # as some exports write a single one
    return tuple(_polygon(numbers) for numbers in polygons)


def _polygon(given: Any) -> Polygon:
    if not isinstance(given, list) or len(given) % 2 or len(given) < 6:
        raise ValueError("a polygon that is no list of three points or more")
    numbers = [number(each, "a point") for each in given]
    return Polygon(tuple(zip(numbers[::2], numbers[1::2], strict=True)))


COCO = Layout(
    "coco",
    "COCO JSON",
    "steel/annotations/instances_train.json\nsteel/train/0001.jpg\nsteel/val/0002.jpg",
    recognize,
    read,
    opens_images=True,
    beats=BY_NAMES,
)

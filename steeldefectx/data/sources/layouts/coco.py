"""COCO: one JSON file about many images, with boxes, polygons and run-lengths.

steel/annotations/instances_train2017.json
steel/train2017/0001.jpg
steel/train/_annotations.coco.json        or beside the images, as exports have it
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from steeldefectx.data.sources.annotation_files import number, read_json, stated_size
from steeldefectx.data.sources.layouts.layout import BY_NAMES, Layout
from steeldefectx.data.sources.layouts.matching import Images, some_of
from steeldefectx.data.sources.layouts.objects import Annotated, Bounds, Object, bounds_of, samples_of
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
    """Whether the three keys are in a file, which may be too large to be parsed for that."""
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return all(content.find(key) >= 0 for key in _KEYS)
    except (OSError, ValueError):  # of an empty file too
        return False


def read(tree: Tree) -> Iterator[Sample]:
    """The annotations of all files."""
    images = Images(tree)
    annotated: dict[Path, Annotated] = {}
    for file in filter(_is_coco, _files(tree)):
        try:
            content = read_json(file)
            if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in _LISTS):
                raise ValueError(f"no lists {', '.join(_LISTS)}")
            new = _annotated(tree, file, content, images)
        except (OSError, ValueError) as error:
            tree.problems.append(Problem(file, f"not a readable annotation ({error})"))
            continue
        for image, each in new.items():
            if image not in annotated:
                annotated[image] = each
            elif annotated[image].objects != each.objects:
                tree.problems.append(Problem(image, f"annotated in {file.name} and, differently, in another file"))
    yield from samples_of(tree, annotated.values())


_LISTS = ("images", "annotations", "categories")


def _annotated(tree: Tree, file: Path, content: dict[str, Any], images: Images) -> dict[Path, Annotated]:
    """Image -> its annotation; adds the images that are not here, and those that cannot be used, to the problems."""
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
    found: dict[Path, Annotated] = {}
    missing: list[str] = []
    for entry in content["images"]:
        name = str(entry.get("file_name") or "") if isinstance(entry, dict) else ""
        paths = images.of(file, name) if name else []
        entries = objects_of.pop(entry.get("id"), []) if isinstance(entry, dict) else []
        if len(paths) != 1:
            missing.append(name or "an image without a name")
            continue
        try:
            if paths[0] in found:
                raise ValueError(f"two entries in {file.name}")
            size = stated_size(entry.get("width"), entry.get("height"))
            objects = [_object(each, names, size) for each in entries]
            found[paths[0]] = Annotated(paths[0], paths[0], objects, size, split)
        except ValueError as error:
            tree.problems.append(Problem(paths[0], f"its annotation in {file.name} cannot be used: {error}"))
            found.pop(paths[0], None)
    if missing:
        count = f"{len(missing):,} of its {len(content['images']):,} images are not here"
        tree.problems.append(Problem(file, f"{count}, or are several, such as {missing[0]}"))
    if objects_of:
        count = f"{sum(map(len, objects_of.values())):,} of its annotations are of images that it does not list"
        tree.problems.append(Problem(file, f"{count}, such as {next(iter(objects_of))}"))
    return found


def _object(entry: dict[str, Any], names: dict[Any, str], size: tuple[int, int] | None) -> Object:
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


def _shapes(segmentation: Any, size: tuple[int, int] | None) -> tuple[Shape, ...]:
    """A list of polygons, or run-lengths; nothing where there is a box alone."""
    if isinstance(segmentation, dict):
        given = segmentation.get("size")
        if not isinstance(given, list) or (size and given != [size[1], size[0]]):
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

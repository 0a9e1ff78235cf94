"""From the objects that annotations have on images to samples: crops with masks, each of one class."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from steeldefectx.data.images import image_size
from steeldefectx.data.sources.crops import MIN_SIDE, with_context
from steeldefectx.data.sources.layouts.layout import SOUND, SOURCE, sample_id
from steeldefectx.data.sources.listing import PART, Box, Problem, Sample
from steeldefectx.data.sources.shapes import Rectangle, Shape, Shapes
from steeldefectx.data.sources.split_words import is_split, is_validation, splits_by_hand, validation_note
from steeldefectx.data.sources.tree import Tree

Bounds = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@dataclass(frozen=True)
class Object:
    """One defect on an image."""

    name: str
    """Of its class."""
    bounds: Bounds
    """Pixels of the upright image."""
    shapes: tuple[Shape, ...] = ()
    """Its mask; empty where there is its box alone."""


@dataclass(frozen=True)
class Annotated:
    """An image and what its annotation says of it."""

    image: Path
    said_by: Path
    """The file that a problem is one of: the image's own annotation file, else the image."""
    objects: Sequence[Object]
    size: tuple[int, int] | None = None
    """Width and height that the annotation states."""
    split: str | None = None
    """Name of the split that the annotation puts it in; None: that of its folders, if any."""
    measured: tuple[int, int] | None = None
    """Width and height that the image has, where the reader had to look."""
    classes: Sequence[str] = ()
    """Of the image as a whole, where it has no objects."""


@dataclass
class _Counts:
    """What is said of all images together."""

    cut: int = 0
    """Objects that reach over the edge of their image."""
    same: int = 0
    """Boxes whose crop is another's of their class."""


def samples_of(tree: Tree, annotated: Iterable[Annotated]) -> Iterator[Sample]:
    """A sample for each object, the crop around it; an image without one is sound, or of its classes as a whole.

    Adds images that do not fit their annotation to the tree's problems, and what was cut to its notes.
    """
    images = list(annotated)
    words = {each.image: each.split or _split_folder(tree, each.image) for each in images}
    split_of = splits_by_hand(filter(None, words.values())) if all(words.values()) else {}
    counts = _Counts()
    for each in images:
        try:
            yield from _of_one(tree, each, split_of.get(words[each.image] or ""), counts)
        except ValueError as error:
            tree.problems.append(Problem(each.said_by, str(error)))
    words_to_train = [word for word in words.values() if word and split_of.get(word) == "train"]
    if validation := sum(map(is_validation, words_to_train)):
        tree.notes.append(validation_note(validation))
    if counts.cut:
        tree.notes.append(f"{counts.cut:,} boxes or shapes reach over the edge of their image and are cut there.")
    if counts.same:
        tree.notes.append(f"{counts.same:,} boxes are in the very crop of another of their class and make no sample.")


def _split_folder(tree: Tree, image: Path) -> str | None:
    return next(filter(is_split, tree.relative(image).parts[:-1]), None)


def _of_one(tree: Tree, annotated: Annotated, split: str | None, counts: _Counts) -> Iterator[Sample]:
    """The samples of an image.

    Raises:
        ValueError: The annotation does not fit it.
    """
    file, image_id = annotated.image, sample_id(tree, annotated.image)
    size = annotated.measured or image_size(file)
    if size is None:
        tree.problems.append(Problem(file, "not a readable image"))
        return
    if annotated.size and annotated.size != size:
        raise ValueError(
            f"it is of {annotated.size[0]}x{annotated.size[1]} pixels, the image {file.name} has {size[0]}x{size[1]}"
        )
    if not annotated.objects:
        names = dict.fromkeys(map(class_name, annotated.classes)) or {SOUND: None}
        for name in names:
            part = f"{PART}{name}" if len(names) > 1 else ""
            yield Sample(file, name, SOURCE, image_id + part, file.name, split=split)
        return
    by_class: dict[str, list[Object]] = defaultdict(list)
    # Names and boxes before any sample: all of an image, or none.
    objects = [replace(each, name=class_name(each.name)) for each in annotated.objects]
    boxes = [_box(each, size, counts) for each in objects]
    for each in objects:
        by_class[each.name].append(each)
    numbers: Counter[str] = Counter()
    seen: set[tuple[str, Box]] = set()
    for each, box in zip(objects, boxes, strict=True):
        crop = with_context(box, size, min(MIN_SIDE, min(size) // 2))
        numbers[each.name] += 1
        if (each.name, crop) in seen:
            counts.same += 1
            continue
        seen.add((each.name, crop))
        yield Sample(
            file,
            each.name,
            SOURCE,
            f"{image_id}{PART}{each.name} {numbers[each.name]}",
            file.name,
            _mask(by_class[each.name], size),
            split,
            crop,
        )


def class_name(name: str) -> str:
    """A class as annotations name it, in one form.

    Raises:
        ValueError: It is empty.
    """
    if not name.strip():
        raise ValueError("an object without a name")
    return unicodedata.normalize("NFC", " ".join(name.split()))


def _box(each: Object, size: tuple[int, int], counts: _Counts) -> Box:
    """An object's box in whole pixels, cut at the edge of the image."""
    left, top, right, bottom = each.bounds
    shown = f"({', '.join(f'{side:g}' for side in each.bounds)})"
    if not all(map(math.isfinite, each.bounds)):
        raise ValueError(f"a box of {each.name} that is not of numbers: {shown}")
    if not (left < right and top < bottom):
        raise ValueError(f"an empty box of {each.name}: {shown}")
    if right <= 0 or bottom <= 0 or left >= size[0] or top >= size[1]:
        raise ValueError(f"a box of {each.name} lies outside of the image: {shown}")
    counts.cut += left < -1 or top < -1 or right > size[0] + 1 or bottom > size[1] + 1
    return (
        max(math.floor(left), 0),
        max(math.floor(top), 0),
        min(math.ceil(right), size[0]),
        min(math.ceil(bottom), size[1]),
    )


def _mask(objects: Sequence[Object], size: tuple[int, int]) -> Shapes | None:
    """The mask of a class on an image: of all its objects, so that it tells how many there are in a crop."""
    if not all(each.shapes for each in objects):
        return None
    return Shapes(size, tuple(shape for each in objects for shape in each.shapes))


def without_boxes_drawn(annotated: Sequence[Annotated]) -> list[Annotated]:
    """Images whose rectangles are boxes and no masks, where none of them has a shape that follows the defect."""
    shapes = (shape for image in annotated for each in image.objects for shape in each.shapes)
    if not all(isinstance(shape, Rectangle) for shape in shapes):
        return list(annotated)
    return [replace(image, objects=[replace(each, shapes=()) for each in image.objects]) for image in annotated]


def bounds_of(points: Iterable[tuple[float, float]], grow: float = 0.0) -> Bounds:
    """The box around points.

    Args:
        points: At least one.
        grow: Pixels to be added on each side.
    """
    x, y = zip(*points, strict=True)
    return min(x) - grow, min(y) - grow, max(x) + grow, max(y) + grow

"""YOLO: a text file an image, a line an object, in shares of the image's width and height.

steel/data.yaml                    names of the classes, or classes.txt, obj.names
steel/train/images/0001.jpg        or images/train/0001.jpg
steel/train/labels/0001.txt        or labels/train/0001.txt, or beside the image

A line has a class's number and a box (centre, width, height), or the points of a polygon. An empty file says that
nothing is on the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steeldefectx.data.images import image_size
from steeldefectx.data.sources.annotation_files import number, read_lines, read_yaml
from steeldefectx.data.sources.layouts.layout import BY_NAMES, Layout
from steeldefectx.data.sources.layouts.matching import Images, paired, some_of
from steeldefectx.data.sources.layouts.objects import Annotated, Object, bounds_of, samples_of
from steeldefectx.data.sources.listing import Problem, Sample
from steeldefectx.data.sources.shapes import Polygon
from steeldefectx.data.sources.split_words import is_split
from steeldefectx.data.sources.tree import Tree

FAR = 2.0
"""A number beyond is no share of an image, nor one that reaches over its edge: it counts pixels."""


@dataclass(frozen=True)
class Line:
    """One object of a label file."""

    number: int
    """Of its class."""
    shares: tuple[float, ...]
    """A box (centre, width, height), or the points of a polygon in turn."""


def recognize(tree: Tree) -> str | None:
    """How many label files there are, and where the classes' names are."""
    files = _label_files(tree)
    lines = [line for file in some_of(files) for line in _looks_like_labels(file)]
    names, said_by = _names(tree)
    if not files or not (any(lines) or (said_by and not lines)):
        return None
    named = f"{said_by.name}, {len(names):,} names" if said_by else "no file with the classes' names"
    return f"{named}; {len(files):,} label files"


def _looks_like_labels(file: Path) -> Iterator[bool]:
    """For each line, whether it is one of a label file; nothing for a file that cannot be read."""
    try:
        lines = read_lines(file)
    except (OSError, ValueError):
        return
    for line in lines:
        try:
            _line(line, boxes_only=False)
        except ValueError:
            yield False
        else:
            yield True


def _label_files(tree: Tree) -> list[Path]:
    """Text files with the name of an image, or in a folder of labels."""
    images = Images(tree)
    return [
        file
        for file in tree.texts
        if file.suffix.lower() == ".txt"
        and (images.have_stem(file.stem) or _in_labels(tree, file))
        and file.stem.lower() not in ("classes", "obj", "predefined_classes", "readme", "labels", "notes")
    ]


def _in_labels(tree: Tree, file: Path) -> bool:
    return any(part.lower() in ("label", "labels") for part in tree.relative(file).parts[:-1])


def _names(tree: Tree) -> tuple[dict[int, str], Path | None]:
    """Number of a class -> its name, and the file that says so: the one nearest to the root."""
    for file in sorted(tree.texts, key=lambda file: (len(file.parts), file)):
        ending, stem = file.suffix.lower(), file.stem.lower()
        try:
            if ending in (".yaml", ".yml"):
                names = _yaml_names(read_yaml(file))
            elif ending in (".names", ".labels") or (ending == ".txt" and stem in ("classes", "obj", "labels")):
                names = dict(enumerate(read_lines(file)))
            else:
                continue
        except (OSError, ValueError):
            continue
        if names:
            return names, file
    return {}, None


def _yaml_names(content: Any) -> dict[int, str]:
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(str(key).isdigit() for key in names):
        return {}
    return {int(key): str(name) for key, name in names.items()}


def _has_keypoints(tree: Tree) -> bool:
    """Whether lines have points after their box, as those of poses."""
    for file in tree.texts:
        if file.suffix.lower() in (".yaml", ".yml"):
            try:
                content = read_yaml(file)
            except (OSError, ValueError):
                continue
            if isinstance(content, dict) and "kpt_shape" in content:
                return True
    return False


def read(tree: Tree) -> Iterator[Sample]:
    """The boxes and polygons of all label files."""
    names, said_by = _names(tree)
    if said_by is None:
        tree.notes.append("No data.yaml, classes.txt or obj.names names the classes: they are called by number.")
    boxes_only = _has_keypoints(tree)

    def read_file(file: Path) -> tuple[list[Line], None]:
        lines = [_line(line, boxes_only) for line in read_lines(file)]
        for line in lines:
            if said_by and line.number not in names:
                raise ValueError(f"class {line.number}, {said_by.name} has {len(names):,} names")
        return lines, None

    split_of = _lists(tree)
    files = list(paired(tree, _label_files(tree), read_file))
    drawn = [line for _, _, lines in files for line in lines if len(line.shares) > 4]
    if drawn and all(len(line.shares) == 8 for line in drawn):
        tree.notes.append("All polygons have four corners: if they are oriented boxes, masks are larger than defects.")
    yield from samples_of(tree, (_annotated(*each, names, split_of) for each in files))


def _annotated(
    file: Path, image: Path, lines: list[Line], names: dict[int, str], split_of: dict[str, str]
) -> Annotated:
    size = image_size(image)
    objects = _objects(lines, names, *size) if size else []
    return Annotated(image, file, objects, split=split_of.get(image.stem), measured=size)


def _line(text: str, boxes_only: bool) -> Line:
    first, *rest = text.split()
    number_of_class = number(first, "a class")
    if number_of_class != int(number_of_class) or number_of_class < 0:
        raise ValueError(f"a class that is no number: {first}")
    shares = tuple(number(each, "a coordinate") for each in rest)
    if boxes_only or len(shares) == 5:  # points, or how sure a detector was, come after the box
        shares = shares[:4]
    if len(shares) < 4 or len(shares) % 2:
        raise ValueError(f"{len(shares)} numbers after the class, expected 4 or the points of a polygon: {text[:60]!r}")
    if max(map(abs, shares)) > FAR:
        raise ValueError(f"numbers that are no shares of the image, 0 to 1: {text[:60]!r}")
    return Line(int(number_of_class), shares)


def _objects(lines: list[Line], names: dict[int, str], width: int, height: int) -> list[Object]:
    objects = []
    for line in lines:
        name = names.get(line.number, str(line.number))
        if len(line.shares) == 4:
            x, y, w, h = line.shares
            bounds = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
            objects.append(Object(name, bounds))
        else:
            points = tuple((x * width, y * height) for x, y in zip(line.shares[::2], line.shares[1::2], strict=True))
            objects.append(Object(name, bounds_of(points), (Polygon(points),)))
    return objects


def _lists(tree: Tree) -> dict[str, str]:
    """Name of an image -> its split, by lists of paths such as train.txt."""
    split_of: dict[str, str] = {}
    for file in tree.texts:
        if file.suffix.lower() == ".txt" and is_split(file.stem) and not _in_labels(tree, file):
            try:
                split_of |= {Path(line.replace("\\", "/")).stem: file.stem for line in read_lines(file)}
            except (OSError, ValueError) as error:
                tree.problems.append(Problem(file, f"not a readable list of images ({error})"))
    return split_of


YOLO = Layout(
    "yolo",
    "YOLO labels",
    "steel/data.yaml\nsteel/train/images/0001.jpg\nsteel/train/labels/0001.txt",
    recognize,
    read,
    opens_images=True,
    beats=BY_NAMES,
)

"""Tables of boxes: a row for each, as TensorFlow's examples have them, and exports of annotation services.

train/_annotations.csv          filename,width,height,class,xmin,ymin,xmax,ymax
annotations.csv                 images/0001.jpg,10,20,60,80,scratch        as RetinaNet's, without a heading
images/0001.jpg                 an image whose row is empty but for its name is sound
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from steeldefectx.data.sources.class_names import are_keys, find_class_names
from steeldefectx.data.sources.layouts.columns import CLASS_WORDS, IMAGE_WORDS
from steeldefectx.data.sources.layouts.layout import BY_NAMES, Layout
from steeldefectx.data.sources.layouts.listed_images import ImageIndex
from steeldefectx.data.sources.layouts.objects import Annotated, Bounds, Object, samples_of
from steeldefectx.data.sources.list_tables import Table, names_image, read_table
from steeldefectx.data.sources.listing import Problem, Sample
from steeldefectx.data.sources.tree import Tree

SIDES = (("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("left", "top", "right", "bottom"))


@dataclass(frozen=True)
class _Columns:
    image: int
    name: int
    sides: tuple[int, ...]
    size: tuple[int, ...] = ()
    headed: bool = True


@dataclass
class _Boxes:
    """What the rows of one image say."""

    table: Path
    objects: list[tuple[str, Bounds]] = field(default_factory=list)
    size: tuple[int, int] | None = None


def _columns(table: Table) -> _Columns | None:
    """The columns of a table of boxes; None where it is none."""
    words = [re.sub(r"[\W_]", "", heading.lower()) for heading in table[0]]
    if "labelname" in words:  # OpenImages, whose boxes are in shares of the image
        return None
    sides = next((s for s in SIDES if set(s) <= set(words)), None)
    image = min((words.index(word) for word in IMAGE_WORDS if word in words), default=None)
    name = next((words.index(word) for word in CLASS_WORDS if word in words), None)
    if sides is not None and image is not None and name is not None:
        size = tuple(words.index(word) for word in ("width", "height") if word in words)
        return _Columns(image, name, tuple(map(words.index, sides)), size if len(size) == 2 else ())
    if all(len(row) == 6 and names_image(row[0]) and _is_box(row[1:5]) for row in table[:50]):
        return _Columns(0, 5, (1, 2, 3, 4), headed=False)
    return None


def _is_box(cells: list[str]) -> bool:
    return all(re.fullmatch(r"-?\d+(\.\d+)?", cell) for cell in cells) or not any(cells)


def _tables(tree: Tree) -> Iterator[tuple[Path, Table, _Columns]]:
    for file in tree.texts:
        if file.suffix.lower() in (".csv", ".tsv"):
            try:
                table = read_table(file)
            except ValueError:
                continue  # said by the reader of lists, if it may be one
            if table and (columns := _columns(table)):
                yield file, table, columns


def recognize(tree: Tree) -> str | None:
    """The tables and how many rows they have."""
    found = [f"{file.name}, {len(table) - columns.headed:,} rows" for file, table, columns in _tables(tree)]
    return "; ".join(found) or None


def read(tree: Tree) -> Iterator[Sample]:
    """A sample for each box."""
    index = ImageIndex(tree.images())
    boxes: dict[Path, _Boxes] = {}
    missing = 0
    for file, table, columns in _tables(tree):
        for row in table[columns.headed :]:
            images = index.find(row[columns.image], file) if len(row) > columns.image else []
            if len(images) != 1:
                missing += 1
                continue
            try:
                _add(boxes.setdefault(images[0], _Boxes(file)), row, columns)
            except (ValueError, IndexError):
                tree.problems.append(Problem(file, f"a row of {images[0].name} that is no box: {', '.join(row)}"))
    if missing:
        tree.notes.append(f"{missing:,} rows of boxes are of images that are not there, or of several.")
    names = _names(tree, boxes)
    yield from samples_of(
        tree,
        (
            Annotated(
                image, each.table, [Object(names.get(name, name), bounds) for name, bounds in each.objects], each.size
            )
            for image, each in boxes.items()
        ),
    )


def _add(boxes: _Boxes, row: list[str], columns: _Columns) -> None:
    """Raises ValueError or IndexError where a row is no box."""
    if columns.size:
        width, height = (int(float(row[column] or 0)) for column in columns.size)
        boxes.size = (width, height) if width and height else boxes.size
    cells = [row[column] if column < len(row) else "" for column in columns.sides]
    if any(cells):
        left, top, right, bottom = map(float, cells)
        boxes.objects.append((row[columns.name], (left, top, right, bottom)))


def _names(tree: Tree, boxes: dict[Path, _Boxes]) -> dict[str, str]:
    """Class number -> its name, where a file tells."""
    labels = {name for each in boxes.values() for name, _ in each.objects}
    known = find_class_names(tree, labels) if labels and are_keys(labels) else None
    return known.of(labels) if known else {}


BOX_TABLES = Layout(
    "box-table",
    "a table of boxes",
    "steel/train/_annotations.csv: filename,width,height,class,xmin,ymin,xmax,ymax\n"
    "steel/train/_annotations.csv: 0001.jpg,640,640,scratch,12,30,80,95\nsteel/train/0001.jpg",
    recognize,
    read,
    opens_images=True,
    beats=(*BY_NAMES, "list"),
)

"""What the columns of a list of images mean: which one names the image, which the class, the split and the mask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from steeldefectx.data.sources.list_tables import Table, names_image
from steeldefectx.data.sources.split_words import is_split

IMAGE_WORDS = [
    "filename", "filepath", "imagepath", "imagename", "imagefile", "file", "image", "img", "path", "imageid",
    "imgpath", "imgname", "images", "filenames", "picture", "photo", "uri", "url", "name", "id",
    "文件名", "文件", "图片", "图像", "图片名", "路径", "datei", "bild",
]  # fmt: skip
CLASS_WORDS = [
    "classname", "labelname", "categoryname", "defectname", "class", "label", "category", "defect", "defecttype",
    "defectclass", "type", "target", "classlabel", "labels", "classes", "classid", "labelid", "categoryid",
    "defectid", "tag", "tags", "groundtruth", "gt", "y",
    "类别", "标签", "缺陷", "缺陷类型", "缺陷类别", "类型", "klasse", "fehler",
]  # fmt: skip
"""In the order of preference: names before numbers."""
SPLIT_WORDS = [
    "split", "set", "subset", "usage", "phase", "partition", "dataset", "datasplit", "purpose",
]  # fmt: skip
MASK_WORDS = ["mask", "maskpath", "maskname", "maskfile", "segmentation", "annotationmask"]
NOT_LABELS = frozenset(["probability", "confidence", "score", "prob", "rank", "prediction", "predicted", "t2", "t3"])
"""A table with a column of these is what a model said of images, or texts about them."""
YES, NO = frozenset({"1", "1.0", "true", "yes", "x"}), frozenset({"0", "0.0", "false", "no", ""})
MAX_CLASSES = 0.5
"""Of a column without a heading, distinct values over rows: more are no classes."""


@dataclass(frozen=True)
class Columns:
    """Positions of the columns that are read."""

    image: int
    classes: tuple[int, ...]
    """One column of class names, or several with a heading each, in which a mark says that the class is there."""
    headings: tuple[str, ...]
    """Of all columns; empty where the table has none."""
    split: int | None = None
    mask: int | None = None

    @property
    def said(self) -> str:
        """The columns in words."""
        names = self.headings or tuple(f"column {number}" for number in range(1, 2 + max(self.image, *self.classes)))
        classes = f"{len(self.classes)} columns of classes" if len(self.classes) > 1 else names[self.classes[0]]
        return f"image: {names[self.image]}, class: {classes}"


def find_columns(table: Table, found: Sequence[Sequence[bool]]) -> Columns | None:
    """The columns of a table; None where it is no list of images and classes.

    Args:
        table: All rows.
        found: For each row, which of its cells name an image that is there.
    """
    width = max(map(len, table))
    if width < 2:
        return None
    headed = not any(found[0]) and not any(map(names_image, table[0]))
    headings = tuple(table[0]) + ("",) * (width - len(table[0])) if headed else ()
    words = _words(headings)
    rows = table[1:] if headed else table
    if not rows or NOT_LABELS & set(words):
        return None
    image = _image_column(words, found[1:] if headed else found, width)
    others = [column for column in range(width) if column != image]
    values = {column: {row[column] for row in rows if column < len(row)} for column in others}
    split = (
        _of_words(words, SPLIT_WORDS, others) if headed else next(filter(lambda c: _splits(values[c]), others), None)
    )
    if split is not None and not _splits(values[split]):
        split = None
    mask = _of_words(words, MASK_WORDS, others)
    others = [column for column in others if column not in (split, mask)]
    classes = _class_columns(words, others, values, len(rows))
    return Columns(image, classes, headings, split, mask) if classes else None


def names_no_class(headings: Sequence[str]) -> bool:
    """Whether none of the headings is one of a class, nor says that the table is of something else."""
    return not set(_words(headings)) & {*CLASS_WORDS, *NOT_LABELS}


def _words(headings: Sequence[str]) -> list[str]:
    return [re.sub(r"[\W_]", "", heading.lower()) for heading in headings]


def _image_column(words: list[str], found: Sequence[Sequence[bool]], width: int) -> int:
    """The column in which most cells name an image; of those alike, the one whose heading says so best."""

    def fitness(column: int) -> tuple[int, int]:
        hits = sum(column < len(row) and row[column] for row in found)
        said = words[column] in IMAGE_WORDS if words else False
        return hits, -IMAGE_WORDS.index(words[column]) if said else -len(IMAGE_WORDS) - column

    return max(range(width), key=fitness)


def _of_words(words: list[str], wanted: list[str], columns: list[int]) -> int | None:
    present = [column for column in columns if words and words[column] in wanted]
    return min(present, key=lambda column: wanted.index(words[column]), default=None)


def _splits(values: set[str]) -> bool:
    return any(values) and all(not value or value.lower() == "unassigned" or is_split(value) for value in values)


def _class_columns(words: list[str], others: list[int], values: dict[int, set[str]], rows: int) -> tuple[int, ...]:
    named = _of_words(words, CLASS_WORDS, others)
    if named is not None:
        spelled = [c for c in others if words[c] in CLASS_WORDS and not all(map(_is_number, values[c]))]
        return (min([named, *spelled], key=lambda c: (c not in spelled, CLASS_WORDS.index(words[c]))),)
    if words:
        marks = [c for c in others if {value.lower() for value in values[c]} <= YES | NO and words[c]]
        return tuple(marks) if len(marks) == len(others) > 1 else ()
    few = [c for c in others if len(values[c]) <= max(2, MAX_CLASSES * rows)]
    spelled = [c for c in few if not all(map(_is_number, values[c]))]
    chosen = spelled or few
    return (chosen[0],) if len(chosen) == 1 else ()


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[-+]?\d*\.?\d*", value) is not None

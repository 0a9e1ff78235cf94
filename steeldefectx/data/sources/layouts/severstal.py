"""Tables of run-lengths, as in Severstal's steel defect detection (2019): an image, a class and its pixels a row.

train.csv                        ImageId,ClassId,EncodedPixels      0002cc93b.jpg,1,29102 12 29346 24
train.csv                        ImageId_ClassId,EncodedPixels      the older form: 0002cc93b.jpg_1
train_images/0002cc93b.jpg       images beside it without a row are sound

Pixels are counted from 1 on, column by column; pairs are a start and a length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from steeldefectx.data.sources.class_names import find_class_names
from steeldefectx.data.sources.layouts.layout import BY_NAMES, SOUND, SOURCE, Layout, sample_id
from steeldefectx.data.sources.layouts.listed_images import ImageIndex
from steeldefectx.data.sources.layouts.objects import image_size
from steeldefectx.data.sources.list_tables import read_table
from steeldefectx.data.sources.listing import PART, Problem, Sample
from steeldefectx.data.sources.shapes import RunLengths, Shapes
from steeldefectx.data.sources.tree import Tree

HEADINGS = ({"imageid", "classid", "encodedpixels"}, {"imageidclassid", "encodedpixels"})
_SUBMISSION = re.compile("submission", re.IGNORECASE)
"""A table of this name is the form of an answer: its rows are no defects."""


@dataclass
class _Rows:
    """What the tables say."""

    runs: dict[Path, dict[str, list[str]]] = field(default_factory=dict)
    """Image -> class -> run-lengths as they are written; an image whose rows are all empty has no class."""
    missing: int = 0
    """Rows of images that are not there."""


def _tables(tree: Tree) -> list[Path]:
    """Tables with the headings of run-lengths."""
    return [
        file
        for file in tree.texts
        if file.suffix.lower() == ".csv" and not _SUBMISSION.search(file.stem) and _headings(file) in HEADINGS
    ]


def _headings(file: Path) -> set[str]:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as lines:
            return {re.sub(r"[\W_]", "", heading.lower()) for heading in lines.readline(1000).split(",")}
    except OSError:
        return set()


def recognize(tree: Tree) -> str | None:
    """The tables with run-lengths."""
    tables = _tables(tree)
    return f"{', '.join(file.name for file in tables)} with EncodedPixels" if tables else None


def read(tree: Tree) -> Iterator[Sample]:
    """A sample for each class of an image, with its mask; images beside those without a row are sound."""
    rows = _read_rows(tree)
    numbers = {number for classes in rows.runs.values() for number in classes}
    known = find_class_names(tree, numbers)
    names = known.of(numbers) if known else {}
    folders = {file.parent for file in rows.runs}
    sound = 0
    for file in (file for folder in sorted(folders) for file in tree.folders[folder]):
        classes = rows.runs.get(file, {})
        if not classes:
            sound += 1
            yield Sample(file, SOUND, SOURCE, sample_id(tree, file), file.name)
            continue
        try:
            masks = {number: _mask(file, runs) for number, runs in classes.items()}
        except ValueError as error:
            tree.problems.append(Problem(file, f"its run-lengths cannot be drawn ({error})"))
            continue
        for number, mask in masks.items():
            image_id = sample_id(tree, file) + (f"{PART}{number}" if len(masks) > 1 else "")
            yield Sample(file, names.get(number, number), SOURCE, image_id, file.name, mask)
    _add_notes(tree, rows, sound, folders)


def _read_rows(tree: Tree) -> _Rows:
    rows, index = _Rows(), ImageIndex(tree.images())
    for file in _tables(tree):
        try:
            table = read_table(file)
        except ValueError as error:
            tree.problems.append(Problem(file, f"not a readable table ({error})"))
            continue
        columns = {re.sub(r"[\W_]", "", heading.lower()): number for number, heading in enumerate(table[0])}
        for row in table[1:]:
            row += [""] * (len(columns) - len(row))
            if "classid" in columns:
                name, number = row[columns["imageid"]], row[columns["classid"]]
            else:
                name, _, number = row[columns["imageidclassid"]].rpartition("_")
            images = index.find(name, file)
            if len(images) != 1:
                rows.missing += 1
                continue
            classes = rows.runs.setdefault(images[0], {})
            if runs := row[columns["encodedpixels"]].removeprefix("-1"):
                classes.setdefault(number, []).append(runs)
    return rows


def _mask(file: Path, runs: list[str]) -> Shapes:
    """The pixels of one class, of all its rows.

    Raises:
        ValueError: No pairs of start and length inside of the image.
    """
    size = image_size(file)
    if size is None:
        raise ValueError("the image is not readable")
    return Shapes(size, tuple(_run_lengths(size, text) for text in runs))


def _run_lengths(size: tuple[int, int], text: str) -> RunLengths:
    numbers = [int(number) for number in text.split()]
    counts, last = [], 0
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        if start <= last or length < 1:
            raise ValueError(f"a run of {length} pixels from {start} on, after one up to {last}")
        counts += [start - 1 - last, length]
        last = start - 1 + length
    if last > size[0] * size[1]:
        raise ValueError(f"a run up to pixel {last}, of {size[0]}x{size[1]}")
    return RunLengths(size, (*counts, size[0] * size[1] - last))


def _add_notes(tree: Tree, rows: _Rows, sound: int, folders: set[Path]) -> None:
    several = sum(len(classes) > 1 for classes in rows.runs.values())
    if several:
        tree.notes.append(f"{several:,} images have several classes: each is a sample of each of its classes.")
    if sound:
        tree.notes.append(f"{sound:,} images without run-lengths, beside those with some, are sound.")
    if rows.missing:
        tree.notes.append(f"{rows.missing:,} rows of run-lengths are of images that are not there.")
    if beside := sum(len(files) for folder, files in tree.folders.items() if folder not in folders):
        tree.notes.append(f"{beside:,} images in folders without any run-lengths are not used.")


SEVERSTAL = Layout(
    "run-lengths",
    "a table of run-lengths, as Severstal's",
    "train.csv: ImageId,ClassId,EncodedPixels\ntrain.csv: 0002cc93b.jpg,1,29102 12\ntrain_images/0002cc93b.jpg",
    recognize,
    read,
    opens_images=True,
    beats=(*BY_NAMES, "list"),
)

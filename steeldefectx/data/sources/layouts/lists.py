"""Lists of images and their classes: CSV, TSV, Excel, or lines of text.

labels.csv                           filename,label,split        one class, or marks in a column for each
D:\\line 3\\2024\\img_001.png,scratch    paths of another machine are matched by the folders they end in
train.txt  test.txt  classes.txt     images/img_001.png 0        class numbers, named by a file
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from steeldefectx.data.sources.class_names import are_keys, find_class_names
from steeldefectx.data.sources.layouts.columns import YES, Columns, find_columns, names_no_class
from steeldefectx.data.sources.layouts.layout import BY_NAMES, SOURCE, Layout, sample_id
from steeldefectx.data.sources.layouts.listed_images import ImageIndex
from steeldefectx.data.sources.layouts.objects import class_name
from steeldefectx.data.sources.list_tables import Table, names_image, read_table
from steeldefectx.data.sources.listing import PART, Problem, Sample
from steeldefectx.data.sources.split_words import is_split, splits_by_hand
from steeldefectx.data.sources.tree import Tree
from steeldefectx.utils.printable import printable

ENDINGS = frozenset({".csv", ".json", ".jsonl", ".tsv", ".txt", ".xlsx"})
NOT_LABELS = re.compile(r"submission|prediction|readme|licen[cs]e|requirements", re.IGNORECASE)
"""Names of files that are no labels: what a model said, or a contest asks for, and what is about the data."""
_OF_LISTS = re.compile(r"lists?|labels?|files?|classes|annotations?|gt", re.IGNORECASE)
IMAGE_SETS = "ImageSets"
"""A folder of Pascal VOC's: its lists say which images are in a split, or that a class is on them, by 1 and -1."""
MAX_HEADINGS = 8
MAX_LISTS = 50
"""Files of one folder with these endings that may be lists: more are annotations, one an image."""


@dataclass
class Entry:
    """What lists say of one image."""

    listing: Path
    labels: list[str] = field(default_factory=list)
    splits: set[str] = field(default_factory=set)
    """Words for its split, as they are written."""
    mask: Path | None = None


@dataclass
class Lists:
    """What all lists of a folder say."""

    tree: Tree
    files: dict[Path, str] = field(default_factory=dict)
    """List -> its columns, in words."""
    entries: dict[Path, Entry] = field(default_factory=dict)
    """Image -> what is said of it."""
    labels: set[str] = field(default_factory=set)
    """All classes, also of images that are not there."""
    missing: list[str] = field(default_factory=list)
    """Rows whose image is not there, as they are written."""
    unlabelled: int = 0
    """Rows without a class."""
    strangers: list[str] = field(default_factory=list)
    """Remarks on tables that are not read: none of their images is there, or nothing says the classes."""
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._images = ImageIndex(self.tree.images())
        self._masks = ImageIndex([*self.tree.masks, *self.tree.images()])
        self._of_folders: dict[Path, str] = {}

    def add(self, file: Path, table: Table) -> None:
        """Add what a table says, if it is a list of images and classes."""
        found = [[bool(cell) and bool(self._images.find(cell, file)) for cell in row] for row in table]
        columns = find_columns(table, found)
        if columns is None:
            hits = sum(map(any, found))
            if hits > len(table) / 2 and len(table[0]) > 1 and not any(found[0]) and names_no_class(table[0]):
                self.strangers.append(
                    f"{file.name} names {hits:,} images, but no column is called class or label: "
                    f"{', '.join(map(printable, table[0][:MAX_HEADINGS]))}. It is not read."
                )
            return
        width = max(map(len, table))
        rows = [row + [""] * (width - len(row)) for row in (table[1:] if columns.headings else table)]
        if any(map(any, found)):
            self.files[file] = columns.said
            labels = _Labels(rows, columns)
            for row in rows:
                self._add_row(file, row, columns, labels.of(row))
        elif names_image(such := rows[-1][columns.image]):
            self.strangers.append(
                f"{file.name} lists {len(rows):,} images, none of which is here, such as {printable(such)}."
            )

    def _add_row(self, file: Path, row: list[str], columns: Columns, labels: list[str]) -> None:
        self.labels.update(labels)
        written = row[columns.image]
        images = self._images.find(written, file)
        if len(images) > 1:
            message = f"{written} may be any of {len(images)} images, such as {images[0]} and {images[1]}"
            self.problems.append(Problem(file, message))
        elif not images:
            self.missing.append(written)
        elif not labels:
            self.unlabelled += 1
        else:
            entry = self.entries.setdefault(images[0], Entry(file))
            if entry.listing != file and set(entry.labels) != set(labels):
                message = f"{'|'.join(entry.labels)} in {entry.listing.name}, but {'|'.join(labels)} in {file.name}"
                self.problems.append(Problem(images[0], message))
            entry.labels += [label for label in labels if label not in entry.labels]
            entry.splits |= self._split_words("" if columns.split is None else row[columns.split], file, images[0])
            drawn = [] if columns.mask is None else self._masks.find(row[columns.mask], file)
            entry.mask = drawn[0] if len(drawn) == 1 and drawn[0] != images[0] else entry.mask

    def _split_words(self, cell: str, file: Path, image: Path) -> set[str]:
        """The word for an image's split: in its row, else the name of its list, else that of a folder it lies in."""
        if image.parent not in self._of_folders:
            self._of_folders[image.parent] = next(filter(is_split, self.tree.relative(image).parts[:-1]), "")
        words = (cell, _OF_LISTS.sub("", file.stem), self._of_folders[image.parent])
        return set(list(filter(is_split, words))[:1])


class _Labels:
    """The classes that rows give."""

    def __init__(self, rows: Table, columns: Columns) -> None:
        self._columns = columns
        self._alone = {row[columns.classes[0]] for row in rows}

    def of(self, row: list[str]) -> list[str]:
        """Those in the cell, or those whose columns are marked.

        A cell names several where a bar parts it, or a comma or semicolon and each part is some other row's class.
        """
        columns = self._columns
        if len(columns.classes) > 1:
            return [class_name(columns.headings[c]) for c in columns.classes if row[c].lower() in YES]
        cell = row[columns.classes[0]]
        parts = [part.strip() for part in re.split(r"[|;,]", cell)]
        if "|" in cell or (len(parts) > 1 and all(part in self._alone for part in parts)):
            return list(dict.fromkeys(class_name(part) for part in parts if part))
        return [class_name(cell)] if cell else []


def recognize(tree: Tree) -> str | None:
    """The lists that name images of the tree, and their columns."""
    lists = _read_lists(tree)
    tree.notes += [remark for remark in lists.strangers if remark not in tree.notes]
    if not lists.entries or len(lists.labels) < 2:
        return None
    files = "; ".join(f"{tree.relative(file)} ({said})" for file, said in lists.files.items())
    return f"{files}: {len(lists.entries):,} images of {len(lists.labels)} classes"


def read(tree: Tree) -> Iterator[Sample]:
    """A sample for each image of a list, or for each of its classes where it has several."""
    lists = _read_lists(tree)
    tree.problems.extend(lists.problems)
    names = _names(tree, lists)
    split_of = splits_by_hand({word for entry in lists.entries.values() for word in entry.splits})
    several = 0
    for file, entry in lists.entries.items():
        splits = {split_of[word] for word in entry.splits} if split_of else set()
        if len(splits) > 1:
            tree.problems.append(Problem(file, "in train and in test at once"))
            continue
        several += len(entry.labels) > 1
        for label in entry.labels:
            image_id = sample_id(tree, file) + (f"{PART}{label}" if len(entry.labels) > 1 else "")
            name = names.get(label, label)
            yield Sample(file, name, SOURCE, image_id, file.name, entry.mask, next(iter(splits), None))
    _add_notes(tree, lists, several)


def _add_notes(tree: Tree, lists: Lists, several: int) -> None:
    if several:
        tree.notes.append(f"{several:,} images have several classes: each is a sample of each of its classes.")
    if lists.missing:
        such = f", such as {printable(lists.missing[0])}"
        tree.notes.append(f"{len(lists.missing):,} rows of lists name images that are not there{such}.")
    if lists.unlabelled:
        tree.notes.append(f"{lists.unlabelled:,} rows of lists give no class and are not used.")


def _names(tree: Tree, lists: Lists) -> dict[str, str]:
    """Class number -> its name, where a file tells."""
    labels = {label for entry in lists.entries.values() for label in entry.labels}
    if not are_keys(labels):
        return {}
    known = find_class_names(tree, labels)
    if known is None:
        tree.notes.append("The classes are numbers; a file classes.txt with a name a line would name them.")
        return {}
    return known.of(labels)


def _read_lists(tree: Tree) -> Lists:
    lists = Lists(tree)
    for file in _candidates(tree):
        try:
            table = read_table(file)
        except ValueError as error:
            lists.problems.append(Problem(file, f"not a readable table ({error})"))
            continue
        if table:
            lists.add(file, table)
    return lists


def _candidates(tree: Tree) -> Iterator[Path]:
    """Files that may be lists: not those that are named as an image and annotate it."""
    stems = {file.stem for file in tree.images()}
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for file in tree.texts:
        if file.suffix.lower() in ENDINGS and file.stem not in stems and not NOT_LABELS.search(file.stem):
            by_folder[file.parent].append(file)
    for folder, files in by_folder.items():
        if len(files) <= MAX_LISTS and IMAGE_SETS not in folder.parts:
            yield from files


LISTS = Layout(
    "list",
    "a list of images and classes",
    "my_images/labels.csv: filename,class\nmy_images/labels.csv: a.png,scratch\nmy_images/images/a.png",
    recognize,
    read,
    beats=(*BY_NAMES, "class-numbers"),
)

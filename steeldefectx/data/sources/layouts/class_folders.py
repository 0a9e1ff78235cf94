"""Your own images, in a folder for each class.

my_images/scratch/a.png                the split rule decides what trains and what tests
my_images/train/scratch/a.png          or you do
my_images/test/scratch/b.png
my_images/scratch/train/a.png          in this order too

Folders around all of these are looked through. A folder of validation images is the test split where there is no
``test``, and belongs to ``train`` where there is one: whatever chooses settings holds its own validation set out of
``train``.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from steeldefectx.data.sources.layouts.layout import SOURCE, Layout, sample_id
from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.split_words import is_validation, splits_by_hand, validation_note
from steeldefectx.data.sources.tree import Tree
from steeldefectx.data.sources.walk import is_of_a_tool, list_files

NAME = "class-folders"
NO_CLASS = frozenset({"image", "images", "img", "imgs", "jpegimages", "photos", "pictures", "data"})
"""Names of a folder that holds all images: it says where they are, not what is on them."""


@dataclass
class _Folders:
    """What the folders of a tree are."""

    class_of: dict[Path, str] = field(default_factory=dict)
    """Folder with images -> its class; those in none are left out."""
    split_of: dict[Path, str | None] = field(default_factory=dict)
    """Folder with images -> its split, where folders say."""
    validation: set[Path] = field(default_factory=set)
    """Folders with validation images that train."""
    around: str = ""
    """Folders that were looked through: ``NEU Metal Data/dataset``."""
    levels: set[Path] = field(default_factory=set)
    """Folders that the class folders lie in."""


def _understand(tree: Tree) -> _Folders:
    found = _Folders()
    parts = {folder: tree.relative(folder).parts for folder, files in tree.folders.items() if files}
    around = _common(parts)
    below = {folder: path[len(around) :] for folder, path in parts.items()}
    found.around = "/".join(around)
    words = {path[0] for path in below.values() if path}
    split_of_word = splits_by_hand(words)
    depth = 0
    if split_of_word:
        first = {folder: path[0] for folder, path in below.items() if path}
        below = {folder: path[1:] for folder, path in below.items()}
        depth = len(_common(below))
        below = {folder: path[depth:] for folder, path in below.items()}
        depth += 1
    else:
        second = {path[1] for path in below.values() if len(path) > 1}
        split_of_word = splits_by_hand(second) if all(len(path) > 1 for path in below.values()) else {}
        first = {folder: path[1] for folder, path in below.items()} if split_of_word else {}
    for folder, path in below.items():
        if not path:
            continue
        found.class_of[folder] = unicodedata.normalize("NFC", path[0])
        found.split_of[folder] = split = split_of_word.get(first.get(folder, ""))
        if split == "train" and is_validation(first[folder]):
            found.validation.add(folder)
        found.levels.add(tree.root / Path(*parts[folder][: len(around) + depth]))
    if len(set(found.class_of.values())) == 1 and next(iter(found.class_of.values())).lower() in NO_CLASS:
        found.class_of.clear()
    return found


def classes_of_folders(tree: Tree) -> dict[Path, str]:
    """Folder with images -> its class, for those that are in class folders."""
    return _understand(tree).class_of


def _common(parts: dict[Path, tuple[str, ...]]) -> tuple[str, ...]:
    """The folders around all that hold images, as long as others are left below to be the classes."""
    around: list[str] = []
    while parts and all(len(path) > len(around) + 1 for path in parts.values()):
        names = {path[len(around)] for path in parts.values()}
        if len(names) > 1:
            break
        around += names
    return tuple(around)


def recognize(tree: Tree) -> str | None:
    """How many class folders there are; None where there are none."""
    found = _understand(tree)
    if not found.class_of:
        return None
    count = len(set(found.class_of.values()))
    named = f"{count:,} folders, such as {min(found.class_of.values())!r}" if count > 1 else "one folder"
    return f"{named}, in {found.around}" if found.around else named


def read(tree: Tree) -> Iterator[Sample]:
    """The images in class folders, at any depth below them."""
    found = _understand(tree)
    if found.around and found.class_of:
        tree.notes.append(f"Looked through {found.around}, which holds nothing but the class folders.")
    _note_names(tree, found)
    ids: set[str] = set()
    for folder, class_name in found.class_of.items():
        for file in tree.folders[folder]:
            image_id = sample_id(tree, file)
            if image_id in ids:  # of a folder that two spellings in Unicode make twice
                image_id = "/".join([SOURCE, *tree.relative(file).with_suffix("").parts])
            ids.add(image_id)
            yield Sample(file, class_name, SOURCE, image_id, file.name, split=found.split_of[folder])
    if count := sum(len(tree.folders[folder]) for folder in found.validation):
        tree.notes.append(validation_note(count))


def _note_names(tree: Tree, found: _Folders) -> None:
    """Say what folders are one class, and which are two although their names differ by little."""
    spellings: dict[str, set[str]] = defaultdict(set)
    alike: dict[str, set[str]] = defaultdict(set)
    for folder, class_name in found.class_of.items():
        names = {name for name in tree.relative(folder).parts if unicodedata.normalize("NFC", name) == class_name}
        spellings[class_name] |= names
        alike[" ".join(class_name.casefold().split())].add(class_name)
    for class_name, names in spellings.items():
        if len(names) > 1:
            tree.notes.append(
                f"{len(names)} folders are the class {class_name!r}: their names differ in Unicode's form."
            )
    for names in alike.values():
        if len(names) > 1:
            listed = " and ".join(map(repr, sorted(names)))
            tree.notes.append(f"The folders {listed} are told apart as classes; rename one if they are the same.")


def empty_folders(tree: Tree) -> list[str]:
    """Names of folders beside the classes' that hold no file at all, at any depth."""
    found = _understand(tree)
    folders = [folder for level in found.levels if level.is_dir() for folder in level.iterdir() if folder.is_dir()]
    known = set(found.class_of.values())
    return sorted(
        {folder.name for folder in folders if not is_of_a_tool(folder.name) and not any(list_files(folder))} - known
    )


CLASS_FOLDERS = Layout(
    NAME,
    "class folders",
    "my_images/scratch/a.png\nmy_images/scratch/b.png\nmy_images/dent/c.png",
    recognize,
    read,
)

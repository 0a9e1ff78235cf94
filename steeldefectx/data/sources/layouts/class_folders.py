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
from steeldefectx.data.sources.split_words import is_split, is_validation, splits_by_hand, validation_note
from steeldefectx.data.sources.tree import Tree
from steeldefectx.data.sources.walk import is_of_a_tool, list_files

NAME = "class-folders"
NO_CLASS = frozenset({"image", "images", "img", "imgs", "jpegimages", "photos", "pictures", "data"})
"""Names of a folder that holds all images: it says where they are, not what is on them."""


@dataclass
class _Folders:
    """What the folders of a tree are."""

    below: dict[Path, tuple[str, ...]]
    """Folder with images -> its class folder and those below, without the folders around and those of splits."""
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


def _understand(tree: Tree, inner: bool = False) -> _Folders:
    """What the folders are; ``inner``: classes are the second folders, not the first."""
    parts = {folder: tree.relative(folder).parts for folder, files in tree.folders.items() if files}
    images = {folder: len(tree.folders[folder]) for folder in parts}
    around = _common(parts, images)
    below = {folder: path[len(around) :] for folder, path in parts.items()}
    split_of_word = splits_by_hand(path[0] for path in below.values() if path)
    depth = 0
    if split_of_word:
        word_of = {folder: path[0] for folder, path in below.items() if path}
        below = {folder: path[1:] for folder, path in below.items()}
        depth = len(_common(below, images))
        below = {folder: path[depth:] for folder, path in below.items()}
        depth += 1
    elif all(len(path) > 1 for path in below.values()):
        split_of_word = splits_by_hand(path[1] for path in below.values())
        word_of = {folder: path[1] for folder, path in below.items()}
        below = {folder: path[:1] + path[2:] for folder, path in below.items()} if split_of_word else below
    found = _Folders(below, around="/".join(around))
    for folder, path in below.items():
        if len(path) <= inner:
            continue
        found.class_of[folder] = unicodedata.normalize("NFC", path[inner])
        found.split_of[folder] = split = split_of_word[word_of[folder]] if split_of_word else None
        if split == "train" and is_validation(word_of[folder]):
            found.validation.add(folder)
        found.levels.add(tree.root / Path(*parts[folder][: len(around) + depth]))
    if len(set(found.class_of.values())) == 1 and next(iter(found.class_of.values())).lower() in NO_CLASS:
        found.class_of.clear()
    return found


def classes_of_folders(tree: Tree) -> dict[Path, str]:
    """Folder with images -> its class, for those that are in class folders."""
    return _understand(tree).class_of


def _common(parts: dict[Path, tuple[str, ...]], images: dict[Path, int]) -> tuple[str, ...]:
    """The folders around all others that hold images: each holds one folder, which holds others.

    Args:
        parts: Folder with images -> its path.
        images: The same folders -> how many images each holds.
    """
    around: tuple[str, ...] = ()
    while True:
        names = {path[len(around)] for path in parts.values() if len(path) > len(around)}
        if len(names) != 1:
            return around
        deeper = (*around, *names)
        inside = {path[len(deeper)] for path in parts.values() if len(path) > len(deeper)}
        loose = sum(images[folder] for folder, path in parts.items() if path == deeper)
        below = sum(images[folder] for folder, path in parts.items() if len(path) > len(deeper))
        if not inside or (loose and (len(inside) == 1 or loose >= below)):  # it is a class
            return around
        around = deeper


def recognize(tree: Tree) -> str | None:
    """How many class folders there are; None where there are none."""
    found = _understand(tree)
    if not found.class_of:
        return None
    count = len(set(found.class_of.values()))
    named = f"{count:,} folders, such as {min(found.class_of.values())!r}" if count > 1 else "one folder"
    return f"{named}, in {found.around}" if found.around else named


def recognize_inner(tree: Tree) -> str | None:
    """Folders of the same names in folders of different names: the inner ones may be the classes as well."""
    outer: dict[str, set[str]] = defaultdict(set)
    for path in _understand(tree).below.values():
        if len(path) < 2:
            return None
        outer[path[1]].add(path[0])
    names = [name for name in outer if any(map(str.isalpha, name)) and name.lower() not in NO_CLASS]
    if len(names) < max(2, len(outer)) or not all(len(outer[name]) > 1 for name in names):
        return None
    return f"{len(names):,} folders of the same names in each of others, such as {min(names)!r}"


def read(tree: Tree) -> Iterator[Sample]:
    """The images in class folders, at any depth below them."""
    return _read(tree, _understand(tree))


def read_inner(tree: Tree) -> Iterator[Sample]:
    """The images in the folders that lie in folders of each other kind."""
    return _read(tree, _understand(tree, inner=True))


def _read(tree: Tree, found: _Folders) -> Iterator[Sample]:
    if found.around and found.class_of:
        tree.notes.append(f"Looked through {found.around}, which holds nothing but the class folders.")
    _note_names(tree, found)
    if words := sorted({path[0] for path in found.below.values() if path and is_split(path[0])}):
        tree.notes.append(f"The folders {', '.join(words)} are taken as classes: not all beside them are splits.")
    paths = {path: tree.relative(path).with_suffix("").as_posix() for path in tree.images()}
    known = set(paths.values())
    for folder, class_name in found.class_of.items():
        for file in tree.folders[folder]:
            image_id, composed = sample_id(tree, file), unicodedata.normalize("NFC", paths[file])
            if composed != paths[file] and composed in known:  # a folder is there in both of Unicode's forms
                image_id = f"{SOURCE}/{paths[file]}"
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

INNER_FOLDERS = Layout(
    "inner-folders",
    "class folders in other folders",
    "my_images/line_1/scratch/a.png\nmy_images/line_1/dent/b.png\nmy_images/line_2/scratch/c.png",
    recognize_inner,
    read_inner,
)
"""Where it is recognized class folders are too: which of the two it is, a person has to say."""

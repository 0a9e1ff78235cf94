"""Your own images, in a folder for each class.

my_images/scratch/a.png                the split rule decides what trains and what tests
my_images/train/scratch/a.png          or you do
my_images/test/scratch/b.png

A folder ``val`` is the test split where there is no ``test``, and belongs to ``train`` where there is one:
whatever chooses settings holds its own validation set out of ``train``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.tree import Tree
from steeldefectx.data.sources.walk import is_of_a_tool, list_files

SOURCE = "class-folders"
VALIDATION_FOLDERS = frozenset({"val", "valid", "validation"})
SPLIT_FOLDERS = VALIDATION_FOLDERS | {"train", "test"}


def read(tree: Tree, source: str = SOURCE) -> Iterator[Sample]:
    """The images in class folders, at any depth below them, as samples of a source of any name."""
    paths = [(file, tree.relative(file)) for file in tree.images()]
    split_of = _split_by_hand({path.parts[0] for _, path in paths if len(path.parts) > 1})
    for file, path in paths:
        parts = path.with_suffix("").parts
        below = parts[1:] if split_of else parts
        if len(below) > 1:
            image_id = "/".join([source, *parts])
            yield Sample(file, below[0], source, image_id, file.name, split=split_of.get(parts[0]))


def _split_by_hand(folders: set[str]) -> dict[str, str]:
    """The split of each top folder; none where these are classes."""
    names = {folder.lower() for folder in folders}
    if not names <= SPLIT_FOLDERS or "train" not in names or len(names) < 2:
        return {}
    split_of = dict.fromkeys(VALIDATION_FOLDERS, "train" if "test" in names else "test")
    split_of |= {"train": "train", "test": "test"}
    return {folder: split_of[folder.lower()] for folder in folders}


def notes(samples: list[Sample], tree: Tree) -> list[str]:
    """Remarks on validation images that train, and on class folders without an image."""
    train = [tree.relative(s.path).parts[0] for s in samples if s.split == "train"]
    count = sum(folder.lower() in VALIDATION_FOLDERS for folder in train)
    remarks = [f"{count:,} validation images are added to train, of which a validation set is held out."] * bool(count)
    if empty := _empty_folders(samples, tree):
        remarks.append(f"{len(empty)} class folders hold no image and make no class: {', '.join(empty)}.")
    return remarks


def _empty_folders(samples: list[Sample], tree: Tree) -> list[str]:
    """Names of folders beside the classes' that hold no file at all, at any depth."""
    beside = {tree.root / Path(*tree.relative(s.path).parts[: 1 + (s.split is not None)]).parent for s in samples}
    folders = [folder for parent in beside if parent.is_dir() for folder in parent.iterdir() if folder.is_dir()]
    known = {sample.class_name for sample in samples}
    return sorted(
        {folder.name for folder in folders if not is_of_a_tool(folder.name) and not any(list_files(folder))} - known
    )

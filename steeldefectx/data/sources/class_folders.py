"""Your own images, in a folder for each class.

my_images/scratch/a.png                the split rule decides what trains and what tests
my_images/train/scratch/a.png          or you do
my_images/test/scratch/b.png
"""

from __future__ import annotations

from collections.abc import Iterator

from steeldefectx.data.sources.sample import Sample
from steeldefectx.data.sources.tree import Tree

SOURCE = "class-folders"
SPLIT_FOLDERS = {"train": "train", "test": "test", "val": "test"}


def read(tree: Tree, source: str = SOURCE) -> Iterator[Sample]:
    """The images in class folders, at any depth below them, as samples of a source of any name."""
    paths = [(file, file.relative_to(tree.root)) for file in tree.images()]
    tops = {path.parts[0] for _, path in paths}
    split_by_hand = tops <= set(SPLIT_FOLDERS) and len(tops) == 2
    for file, path in paths:
        parts = path.with_suffix("").parts
        split = SPLIT_FOLDERS[parts[0]] if split_by_hand else None
        below = parts[1:] if split_by_hand else parts
        if len(below) > 1:
            yield Sample(file, below[0], source, "/".join([source, *parts]), file.name, split=split)

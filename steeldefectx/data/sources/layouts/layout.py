"""What a layout of people's own images is, and the ids that they get."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.renamed import copy_part, original_stem
from steeldefectx.data.sources.split_words import is_split
from steeldefectx.data.sources.tree import Tree

SOURCE = "class-folders"
"""The source of all images of one's own, and what their ids begin with, whatever their layout."""
SOUND = "sound"
"""The class of an image whose annotation says that nothing is on it."""


BY_NAMES = ("class-folders", "inner-folders", "file-names", "masks")
"""Layouts that only names speak for: what an annotation says beats them."""


@dataclass(frozen=True)
class Layout:
    """A way in which folders and annotation files say what is on images."""

    name: str
    """What ``--layout`` takes."""
    title: str
    """What it is called in words."""
    tree: str
    """An example of three lines."""
    recognize: Callable[[Tree], str | None]
    """What speaks for it, in words; None where it is not this layout. Opens a handful of files at most."""
    read: Callable[[Tree], Iterator[Sample]]
    """All samples; adds what it cannot use to the tree's ``problems``, and remarks to its ``notes``."""
    opens_images: bool = False
    """Whether reading opens a file an image: its annotation, or its header for its size."""
    beats: tuple[str, ...] = ()
    """Names of layouts that would misread a tree of this one: where both are recognized, it is this."""


def sample_id(tree: Tree, file: Path) -> str:
    """The id of an image: its path from the root of the data, without its ending.

    For a renamed copy ``<its photograph>::<copy>``, where the photograph is the same in every split.
    """
    folders, copy = tree.relative(file).parts[:-1], copy_part(tree, file)
    if copy:
        folders = tuple(folder for folder in folders if not is_split(folder))
    return unicodedata.normalize("NFC", "/".join([SOURCE, *folders, original_stem(file)]) + copy)

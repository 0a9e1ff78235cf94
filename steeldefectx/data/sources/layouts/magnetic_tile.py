"""Magnetic tile defects (Huang et al. 2018): a folder for each class, in which a mask has the name of its image.

MT_Blowhole/Imgs/exp1_num_4727.jpg
MT_Blowhole/Imgs/exp1_num_4727.png     the mask
MT_Free/Imgs/exp1_num_100.jpg          sound, and its mask all black
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from steeldefectx.data.sources.layouts import class_folders
from steeldefectx.data.sources.layouts.layout import BY_NAMES, SOUND, Layout
from steeldefectx.data.sources.layouts.soundness import is_sound
from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.tree import Tree

PREFIX = "MT_"


def recognize(tree: Tree) -> str | None:
    """The class folders, if all are called as this data set's are."""
    names = set(class_folders.classes_of_folders(tree).values())
    if len(names) < 2 or not all(name.startswith(PREFIX) for name in names):
        return None
    return f"{len(names)} folders, such as {min(names)}; {len(tree.masks):,} masks"


def read(tree: Tree) -> Iterator[Sample]:
    """The images, with the classes as they are called in words."""
    for sample in class_folders.read(tree):
        name = SOUND if is_sound(sample.class_name) else sample.class_name.removeprefix(PREFIX)
        yield replace(sample, class_name=name)


MAGNETIC_TILE = Layout(
    "magnetic-tile",
    "magnetic tile defects",
    "MT_Blowhole/Imgs/exp1_num_4727.jpg\nMT_Blowhole/Imgs/exp1_num_4727.png: its mask\nMT_Free/Imgs/exp1_num_100.jpg",
    recognize,
    read,
    beats=BY_NAMES,
)

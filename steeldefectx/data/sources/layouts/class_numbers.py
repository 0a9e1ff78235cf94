"""Class folders that are called by numbers or ids, and a file that names them.

0/a.png  1/b.png  classes.txt                                  a name a line, from 0 or 1 on
train/n01440764/a.JPEG  LOC_synset_mapping.txt                 ids as ImageNet has them
1/a.png  2/b.png  labels.json                                  {"1": "crazing", "2": "patches"}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from steeldefectx.data.sources.class_names import ClassNames, are_keys, find_class_names
from steeldefectx.data.sources.layouts import class_folders
from steeldefectx.data.sources.layouts.layout import BY_NAMES, Layout
from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.tree import Tree


def _names(tree: Tree) -> ClassNames | None:
    keys = set(class_folders.classes_of_folders(tree).values())
    return find_class_names(tree, keys) if keys and are_keys(keys) else None


def recognize(tree: Tree) -> str | None:
    """The file of names, and how many of them are folders."""
    names = _names(tree)
    if names is None:
        return None
    folders = sorted(set(class_folders.classes_of_folders(tree).values()))
    named = ", ".join(f"{key} {name}" for key, name in list(names.of(folders).items())[:3])
    return f"{len(folders)} folders, named by {names.file.name}: {named}"


def read(tree: Tree) -> Iterator[Sample]:
    """The images in class folders, with the names of their classes."""
    names = _names(tree)
    samples = list(class_folders.read(tree))
    name_of = names.of({sample.class_name for sample in samples}) if names else {}
    yield from (replace(sample, class_name=name_of.get(sample.class_name, sample.class_name)) for sample in samples)


CLASS_NUMBERS = Layout(
    "class-numbers",
    "class folders with numbers, and their names",
    "my_images/0/a.png\nmy_images/1/b.png\nmy_images/classes.txt: crazing, patches",
    recognize,
    read,
    beats=BY_NAMES,
)

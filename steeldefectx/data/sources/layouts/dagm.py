"""DAGM 2007 (Wieler & Hahn): textures, each with a defect of its own, whose images alone have a mask.

Class1/Train/0576.PNG
Class1/Train/Label/0576_label.PNG      an ellipse around the defect
Class1/Test/0002.PNG                   without a label: sound
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from steeldefectx.data.sources.layouts.layout import BY_NAMES, SOUND, SOURCE, Layout, sample_id
from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.tree import Tree

_TEXTURE = re.compile(r"class\d+", re.IGNORECASE)
SPLITS = {"train": "train", "test": "test"}


def _textures(tree: Tree) -> dict[Path, str]:
    """Folder ``Class1/Train`` or ``Test`` -> the texture."""
    return {
        folder: folder.parent.name
        for folder in tree.folders
        if folder.name.lower() in SPLITS and _TEXTURE.fullmatch(folder.parent.name)
    }


def recognize(tree: Tree) -> str | None:
    """How many textures and masks there are."""
    textures = _textures(tree)
    masks = _masks(tree, textures)
    return f"{len(set(textures.values()))} textures with Train, Test and Label; {len(masks):,} masks" if masks else None


def _masks(tree: Tree, textures: dict[Path, str]) -> dict[tuple[Path, str], Path]:
    """Folder of the images and stem -> mask."""
    return {
        (mask.parent.parent, mask.stem.lower().removesuffix("_label")): mask
        for mask in tree.masks
        if mask.parent.name.lower() == "label" and mask.parent.parent in textures
    }


def read(tree: Tree) -> Iterator[Sample]:
    """All images: the defect of a texture is the class of its name."""
    textures = _textures(tree)
    masks = _masks(tree, textures)
    tree.masks = [mask for mask in tree.masks if mask not in set(masks.values())]
    for folder, texture in textures.items():
        for file in tree.folders[folder]:
            mask = masks.get((folder, file.stem.lower()))
            class_name, split = texture if mask else SOUND, SPLITS[folder.name.lower()]
            yield Sample(file, class_name, SOURCE, sample_id(tree, file), file.name, mask, split)
    tree.notes.append(f"Images without a mask are of the class {SOUND!r}, whatever their texture.")


DAGM = Layout(
    "dagm",
    "DAGM 2007",
    "dagm/Class1/Train/0576.PNG\ndagm/Class1/Train/Label/0576_label.PNG\ndagm/Class1/Test/0002.PNG",
    recognize,
    read,
    beats=BY_NAMES,
)

"""Files that an export has renamed, and the augmented copies it may have made: each has the photograph it is of."""

from __future__ import annotations

import re
from pathlib import Path

from steeldefectx.data.sources.listing import PART
from steeldefectx.data.sources.split_words import is_split
from steeldefectx.data.sources.tree import Tree

_RENAMED = re.compile(r"(?P<name>.+)_(?:jpe?g|png|bmp|tiff?|webp)\.rf\.(?P<copy>[0-9A-Za-z]+)", re.IGNORECASE)
"""Roboflow's name of an image, or of one of its copies: ``crazing_1_jpg.rf.<hash>``."""


def original_stem(file: Path) -> str:
    """A file's name without its ending, before an export renamed it."""
    match = _RENAMED.fullmatch(file.stem)
    return match["name"] if match else file.stem


def copy_part(tree: Tree, file: Path) -> str:
    """What tells a renamed file's id from those of the other copies of its photograph; empty for other files."""
    match = _RENAMED.fullmatch(file.stem)
    if match is None:
        return ""
    return PART + "/".join([*filter(is_split, tree.relative(file).parts[:-1]), match["copy"]])

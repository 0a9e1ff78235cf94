"""Ids of people's own images; copies that an export has renamed share the photograph they are of."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from steeldefectx.data.sources.layouts.layout import SOURCE
from steeldefectx.data.sources.layouts.split_words import is_split
from steeldefectx.data.sources.listing import PART
from steeldefectx.data.sources.tree import Tree

_RENAMED = re.compile(r"(?P<name>.+)_(?:jpe?g|png|bmp|tiff?|webp)\.rf\.(?P<copy>[0-9A-Za-z]+)", re.IGNORECASE)
"""Roboflow's name of an image, or of one of its augmented copies: ``crazing_1_jpg.rf.<hash>``."""


def original_stem(stem: str) -> tuple[str, str]:
    """A file's name before an export renamed it, and what tells its copies apart, empty where nothing has.

    Args:
        stem: The name without its ending.
    """
    match = _RENAMED.fullmatch(stem)
    return (match["name"], match["copy"]) if match else (stem, "")


def sample_id(tree: Tree, file: Path) -> str:
    """The id of an image: its path from the root of the data, without its ending; for a renamed copy
    ``<its photograph>::<copy>``, with the photograph the same in every split.
    """
    path = tree.relative(file).with_suffix("")
    stem, copy = original_stem(path.name)
    folders = path.parts[:-1]
    if not copy:
        return unicodedata.normalize("NFC", "/".join([SOURCE, *path.parts]))
    splits = [folder for folder in folders if is_split(folder)]
    photograph = [SOURCE, *(folder for folder in folders if not is_split(folder)), stem]
    return unicodedata.normalize("NFC", "/".join(photograph) + PART + "/".join([*splits, copy]))

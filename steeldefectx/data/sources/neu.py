"""NEU surface defect database (Song & Yan 2013; He et al. 2020): 200x200 grey images of six classes.

Every distribution of it names its files ``<class>_<n>``, so the file name gives the class, wherever it lies:

    NEU-CLS/Cr_1.bmp
    NEU-DET/train/images/crazing/crazing_1.jpg
    NEU-DET/IMAGES/crazing_1.jpg

The annotation files of NEU-DET are not needed: 123 of them carry another class's box as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.renamed import original_stem
from steeldefectx.data.sources.tree import Tree
from steeldefectx.taxonomy import CLASSES, NEU, DefectClass, normalize_name

PUBLISHED_IMAGES = 1800
_FILE_NAME = re.compile(r"(?P<label>.*\D)_(?P<number>\d+)")
_SPELLINGS = {
    normalize_name(spelling): (c, c.source_labels[NEU][0].replace(" ", "_"))
    for c in CLASSES
    for spelling in c.source_labels.get(NEU, ())
}


def parse_name(file: Path) -> tuple[DefectClass, str] | None:
    """The class of a NEU file and its name in full, ``crazing_1`` for ``Cr_1.bmp``; None for another's file."""
    match = _FILE_NAME.fullmatch(original_stem(file))
    known = _SPELLINGS.get(normalize_name(match["label"])) if match else None
    if match is None or known is None:
        return None
    return known[0], f"{known[1]}_{int(match['number'])}"


def read(tree: Tree) -> Iterator[Sample]:
    """The NEU images in a tree."""
    for file in tree.images():
        parsed = parse_name(file)
        if parsed is not None:
            yield Sample(file, parsed[0].name, NEU, f"{NEU}/{parsed[1]}", file.name)

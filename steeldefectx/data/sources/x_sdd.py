"""X-SDD hot-rolled strip defects (Feng et al. 2021): 128x128 images of seven classes, in class folders.

X-SDD/datas/red iron/12.jpg
"""

from __future__ import annotations

from collections.abc import Iterator

from steeldefectx.data.sources.sample import Sample
from steeldefectx.data.sources.tree import Tree
from steeldefectx.taxonomy import CLASSES, X_SDD, normalize_name

PUBLISHED_IMAGES = 1360
_SPELLINGS = {
    normalize_name(spelling): (c, c.source_labels[X_SDD][0])
    for c in CLASSES
    for spelling in c.source_labels.get(X_SDD, ())
}


def read(tree: Tree) -> Iterator[Sample]:
    """The X-SDD images in a tree."""
    for folder, files in tree.folders.items():
        known = _SPELLINGS.get(normalize_name(folder.name))
        if known is not None:
            for file in files:
                yield Sample(file, known[0].name, X_SDD, f"{X_SDD}/{known[1]}/{file.stem}", file.name)

"""S3D strip surface defects: 880 images of five classes, in class folders.

S3D/white rust/12.jpg
"""

from __future__ import annotations

from collections.abc import Iterator

from steeldefectx.data.sources.sample import Sample
from steeldefectx.data.sources.tree import Tree
from steeldefectx.taxonomy import CLASSES, S3D, normalize_name

PUBLISHED_IMAGES = 880
_SPELLINGS = {
    normalize_name(spelling): (c, c.source_labels[S3D][0]) for c in CLASSES for spelling in c.source_labels.get(S3D, ())
}


def read(tree: Tree) -> Iterator[Sample]:
    """The S3D images in a tree."""
    for folder, files in tree.folders.items():
        known = _SPELLINGS.get(normalize_name(folder.name))
        if known is not None:
            for file in files:
                yield Sample(file, known[0].name, S3D, f"{S3D}/{known[1]}/{file.stem}", file.name)

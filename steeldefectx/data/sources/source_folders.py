"""Sources that come in a folder for each class, named as the source calls it.

X-SDD/datas/red iron/12.jpg     X-SDD hot-rolled strip (Feng et al. 2021): seven classes, 128x128
S3D/white rust/12.jpg           S3D strip: five classes
"""

from __future__ import annotations

from collections.abc import Iterator

from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.renamed import original_stem
from steeldefectx.data.sources.tree import Tree
from steeldefectx.taxonomy import S3D, X_SDD, find_class, normalize_name

PUBLISHED_IMAGES = {X_SDD: 1360, S3D: 880}


def read_x_sdd(tree: Tree) -> Iterator[Sample]:
    """The X-SDD images in a tree."""
    return _read(tree, X_SDD)


def read_s3d(tree: Tree) -> Iterator[Sample]:
    """The S3D images in a tree."""
    return _read(tree, S3D)


def _read(tree: Tree, source: str) -> Iterator[Sample]:
    for folder, files in tree.folders.items():
        known = find_class(folder.name, source)
        spellings = known.source_labels.get(source, ()) if known else ()
        if known and normalize_name(folder.name) in map(normalize_name, spellings):
            for file in files:
                yield Sample(file, known.name, source, f"{source}/{spellings[0]}/{original_stem(file)}", file.name)

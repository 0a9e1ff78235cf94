"""Readers of the source data sets: a folder in, samples out.

A source is one file with a function ``read(tree)``, listed in :data:`.find.SOURCES`.
"""

from steeldefectx.data.sources.find import (
    OwnImages,
    class_folder_names,
    find_class_folders,
    find_images,
    find_samples,
    known_sources,
    read_own_images,
)
from steeldefectx.data.sources.listing import Listing, Problem, Sample
from steeldefectx.data.sources.mask_pixels import read_mask
from steeldefectx.data.sources.masks import sample_mask, sample_pixels
from steeldefectx.data.sources.tree import folder_fingerprint

__all__ = [
    "Listing",
    "OwnImages",
    "Problem",
    "Sample",
    "class_folder_names",
    "find_class_folders",
    "find_images",
    "find_samples",
    "folder_fingerprint",
    "known_sources",
    "read_mask",
    "read_own_images",
    "sample_mask",
    "sample_pixels",
]

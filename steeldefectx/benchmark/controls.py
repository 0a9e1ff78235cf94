"""Which rows and texts a cell trains and tests on, made from the data as they were loaded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from steeldefectx.benchmark.grid import WITHIN
from steeldefectx.data.labelled import Data, Split
from steeldefectx.errors import DataError


def keep_sources(data: Data, sources: Collection[str]) -> Data:
    """The samples of some sources alone, and the classes that they have.

    Raises:
        DataError: There are none.
    """
    splits = {name: split.part(np.isin(split.sources, list(sources))) for name, split in data.splits.items()}
    present = sorted({int(label) for split in splits.values() for label in split.labels})
    if not present:
        there = sorted({str(source) for split in data.splits.values() for source in split.sources})
        raise DataError(f"No images of {', '.join(sources)}; the data hold {', '.join(there)}.")
    relabelled = {name: replace(split, labels=np.searchsorted(present, split.labels)) for name, split in splits.items()}
    return Data([data.classes[label] for label in present], relabelled)


def shuffle_texts(split: Split, level: str, control: str, seed: int) -> Split:
    """A split whose texts of one level are shuffled: among the images of a class, or among all.

    Whatever a method still gains from them, it does not gain from a text's being true of its image
    (``shuffled-within-class``), or of its class (``shuffled-across-classes``). They are for training alone: the texts
    that stand for the classes of test images are those of the split as it was.

    Args:
        split: Training images.
        level: ``T2`` or ``T3``.
        control: See ``CONTROLS``.
        seed: Of the permutation.

    Raises:
        DataError: A sample has no such text.
    """
    texts = np.array(split.level(level), dtype=object)
    rng = np.random.default_rng(seed)
    groups = (
        [np.flatnonzero(split.labels == label) for label in np.unique(split.labels)]
        if control == WITHIN
        else [np.arange(len(split))]
    )
    shuffled = texts.copy()
    for members in groups:
        shuffled[members] = texts[rng.permutation(members)]
    return replace(split, texts={**split.texts, level: list(shuffled)})

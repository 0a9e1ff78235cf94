"""On which side of the split samples are, and what is said of those that are kept together."""

from __future__ import annotations

from collections.abc import Sequence

import datasets

from steeldefectx.data import duplicates, sources, splits
from steeldefectx.errors import ConfigError

GROUPED_CONFIG = "class-folders"
"""The config whose near-duplicates are kept together if nothing else is asked for."""
SPLITS = {
    "auto": "grouped for images of one's own (class-folders), rule for published data",
    "rule": "7:3 class by class; the samples of one photograph (GC10-DET) are on one side",
    "grouped": "the same, with near-duplicate images on one side too",
}


def split_rule(config: str, split_by: str) -> str:
    """``rule`` or ``grouped``, for a config and how its split is asked for.

    Raises:
        ConfigError: No such split.
    """
    if split_by not in SPLITS:
        raise ConfigError(f"Unknown split {split_by!r}: choose one of {', '.join(SPLITS)}.")
    if split_by != "auto":
        return split_by
    return "grouped" if config == GROUPED_CONFIG else "rule"


def assign_splits(samples: Sequence[sources.Sample], rule: str, near_duplicates: Sequence[Sequence[int]]) -> list[str]:
    """``train`` or ``test`` for each sample: as its source says, else 7:3 class by class.

    The samples of one photograph are on one side, which is ``train`` where its source puts them on both; where ``rule``
    is ``grouped``, so are near-duplicates.

    Args:
        samples: All samples of the data set.
        rule: ``rule`` or ``grouped``, see :func:`split_rule`.
        near_duplicates: Groups of near-duplicates, by their positions.
    """
    ids, classes = [s.image_id for s in samples], [s.class_name for s in samples]
    photographs = duplicates.photographs(ids)
    groups: list[Sequence[int]] = [*photographs, *(near_duplicates if rule == "grouped" else [])]
    ruled = splits.grouped_split(ids, classes, duplicates.join_groups(groups, len(ids)))
    assigned = [s.split or side for s, side in zip(samples, ruled, strict=True)]
    for group in photographs:
        if len({assigned[n] for n in group}) > 1:
            for n in group:
                assigned[n] = "train"
    return assigned


def remarks_of(rows: datasets.DatasetDict) -> list[str]:
    """What was said when rows were made of images that are kept on one side of the split."""
    return str(rows["train"].info.description).splitlines()[1:]


def kept_together(photographs: Sequence[Sequence[int]]) -> str:
    """A remark on photographs with several samples; empty where there are none."""
    if not photographs:
        return ""
    samples = sum(map(len, photographs))
    return f"{samples:,} samples of {len(photographs):,} photographs are kept together: none is in train and in test."


def moved_to_train(samples: Sequence[sources.Sample], assigned: Sequence[str]) -> str:
    """A remark on test images that train, as others of their photograph do; empty where there are none."""
    moved = sum(s.split == "test" != side for s, side in zip(samples, assigned, strict=True))
    return f"{moved:,} test images are copies of training images, by their names, and train too." if moved else ""


def duplicates_together(groups: Sequence[Sequence[int]]) -> str:
    """A remark on near-duplicates that are on one side of the split; empty where there are none."""
    if not groups:
        return ""
    images = sum(map(len, groups))
    return f"{images:,} images nearly equal another one; each of their {len(groups):,} groups is on one side."

"""Folders that a data set is split by: train, val and test, however they are spelled."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TRAIN = frozenset({"train", "training", "trn", "trainset", "trainval", "训练", "训练集"})
_VALIDATION = frozenset(
    {"val", "valid", "validate", "validation", "valset", "dev", "eval", "evaluation", "验证", "验证集"}
)
_TEST = frozenset({"test", "testing", "tst", "testset", "测试", "测试集"})
_BESIDE = frozenset(
    {"annotations", "data", "dataset", "folder", "image", "images", "img", "imgs", "instances", "labels", "obj", "set"}
    | {"split"}
)
"""Words that stand beside: ``train_images``, ``Test set``, ``instances_val2017``."""


def _word(folder: str) -> str | None:
    words = [word for word in re.split(r"[\W\d_]+", folder.casefold()) if word and word not in _BESIDE]
    for kind, spellings in (("train", _TRAIN), ("validation", _VALIDATION), ("test", _TEST)):
        if len(words) == 1 and words[0] in spellings:
            return kind
    return None


def is_validation(folder: str) -> bool:
    """Whether a folder's name says that it holds validation images."""
    return _word(folder) == "validation"


def is_split(folder: str) -> bool:
    """Whether a folder's name is that of a split."""
    return _word(folder) is not None


def validation_note(count: int) -> str:
    """A remark on validation images that are added to train, as there are test images too."""
    return f"{count:,} validation images are added to train, of which a validation set is held out."


def splits_by_hand(folders: Iterable[str]) -> dict[str, str]:
    """The split of each folder; none where they are not all splits, or not both train and another."""
    names = set(folders)
    kinds = {folder: kind for folder in names if (kind := _word(folder))}
    if len(kinds) < len(names) or "train" not in kinds.values() or len(set(kinds.values())) < 2:
        return {}
    validation = "train" if "test" in kinds.values() else "test"
    return {folder: validation if kind == "validation" else kind for folder, kind in kinds.items()}

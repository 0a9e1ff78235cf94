"""Which samples train, which test, and which are held out to choose settings."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np


def train_size(n: int) -> int:
    """Training images of a class of ``n``: 70 % rounded up, in whole numbers (the release's 7:3 rule)."""
    return -(-7 * n // 10)


def stratified_split(image_ids: Sequence[str], classes: Sequence[str]) -> list[str]:
    """``train`` or ``test`` for each sample, class by class.

    Within a class samples are ordered by a hash of their id: the split depends on nothing else, neither on
    the order they are given in nor on a random generator's version.

    Args:
        image_ids: Distinct ids.
        classes: The class of each.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for image_id, name in zip(image_ids, classes, strict=True):
        members[name].append(image_id)
    train: set[str] = set()
    for ids in members.values():
        ids.sort(key=_digest)
        train.update(ids[: train_size(len(ids))])
    return ["train" if image_id in train else "test" for image_id in image_ids]


def validation_split(
    classes: Sequence[str] | np.ndarray, fraction: float, seed: int, groups: Sequence[Sequence[int]] = ()
) -> np.ndarray:
    """Hold out part of a training split, class by class, without parting a group.

    A group goes where its first member is drawn to; into training if a class would have nothing to train on. All other
    samples are drawn as if there were no groups.

    Args:
        classes: The class of each training sample, N of them.
        fraction: Share held out, 0..1; every class keeps a sample to train on.
        seed: Of the draw.
        groups: Positions of the samples that belong together; none is in two groups.

    Returns:
        (N,) bool, True where a sample is held out.
    """
    names = np.asarray(classes)
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(names), dtype=bool)
    for name in np.unique(names):
        members = rng.permutation(np.flatnonzero(names == name))
        held_out[members[: min(len(members) - 1, round(fraction * len(members)))]] = True
    training = Counter(names[~held_out].tolist())
    for group in map(list, groups):
        training.subtract(names[group][~held_out[group]].tolist())
        held_out[group] = held_out[group[0]] and all(training[name] for name in names[group].tolist())
        training.update(names[group][~held_out[group]].tolist())
    return held_out


def few_shot_draw(
    labels: Sequence[int] | np.ndarray, shots: int, seed: int, groups: Sequence[Sequence[int]] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """A few images of each class to learn from, and up to four others of each to choose settings by (CoOp's protocol).

    Draws of a seed are nested: the images of fewer shots are among those of more, so that a curve over shots does
    not compare different draws. A class's draw depends on nothing but its label and how many images it has.

    Args:
        labels: (N,) class of each image of the training split, >= 0.
        shots: Images a class to learn from, >= 1. A class that has fewer gives all it has.
        seed: Of the draw.
        groups: Positions of the samples that belong together: none is for validation where another is a shot.

    Returns:
        Positions (S,) and (V,) int64, sorted by class: the shots, and ``min(shots, 4)`` a class for validation, as far
        as a class has images left for it. None is in both.
    """
    labels = np.asarray(labels)
    orders = [
        np.random.default_rng((seed, int(label))).permutation(np.flatnonzero(labels == label))
        for label in np.unique(labels)
    ]
    drawn = np.concatenate([members[:shots] for members in orders])
    shown = set(drawn.tolist())
    related = {position for group in groups if shown.intersection(group) for position in group}
    left = [members[shots:][~np.isin(members[shots:], list(related))] for members in orders]
    return drawn, np.concatenate([members[::-1][: min(shots, 4)] for members in left])  # from the other end: nested


def grouped_split(image_ids: Sequence[str], classes: Sequence[str], groups: Sequence[Sequence[int]]) -> list[str]:
    """``train`` or ``test`` for each sample, class by class, without parting a group (of near-duplicates).

    A group goes where :func:`stratified_split` puts its first member (by hash), or to the other side if it is
    larger than what is left there; images on their own then fill both sides, so that a class has the sizes of
    the 7:3 rule unless its groups alone prevent that. Without groups, it is the same as ``stratified_split``.

    Args:
        image_ids: Distinct ids.
        classes: The class of each.
        groups: Positions of the samples that belong together, of one class or several; none is in two groups.
    """
    by_rule = stratified_split(image_ids, classes)
    sizes = Counter(classes)
    room = {
        "train": {name: train_size(count) for name, count in sizes.items()},
        "test": {name: count - train_size(count) for name, count in sizes.items()},
    }
    grouped = {position for group in groups for position in group}
    blocks = [sorted(group, key=lambda n: _digest(image_ids[n])) for group in groups]
    blocks.sort(key=lambda block: (-len(block), _digest(image_ids[block[0]])))
    single = [[n] for n in range(len(image_ids)) if n not in grouped]
    single.sort(key=lambda block: (by_rule[block[0]] == "test", _digest(image_ids[block[0]])))
    parts = [""] * len(image_ids)
    for block in blocks + single:
        side = _side_with_room([classes[n] for n in block], room, by_rule[block[0]])
        for n in block:
            parts[n] = side
            room[side][classes[n]] -= 1
    return parts


def _side_with_room(names: Sequence[str], room: dict[str, dict[str, int]], wanted: str) -> str:
    """The wanted side if there is room for a group of these classes; else the side with the least left over."""
    other = "test" if wanted == "train" else "train"
    need = Counter(names)

    def too_many(side: str) -> int:
        return sum(max(0, count - room[side][name]) for name, count in need.items())

    return wanted if too_many(wanted) <= too_many(other) else other


def _digest(image_id: str) -> bytes:
    return hashlib.sha256(image_id.encode()).digest()

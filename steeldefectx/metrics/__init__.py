"""Metrics, as plain functions; the folders beside this file make each an ``evaluate`` module.

``evaluate.load`` takes such a folder without the Hub::

    import evaluate, steeldefectx.metrics
    metric = evaluate.load(steeldefectx.metrics.path("mean_accuracy"))
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

Name = TypeVar("Name", bound=Hashable)
GROUPS = ("head", "medium", "tail")
"""Groups of classes by size, the largest classes first."""


def path(name: str) -> str:
    """Folder of a metric, for ``evaluate.load``: the name of one of the functions below."""
    return str(Path(__file__).parent / name)


def accuracy(predictions: Sequence[int] | np.ndarray, references: Sequence[int] | np.ndarray) -> float:
    """Share of samples whose class is predicted, 0..1 (Acc)."""
    return float(np.mean(np.asarray(predictions) == np.asarray(references)))


def per_class_recall(
    predictions: Sequence[int] | np.ndarray, references: Sequence[int] | np.ndarray
) -> dict[int, float]:
    """Label -> share of its samples that are predicted as it, 0..1, for labels that occur in ``references``."""
    predictions, references = np.asarray(predictions), np.asarray(references)
    return {int(label): float(np.mean(predictions[references == label] == label)) for label in np.unique(references)}


def mean_accuracy(predictions: Sequence[int] | np.ndarray, references: Sequence[int] | np.ndarray) -> float:
    """Mean of the per-class recalls, 0..1 (mAcc): every class counts the same however rare."""
    return float(np.mean(list(per_class_recall(predictions, references).values())))


def macro_f1(predictions: Sequence[int] | np.ndarray, references: Sequence[int] | np.ndarray) -> float:
    """Mean over classes of F1, the harmonic mean of precision and recall, 0..1.

    As in scikit-learn, over the labels that occur in either: a label that is predicted but occurs nowhere counts as 0.
    """
    predictions, references = np.asarray(predictions), np.asarray(references)
    scores = []
    for label in np.union1d(predictions, references):
        hits = np.sum((predictions == label) & (references == label))
        scores.append(2 * hits / (np.sum(predictions == label) + np.sum(references == label)))
    return float(np.mean(scores))


def calibration_error(
    predictions: Sequence[int] | np.ndarray,
    references: Sequence[int] | np.ndarray,
    confidences: Sequence[float] | np.ndarray,
    bins: int = 15,
) -> float:
    """Expected calibration error, 0..1 (Guo et al. 2017, equation 3): how far confidence is from accuracy.

    Samples are put into bins of equal width by the confidence of their prediction; the error is the mean over samples
    of the gap between their bin's accuracy and its mean confidence. A confidence on an edge is in the lower bin.

    Args:
        predictions: (N,) predicted labels.
        references: (N,) true labels.
        confidences: (N,) probability given to the prediction, 0..1.
        bins: How many.
    """
    correct = np.asarray(predictions) == np.asarray(references)
    confidences = np.asarray(confidences, dtype=np.float64)
    numbers = np.digitize(confidences, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    gaps = np.bincount(numbers, weights=correct - confidences, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidences))


def size_groups(train_counts: Mapping[Name, int]) -> dict[str, list[Name]]:
    """Class -> training images, parted into ``head``, ``medium`` and ``tail``.

    The head is the third of the classes with most training images, the tail the third with fewest (rounded down), as
    is usual where the fixed limits of ImageNet-LT (more than 100 images, fewer than 20; Liu et al. 2019) would leave
    groups empty: the rarest of the 25 classes has 35. Classes of one size stay together: where such a tie lies across
    a limit, all of it is medium. Below three classes, or if all are of one size, there are no groups.
    """
    groups: dict[str, list[Name]] = {group: [] for group in GROUPS}
    sizes = sorted(train_counts.values(), reverse=True)
    third = len(sizes) // 3
    if third == 0 or sizes[0] == sizes[-1]:
        return groups
    for name, size in train_counts.items():
        groups["head" if size > sizes[third] else "tail" if size < sizes[-third - 1] else "medium"].append(name)
    return groups


def group_accuracy(
    predictions: Sequence[int] | np.ndarray,
    references: Sequence[int] | np.ndarray,
    train_counts: Mapping[int, int],
) -> dict[str, float | None]:
    """Accuracy on common and on rare classes: the mean of the recalls of the classes in a group, 0..1.

    Args:
        predictions: (N,) predicted labels.
        references: (N,) true labels.
        train_counts: Label -> training images. The groups are those of :func:`size_groups`.

    Returns:
        ``head_accuracy``, ``medium_accuracy`` and ``tail_accuracy``; None for a group without a class that occurs.
    """
    recalls = per_class_recall(predictions, references)
    accuracies: dict[str, float | None] = {}
    for group, labels in size_groups(train_counts).items():
        found = [recalls[label] for label in labels if label in recalls]
        accuracies[f"{group}_accuracy"] = float(np.mean(found)) if found else None
    return accuracies


def recall_at_k(
    predictions: Sequence[Sequence[int]], references: Sequence[Collection[int]], ks: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Retrieval: share of queries with something right among the first k that are found, 0..1 (R@k).

    As is usual for images and texts (Hodosh et al. 2013): one right item is enough, however many there are.

    Args:
        predictions: For each of N queries the items found, best first.
        references: For each query the items that are right, at least one.
        ks: How far down to look.

    Returns:
        ``recall_at_1`` and so on, for each k.
    """
    ranks = [
        next((rank for rank, item in enumerate(found, 1) if item in right), np.inf)
        for found, right in zip(predictions, map(set, references), strict=True)
    ]
    return {f"recall_at_{k}": float(np.mean(np.asarray(ranks) <= k)) for k in ks}

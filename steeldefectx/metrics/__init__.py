"""Metrics, as plain functions; the folders beside this file make each an ``evaluate`` module.

``evaluate.load`` takes such a folder without the Hub::

    import evaluate, steeldefectx.metrics
    metric = evaluate.load(steeldefectx.metrics.path("mean_accuracy"))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def path(name: str) -> str:
    """Folder of a metric, for ``evaluate.load``: ``accuracy``, ``mean_accuracy`` or ``per_class_recall``."""
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

"""The figures of an evaluation, from logits."""

from __future__ import annotations

import numpy as np
import torch

from steeldefectx import metrics


def calibration_error(logits: torch.Tensor, labels: np.ndarray) -> float:
    """:func:`steeldefectx.metrics.calibration_error` of logits (N, C)."""
    confidences, best = logits.softmax(dim=1).max(dim=1)
    return metrics.calibration_error(best.numpy(), labels, confidences.numpy())


def scores(logits: torch.Tensor, labels: np.ndarray, classes: list[str]) -> dict[str, object]:
    """How well logits (N, C) tell classes apart.

    Returns:
        ``accuracy``, ``mean_accuracy``, ``macro_f1``, ``calibration_error`` and ``per_class`` recall, all 0..1, and
        ``confusion``: class -> predicted class -> number of its images, where there are any.
    """
    predictions = logits.argmax(dim=1).numpy()
    recalls = metrics.per_class_recall(predictions, labels)
    return {
        "accuracy": metrics.accuracy(predictions, labels),
        "mean_accuracy": metrics.mean_accuracy(predictions, labels),
        "macro_f1": metrics.macro_f1(predictions, labels),
        "calibration_error": calibration_error(logits, labels),
        "per_class": {classes[label]: recall for label, recall in recalls.items()},
        "confusion": {
            classes[label]: {
                classes[other]: int(n) for other, n in enumerate(np.bincount(predictions[labels == label])) if n
            }
            for label in recalls
        },
    }

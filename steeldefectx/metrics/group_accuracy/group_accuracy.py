"""Accuracy on the classes with most, with medium and with fewest training images."""

import datasets
import evaluate

from steeldefectx.metrics import group_accuracy

INPUTS = """
Args:
    predictions: predicted labels, integers.
    references: true labels, integers.
    train_counts: dict from label to its number of training images.

Returns:
    head_accuracy, medium_accuracy, tail_accuracy: float, 0..1, or None for a group without classes.
"""


class GroupAccuracy(evaluate.Metric):
    """Accuracy on the classes with most, with medium and with fewest training images."""

    def _info(self) -> evaluate.MetricInfo:
        label = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": label, "references": label}),
        )

    def _compute(self, predictions: list[int], references: list[int], train_counts: dict[int, int]) -> dict:
        return group_accuracy(predictions, references, train_counts)

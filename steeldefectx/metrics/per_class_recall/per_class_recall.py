"""For each class that occurs, the share of its samples that are predicted as it."""

import datasets
import evaluate

from steeldefectx.metrics import per_class_recall

INPUTS = """
Args:
    predictions: predicted labels, integers.
    references: true labels, integers.

Returns:
    per_class_recall: dict from label to float, 0..1.
"""


class PerClassRecall(evaluate.Metric):
    """For each class that occurs, the share of its samples that are predicted as it."""

    def _info(self) -> evaluate.MetricInfo:
        label = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": label, "references": label}),
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict:
        return {"per_class_recall": per_class_recall(predictions, references)}

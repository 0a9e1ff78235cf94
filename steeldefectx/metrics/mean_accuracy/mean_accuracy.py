"""Mean of the per-class recalls (mAcc): every class counts the same however rare."""

import datasets
import evaluate

from steeldefectx.metrics import mean_accuracy

INPUTS = """
Args:
    predictions: predicted labels, integers.
    references: true labels, integers.

Returns:
    mean_accuracy: float, 0..1.
"""


class MeanAccuracy(evaluate.Metric):
    """Mean of the per-class recalls (mAcc): every class counts the same however rare."""

    def _info(self) -> evaluate.MetricInfo:
        label = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": label, "references": label}),
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict:
        return {"mean_accuracy": mean_accuracy(predictions, references)}

"""Share of samples whose class is predicted (Acc)."""

import datasets
import evaluate

from steeldefectx.metrics import accuracy

INPUTS = """
Args:
    predictions: predicted labels, integers.
    references: true labels, integers.

Returns:
    accuracy: float, 0..1.
"""


class Accuracy(evaluate.Metric):
    """Share of samples whose class is predicted (Acc)."""

    def _info(self) -> evaluate.MetricInfo:
        label = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": label, "references": label}),
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict:
        return {"accuracy": accuracy(predictions, references)}

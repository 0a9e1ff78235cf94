"""Mean over classes of F1."""

import datasets
import evaluate

from steeldefectx.metrics import macro_f1

INPUTS = """
Args:
    predictions: predicted labels, integers.
    references: true labels, integers.

Returns:
    macro_f1: float, 0..1.
"""


class MacroF1(evaluate.Metric):
    """Mean over classes of F1."""

    def _info(self) -> evaluate.MetricInfo:
        label = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": label, "references": label}),
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict:
        return {"macro_f1": macro_f1(predictions, references)}

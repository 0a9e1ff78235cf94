"""Expected calibration error: how far the confidence of predictions is from their accuracy."""

import datasets
import evaluate

from steeldefectx.metrics import calibration_error

INPUTS = """
Args:
    predictions: predicted labels, integers.
    references: true labels, integers.
    confidences: probability given to each prediction, 0..1.
    bins: number of bins of equal width, 15 by default.

Returns:
    calibration_error: float, 0..1.
"""


class CalibrationError(evaluate.Metric):
    """Expected calibration error: how far the confidence of predictions is from their accuracy."""

    def _info(self) -> evaluate.MetricInfo:
        label = datasets.Value("int64")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="Guo et al., On Calibration of Modern Neural Networks, ICML 2017",
            inputs_description=INPUTS,
            features=datasets.Features(
                {"predictions": label, "references": label, "confidences": datasets.Value("float64")}
            ),
        )

    def _compute(self, predictions: list[int], references: list[int], confidences: list[float], bins: int = 15) -> dict:
        return {"calibration_error": calibration_error(predictions, references, confidences, bins)}

"""``evaluate`` module of :func:`steeldefectx.metrics.calibration_error`."""

import datasets

from steeldefectx.metrics import calibration_error
from steeldefectx.metrics.evaluate_module import LABELS, metric_class

CalibrationError = metric_class(
    calibration_error,
    {**LABELS, "confidences": datasets.Value("float64")},
    name="calibration_error",
    citation="Guo et al., On Calibration of Modern Neural Networks, ICML 2017",
)

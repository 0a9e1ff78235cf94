"""``evaluate`` module of :func:`steeldefectx.metrics.mean_accuracy`."""

from steeldefectx.metrics import mean_accuracy
from steeldefectx.metrics.evaluate_module import LABELS, metric_class

MeanAccuracy = metric_class(mean_accuracy, LABELS, name="mean_accuracy")

"""``evaluate`` module of :func:`steeldefectx.metrics.accuracy`."""

from steeldefectx.metrics import accuracy
from steeldefectx.metrics.evaluate_module import LABELS, metric_class

Accuracy = metric_class(accuracy, LABELS, name="accuracy")

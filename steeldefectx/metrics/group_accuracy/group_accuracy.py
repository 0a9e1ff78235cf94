"""``evaluate`` module of :func:`steeldefectx.metrics.group_accuracy`."""

from steeldefectx.metrics import group_accuracy
from steeldefectx.metrics.evaluate_module import LABELS, metric_class

GroupAccuracy = metric_class(group_accuracy, LABELS)

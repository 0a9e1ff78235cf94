"""``evaluate`` module of :func:`steeldefectx.metrics.per_class_recall`."""

from steeldefectx.metrics import per_class_recall
from steeldefectx.metrics.evaluate_module import LABELS, metric_class

PerClassRecall = metric_class(per_class_recall, LABELS, name="per_class_recall")

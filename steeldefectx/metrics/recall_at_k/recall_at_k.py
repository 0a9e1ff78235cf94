"""``evaluate`` module of :func:`steeldefectx.metrics.recall_at_k`."""

import datasets

from steeldefectx.metrics import recall_at_k
from steeldefectx.metrics.evaluate_module import LABEL, metric_class

ITEMS = datasets.List(LABEL)

RecallAtK = metric_class(recall_at_k, {"predictions": ITEMS, "references": ITEMS})

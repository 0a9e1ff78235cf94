"""``evaluate`` module of :func:`steeldefectx.metrics.localization.mean_iou`."""

import datasets

from steeldefectx.metrics.evaluate_module import metric_class
from steeldefectx.metrics.localization import mean_iou

MAP = datasets.List(datasets.List(datasets.Value("float32")))

MeanIou = metric_class(mean_iou, {"predictions": MAP, "references": MAP}, name="mean_iou")

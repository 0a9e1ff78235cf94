"""``evaluate`` module of :func:`steeldefectx.metrics.localization.pixel_f1_max`."""

import datasets

from steeldefectx.metrics.evaluate_module import metric_class
from steeldefectx.metrics.localization import pixel_f1_max

MAP = datasets.List(datasets.List(datasets.Value("float32")))

PixelF1Max = metric_class(pixel_f1_max, {"predictions": MAP, "references": MAP}, name="pixel_f1_max")

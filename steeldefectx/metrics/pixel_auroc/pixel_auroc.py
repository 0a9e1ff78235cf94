"""``evaluate`` module of :func:`steeldefectx.metrics.localization.pixel_auroc`."""

import datasets

from steeldefectx.metrics.evaluate_module import metric_class
from steeldefectx.metrics.localization import pixel_auroc

MAP = datasets.List(datasets.List(datasets.Value("float32")))

PixelAuroc = metric_class(pixel_auroc, {"predictions": MAP, "references": MAP}, name="pixel_auroc")

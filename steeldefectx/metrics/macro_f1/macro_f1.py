"""``evaluate`` module of :func:`steeldefectx.metrics.macro_f1`."""

from steeldefectx.metrics import macro_f1
from steeldefectx.metrics.evaluate_module import LABELS, metric_class

MacroF1 = metric_class(macro_f1, LABELS, name="macro_f1")

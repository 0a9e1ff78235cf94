"""What the ``evaluate`` modules beside this file share: a metric's function as an ``evaluate.Metric``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import datasets
import evaluate

LABEL = datasets.Value("int64")
LABELS = {"predictions": LABEL, "references": LABEL}


def metric_class(
    function: Callable[..., Any], features: dict[str, Any], *, name: str | None = None, citation: str = ""
) -> type[evaluate.Metric]:
    """The class that ``evaluate.load`` looks for in a module.

    Args:
        function: Takes ``features`` by name, and maybe settings. Its docstring describes the metric.
        features: Input -> its type, of one sample.
        name: What the value is called; None where the function gives a dict of named values.
        citation: Where the metric is from.
    """

    class Metric(evaluate.Metric):
        def _info(self) -> evaluate.MetricInfo:
            description, _, inputs = inspect.getdoc(function).partition("\n\n")  # type: ignore[union-attr]
            return evaluate.MetricInfo(
                description=description,
                citation=citation,
                inputs_description=inputs,
                features=datasets.Features(features),
            )

        def _compute(self, **inputs: Any) -> dict[str, Any]:
            value = function(**inputs)
            return value if name is None else {name: value}

    Metric.__name__ = "".join(part.capitalize() for part in function.__name__.split("_"))
    return Metric

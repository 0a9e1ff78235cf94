"""R@k of retrieval: share of queries with something right among the first k items found."""

import datasets
import evaluate

from steeldefectx.metrics import recall_at_k

INPUTS = """
Args:
    predictions: for each query the items found, best first, as integers.
    references: for each query the items that are right, as integers.
    ks: how far down to look, [1, 5, 10] by default.

Returns:
    recall_at_1 and so on, for each k: float, 0..1.
"""


class RecallAtK(evaluate.Metric):
    """R@k of retrieval: share of queries with something right among the first k items found."""

    def _info(self) -> evaluate.MetricInfo:
        items = datasets.List(datasets.Value("int64"))
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=INPUTS,
            features=datasets.Features({"predictions": items, "references": items}),
        )

    def _compute(self, predictions: list, references: list, ks: tuple[int, ...] = (1, 5, 10)) -> dict:
        return recall_at_k(predictions, references, ks)

import subprocess
import sys

import evaluate
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from steeldefectx import metrics

RNG = np.random.default_rng(0)
REFERENCES = RNG.choice(7, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02], size=500)
CONFIDENCES = RNG.random(500)
PREDICTIONS = np.where(RNG.random(500) < 0.7, REFERENCES, RNG.integers(0, 8, size=500))


def test_they_agree_with_scikit_learn():
    assert metrics.accuracy(PREDICTIONS, REFERENCES) == pytest.approx(accuracy_score(REFERENCES, PREDICTIONS))
    expected = recall_score(REFERENCES, PREDICTIONS, labels=range(7), average=None)
    assert list(metrics.per_class_recall(PREDICTIONS, REFERENCES).values()) == pytest.approx(list(expected))
    with pytest.warns(UserWarning, match="not in y_true"):
        balanced = balanced_accuracy_score(REFERENCES, PREDICTIONS)
    assert metrics.mean_accuracy(PREDICTIONS, REFERENCES) == pytest.approx(balanced)


def test_a_rare_class_weighs_as_much_as_a_common_one():
    references = [0] * 99 + [1]
    assert metrics.accuracy([0] * 100, references) == 0.99
    assert metrics.mean_accuracy([0] * 100, references) == 0.5
    assert metrics.per_class_recall([0] * 100, references) == {0: 1.0, 1: 0.0}


def test_macro_f1_agrees_with_scikit_learn():
    assert set(PREDICTIONS) - set(REFERENCES) == {7}
    expected = f1_score(REFERENCES, PREDICTIONS, average="macro", zero_division=0)
    assert metrics.macro_f1(PREDICTIONS, REFERENCES) == pytest.approx(expected)
    assert metrics.macro_f1([0, 0, 1], [0, 1, 1]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_calibration_error_agrees_with_a_plain_loop(bins):
    expected = 0.0
    for number in range(bins):
        inside = [n for n, c in enumerate(CONFIDENCES) if number / bins < c <= (number + 1) / bins]
        if inside:
            right = sum(PREDICTIONS[n] == REFERENCES[n] for n in inside) / len(inside)
            sure = sum(CONFIDENCES[n] for n in inside) / len(inside)
            expected += len(inside) / 500 * abs(right - sure)
    assert metrics.calibration_error(PREDICTIONS, REFERENCES, CONFIDENCES, bins) == pytest.approx(expected)


def test_calibration_error_of_the_sure():
    assert metrics.calibration_error([1, 1, 1, 1], [1, 1, 1, 0], [1.0] * 4) == pytest.approx(0.25)
    assert metrics.calibration_error([1, 1, 1, 1], [1, 1, 1, 0], [0.75] * 4) == 0
    assert metrics.calibration_error([1, 1], [0, 0], [0.0, 0.0]) == 0
    assert metrics.calibration_error([1, 1], [1, 0], [0.5, 0.75], bins=2) == 0.625  # an edge is in the lower bin


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([60, 50, 40, 30, 20, 10], [[0, 1], [2, 3], [4, 5]]),
        ([10, 20, 30, 40, 50, 60, 70, 80], [[6, 7], [2, 3, 4, 5], [0, 1]]),
        ([9, 5, 5, 5, 5, 1], [[0], [1, 2, 3, 4], [5]]),  # a tie across both limits
        ([9, 9, 9, 5, 4, 3], [[], [0, 1, 2, 3], [4, 5]]),
        ([7, 7, 7], [[], [], []]),
        ([7, 3], [[], [], []]),
        ([7], [[], [], []]),
    ],
)
def test_groups_by_size(counts, expected):
    groups = metrics.size_groups(dict(enumerate(counts)))
    assert groups == dict(zip(metrics.GROUPS, expected, strict=True))


def test_group_accuracy_is_the_mean_recall_of_its_classes():
    counts = {label: 100 - label for label in range(7)}
    recalls = recall_score(REFERENCES, PREDICTIONS, labels=range(7), average=None)
    found = metrics.group_accuracy(PREDICTIONS, REFERENCES, counts)
    assert found["head_accuracy"] == pytest.approx(recalls[:2].mean())
    assert found["medium_accuracy"] == pytest.approx(recalls[2:5].mean())
    assert found["tail_accuracy"] == pytest.approx(recalls[5:].mean())
    some = metrics.group_accuracy([0, 1], [0, 1], counts)
    assert some == {"head_accuracy": 1.0, "medium_accuracy": None, "tail_accuracy": None}


def test_recall_at_k_needs_one_right_item_among_the_first():
    found = [[3, 1, 2], [5, 4, 0], [7], [2, 9, 8]]
    right = [[3], [0, 4], [1], [8]]
    expected = {"recall_at_1": 1 / 4, "recall_at_2": 2 / 4, "recall_at_3": 3 / 4}
    assert metrics.recall_at_k(found, right, ks=(1, 2, 3)) == expected
    module = evaluate.load(metrics.path("recall_at_k"))
    assert module.compute(predictions=found, references=right, ks=[1, 2, 3]) == expected


def test_evaluate_loads_those_with_more_inputs():
    calibration = evaluate.load(metrics.path("calibration_error"))
    found = calibration.compute(predictions=PREDICTIONS, references=REFERENCES, confidences=CONFIDENCES, bins=10)
    expected = metrics.calibration_error(PREDICTIONS, REFERENCES, CONFIDENCES, 10)
    assert found["calibration_error"] == pytest.approx(expected)
    counts = {label: 100 - label for label in range(7)}
    groups = evaluate.load(metrics.path("group_accuracy"))
    found = groups.compute(predictions=PREDICTIONS, references=REFERENCES, train_counts=counts)
    assert found == metrics.group_accuracy(PREDICTIONS, REFERENCES, counts)


@pytest.mark.parametrize("name", ["accuracy", "mean_accuracy", "per_class_recall", "macro_f1"])
def test_evaluate_loads_each_offline(name):
    metric = evaluate.load(metrics.path(name))
    result = metric.compute(predictions=PREDICTIONS, references=REFERENCES)
    assert result == {name: getattr(metrics, name)(PREDICTIONS, REFERENCES)}
    assert metric.description


def test_plain_functions_need_no_torch():
    program = "import sys, steeldefectx.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

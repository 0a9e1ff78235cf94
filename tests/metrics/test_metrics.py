import evaluate
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score

from steeldefectx import metrics

RNG = np.random.default_rng(0)
REFERENCES = RNG.choice(7, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02], size=500)
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


@pytest.mark.parametrize("name", ["accuracy", "mean_accuracy", "per_class_recall"])
def test_evaluate_loads_each_offline(name):
    metric = evaluate.load(metrics.path(name))
    result = metric.compute(predictions=PREDICTIONS, references=REFERENCES)
    assert result == {name: getattr(metrics, name)(PREDICTIONS, REFERENCES)}
    assert metric.description

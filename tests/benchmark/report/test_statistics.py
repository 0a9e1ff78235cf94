import itertools
import statistics as plain

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from steeldefectx.benchmark.report import statistics

RNG = np.random.default_rng(0)
LABELS = RNG.choice(6, p=[0.4, 0.3, 0.1, 0.1, 0.06, 0.04], size=600)
HITS = RNG.random(600) < np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.5])[LABELS]


def test_mean_and_standard_deviation():
    values = [0.91, 0.94, 0.95]
    assert statistics.mean_std(values) == pytest.approx((plain.mean(values), plain.stdev(values)))
    assert statistics.mean_std([0.5]) == (0.5, None)


def test_the_interval_of_the_accuracy_agrees_with_scipys_bootstrap():
    expected = bootstrap((HITS,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1))
    found = statistics.interval(HITS)
    assert found == pytest.approx(tuple(expected.confidence_interval), abs=0.003)


def test_the_interval_of_the_mean_accuracy_agrees_with_a_plain_loop():
    draw, means = np.random.default_rng(1), []
    for _ in range(3000):
        recalls = [draw.choice(HITS[label == LABELS], size=np.sum(label == LABELS)).mean() for label in range(6)]
        means.append(np.mean(recalls))
    found = statistics.interval(HITS, LABELS)
    assert found == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.008)


def test_seeds_are_drawn_together():
    """Three seeds that fail on the very same images say no more than one of them."""
    shares = np.mean([HITS, HITS, HITS], axis=0)
    assert statistics.interval(shares) == pytest.approx(statistics.interval(HITS))
    mixed = np.mean([HITS, RNG.permutation(HITS), RNG.permutation(HITS)], axis=0)
    expected = bootstrap((mixed,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1))
    assert statistics.interval(mixed) == pytest.approx(tuple(expected.confidence_interval), abs=0.003)


def test_intervals_are_repeatable():
    hits, labels = RNG.random(2324) < 0.936, RNG.integers(0, 25, 2324)
    first = statistics.interval(hits), statistics.interval(hits, labels)
    assert first == (statistics.interval(hits), statistics.interval(hits, labels))
    assert first[0][1] - first[0][0] == pytest.approx(0.02, abs=0.003)  # 93.6 % of 2,324: plus or minus a point


def test_all_recognized():
    assert statistics.interval(np.ones(20)) == (1, 1)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (5, 5), (12, 3), (3, 12), (40, 61)])
def test_mcnemar_agrees_with_scipys_binomial_test(b, c):
    first = np.array([True] * b + [False] * c + [True] * 30 + [False] * 7)
    second = np.array([False] * b + [True] * c + [True] * 30 + [False] * 7)
    found = statistics.mcnemar(first, second)
    assert (found.only_first, found.only_second) == (b, c)
    assert found.p_value == pytest.approx(binomtest(b, b + c).pvalue if b + c else 1.0)


def test_images_are_aligned_by_hash_and_label():
    images, labels = np.array(["b", "a", "a", "c", "c"]), np.array([0, 1, 0, 2, 2])
    moved = np.array([3, 1, 0, 4, 2])
    order, again = statistics.image_order(images, labels), statistics.image_order(images[moved], labels[moved])
    assert [*zip(images[order], labels[order], strict=True)] == [("a", 0), ("a", 1), ("b", 0), ("c", 2), ("c", 2)]
    assert moved[again].tolist() == order.tolist()


def test_p_values_of_seeds_are_combined_without_believing_them_independent():
    assert statistics.combined_p([0.03]) == 0.03
    assert statistics.combined_p([0.9, 0.01, 0.02]) == pytest.approx(0.03)
    assert statistics.combined_p([0.01, 0.6]) == pytest.approx(0.02)
    assert statistics.combined_p([0.9, 0.8, 0.7]) == 1
    same = np.random.default_rng(0).random(4000)  # three seeds that agree in full, and no difference
    assert np.mean([statistics.combined_p([p] * 3) < 0.05 for p in same]) <= 0.05


def test_holm_is_the_closed_test_of_bonferroni():
    p_values = [0.01, 0.04, 0.03, 0.005, 0.2]
    for position, adjusted in enumerate(statistics.holm(p_values)):
        subsets = (s for n in range(1, 6) for s in itertools.combinations(range(5), n) if position in s)
        assert adjusted == pytest.approx(max(min(1, len(s) * min(p_values[n] for n in s)) for s in subsets))
    assert statistics.holm([]) == []

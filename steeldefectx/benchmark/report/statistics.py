"""What a difference between two numbers is worth: intervals over test images, spread over seeds, paired tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

RESAMPLES = 4_000
LEVEL = 0.95


def mean_std(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean, and sample standard deviation (n - 1 in the denominator), which a single value does not have."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def interval(
    hits: np.ndarray, labels: np.ndarray | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of an accuracy (Efron 1979): how far other test images could move it.

    Args:
        hits: (N,) 0..1, for each image whether it was recognized; with several seeds the share of them that did. Then
            the interval is that of the mean over these seeds, and images are drawn for all seeds at once.
        labels: (N,) true labels, for the mean of the classes' recalls: images are drawn class by class, so that each
            class keeps its number. None: for the share of all images.
        resamples: How often N images are drawn.
        seed: Seed of the draws.

    Returns:
        Lower and upper end, 0..1. Where all images are recognized both are 1, which says little.
    """
    draw = np.random.default_rng(seed)
    parts = [hits] if labels is None else [hits[labels == label] for label in np.unique(labels)]
    means = np.mean([_resampled_means(part, resamples, draw) for part in parts], axis=0)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _resampled_means(hits: np.ndarray, resamples: int, draw: np.random.Generator) -> np.ndarray:
    """(resamples,) means of N draws with replacement.

    ``hits`` has few distinct values, and how often each is drawn is multinomial: that number is drawn, not each image.
    """
    values, counts = np.unique(np.asarray(hits, dtype=np.float64), return_counts=True)
    return draw.multinomial(len(hits), counts / len(hits), size=resamples) @ values / len(hits)


@dataclass(frozen=True)
class Paired:
    """What two classifiers did on the same images."""

    only_first: int
    """Images that only the first recognized."""
    only_second: int
    """Images that only the second recognized."""
    p_value: float
    """Probability of a split at least as uneven if both were equally good, two-sided."""


def mcnemar(first: np.ndarray, second: np.ndarray) -> Paired:
    """Exact McNemar test (1947; binomial, two-sided): are two classifiers equally good on the same images?

    Args:
        first: (N,) bool, whether the first recognized each image.
        second: (N,) bool, the same images in the same order.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    different = only_first + only_second
    return Paired(only_first, only_second, float(binomtest(only_first, different).pvalue) if different else 1.0)


def image_order(images: Sequence[str], labels: np.ndarray) -> np.ndarray:
    """An order of test images that does not depend on the file they are in: two files in it are aligned.

    An image is known by its hash and its label, as one with defects of several classes is a test image of each.
    Copies of one file keep their order.

    Args:
        images: N hashes.
        labels: (N,) labels.

    Returns:
        (N,) int64 positions.
    """
    return np.lexsort((labels, np.asarray(images, dtype=str)))


def combined_p(p_values: Sequence[float]) -> float:
    """One p-value for several tests on the same images, one a seed, which are anything but independent.

    Rüger's inequality (1978): K / k times the k-th smallest of K holds under any dependence; k is the (upper) half,
    so that half of the seeds must agree. For one seed it is its own p-value.
    """
    half = (len(p_values) + 1) // 2
    return min(1.0, len(p_values) / half * sorted(p_values)[half - 1])


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for how many tests there are (Holm 1979): below 0.05, none of them is likely to be chance."""
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = highest
    return adjusted

"""How well maps agree with masks: area under the ROC curve and best F1 over pixels, intersection over union."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVELS = 1 << 16
"""Scores are told apart at so many levels between 0 and 1: exact to 5 digits, and memory does not grow with images."""

Maps = Sequence[np.ndarray] | Sequence[Sequence[Sequence[float]]]


class PixelCounts:
    """Pixels of any number of images, counted by score, apart for those inside and outside of the masks."""

    def __init__(self) -> None:
        self.inside, self.outside = (np.zeros(LEVELS, np.int64) for _ in range(2))

    def add(self, scores: np.ndarray, mask: np.ndarray) -> None:
        """Count an image.

        Args:
            scores: (H, W), 0..1.
            mask: (H, W) bool.

        Raises:
            ValueError: Other sizes, or scores beyond 0..1.
        """
        if scores.shape != mask.shape:
            raise ValueError(f"a map of shape {scores.shape} has a mask of shape {mask.shape}")
        if not (scores.min(initial=0) >= 0 and scores.max(initial=0) <= 1):
            raise ValueError("scores are 0 to 1")
        level = np.minimum((scores * LEVELS).astype(np.int64), LEVELS - 1)
        self.inside += np.bincount(level[mask], minlength=LEVELS)
        self.outside += np.bincount(level[~mask], minlength=LEVELS)

    def auroc(self) -> float:
        """Chance that a pixel inside has a higher score than one outside, 0..1; a tie counts half. NaN without both."""
        positives, negatives = self.inside.sum(), self.outside.sum()
        if not positives or not negatives:
            return float("nan")
        below = np.cumsum(self.outside) - self.outside
        return float((self.inside * (below + self.outside / 2)).sum() / positives / negatives)

    def f1_max(self) -> tuple[float, float]:
        """The best F1 over all thresholds, 0..1, and the threshold; NaN where no pixel is inside."""
        if not self.inside.any():
            return float("nan"), float("nan")
        found = np.cumsum(self.inside[::-1])[::-1]
        marked = found + np.cumsum(self.outside[::-1])[::-1]
        f1 = 2 * found / (marked + self.inside.sum())
        best = int(np.argmax(f1))
        return float(f1[best]), best / LEVELS


def _counts(predictions: Maps, references: Maps) -> PixelCounts:
    counts = PixelCounts()
    for scores, mask in zip(predictions, references, strict=True):
        counts.add(np.asarray(scores, np.float64), np.asarray(mask).astype(bool))
    return counts


def pixel_auroc(predictions: Maps, references: Maps) -> float:
    """Area under the ROC curve over the pixels of all images together, 0..1.

    Args:
        predictions: N maps (H, W) of scores 0..1.
        references: N masks (H, W) of 0 and 1.

    Raises:
        ValueError: A mask of another size, or scores beyond 0..1.
    """
    return _counts(predictions, references).auroc()


def pixel_f1_max(predictions: Maps, references: Maps) -> float:
    """The best F1 that one threshold has over the pixels of all images together, 0..1; arguments as for AUROC.

    Args:
        predictions: N maps (H, W) of scores 0..1.
        references: N masks (H, W) of 0 and 1.

    Raises:
        ValueError: A mask of another size, or scores beyond 0..1.
    """
    return _counts(predictions, references).f1_max()[0]


def mean_iou(predictions: Maps, references: Maps, threshold: float = 0.5) -> float:
    """Intersection over union of what is marked with the mask, 0..1: the mean over images.

    An image without a mask that nothing is marked in counts as 1.

    Args:
        predictions: N maps (H, W) of scores.
        references: N masks (H, W) of 0 and 1.
        threshold: Score from which a pixel is marked, the same one for all images.
    """
    found = []
    for scores, mask in zip(predictions, references, strict=True):
        marked, wanted = np.asarray(scores) >= threshold, np.asarray(mask).astype(bool)
        union = np.count_nonzero(marked | wanted)
        found.append(np.count_nonzero(marked & wanted) / union if union else 1.0)
    return float(np.mean(found))

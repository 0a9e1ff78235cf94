"""How well a map agrees with the mask of the defect, and what maps that know nothing of the image would get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

THRESHOLD = 0.1
"""A map's pixels of at least this share of its maximum are what it marks: the best of 0.1 to 0.9 on training images,
for every kind of map that ``benchmarks/saliency.py`` measures."""
RANDOM_GRID = 14
"""Places a side that a random map is drawn with: as many as a vision transformer's patches of 16 in 224 pixels."""
CENTRE_WIDTH = 0.25
"""Standard deviation of the centre map, as a share of the side."""


@dataclass(frozen=True)
class Scores:
    """Of one map, or the mean over many; all 0..1, more is better."""

    energy: float
    """Share of the map's sum that lies inside the mask (Wang et al., Score-CAM, 2020, section 4.3)."""
    hit: float
    """Pointing game: whether the maximum lies inside the mask (Zhang et al., Excitation Backprop, 2018, section 4.1;
    without their 15 pixels' tolerance). Where several pixels are the maximum, the share of them inside."""
    iou: float
    """Intersection over union of the mask with what the map marks, see :data:`THRESHOLD`."""


def score(saliency: np.ndarray, mask: np.ndarray, threshold: float = THRESHOLD) -> Scores:
    """Compare a map (H, W), at least 0, with a mask (H, W) bool that is not empty.

    A map that is 0 everywhere prefers no place: it gets what a constant one gets.
    """
    if not saliency.any():
        saliency = np.ones_like(saliency)
    marked = saliency >= threshold * saliency.max()
    return Scores(
        energy=float(saliency[mask].sum(dtype=np.float64) / saliency.sum(dtype=np.float64)),
        hit=float(mask[saliency == saliency.max()].mean()),
        iou=float((marked & mask).sum() / (marked | mask).sum()),
    )


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Mean of each over images."""
    return Scores(*(float(np.mean([getattr(score, name) for score in scores])) for name in ("energy", "hit", "iou")))


def random_map(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Uniform noise on a grid as coarse as a model's, enlarged as a model's map is: (H, W) float32, 0..1.

    In the mean its energy inside a mask is the mask's share of the image.
    """
    grid = torch.from_numpy(rng.random((1, 1, RANDOM_GRID, RANDOM_GRID), dtype=np.float32))
    return F.interpolate(grid, shape, mode="bilinear", align_corners=False)[0, 0].numpy()


def centre_map(shape: tuple[int, int]) -> np.ndarray:
    """A Gaussian around the centre of the image, its maximum 1: (H, W) float32. Photographers centre their subject."""
    rows, columns = (((np.arange(side) + 0.5) / side - 0.5) / CENTRE_WIDTH for side in shape)
    return np.exp(-(rows[:, None] ** 2 + columns**2) / 2).astype(np.float32)

"""Gaussian discriminant analysis of features, with the texts' logits added (Wang et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from steeldefectx.methods.feature_space import Centred, Scatter, all_views, class_means
from steeldefectx.methods.interface import Predictor, Task
from steeldefectx.methods.selection import Logits, choose
from steeldefectx.methods.zero_shot import text_logits


@dataclass(frozen=True)
class GaussianConfig:
    """Settings of the discriminant."""

    shrinkage: float = 0.2
    """Of the variances within classes, see :meth:`Scatter.shrunk`."""
    text: float = 0.0
    """Weight of the zero-shot logits."""


CANDIDATES = [GaussianConfig(shrinkage, text) for text in (0.0, 0.3, 1.0) for shrinkage in (0.2, 0.5, 0.05)]


def fit(task: Task) -> Predictor:
    """Log posterior of one Gaussian a class with a shared covariance, plus weighted text logits; nothing is trained.

    "A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation". Deviations: features are centred; all views of
    an image count; the covariance keeps its scale, so that the discriminant is a log posterior, and the text's weight
    is chosen rather than the discriminant's; so is the shrinkage. Without validation images: no text. A class without
    shots is never predicted.
    """
    rows, labels, _ = all_views(task.shots)
    space, classes = Centred.of(rows), len(task.classes.names)
    scatter = Scatter.of(space(rows), labels, classes, len(task.shots))
    means = class_means(space(rows), labels, classes) @ scatter.axes
    absent = labels.bincount(minlength=classes) == 0

    def train(settings: GaussianConfig) -> Logits:
        W = means / scatter.shrunk(settings.shrinkage)
        offset = (-(W * means).sum(1) / 2).masked_fill(absent, -torch.inf)

        def logits(features: torch.Tensor) -> torch.Tensor:
            return space(features) @ scatter.axes @ W.T + offset + settings.text * text_logits(task, features)

        return logits

    return choose(task, CANDIDATES, train)

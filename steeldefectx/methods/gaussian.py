"""Gaussian discriminant analysis of features, with the texts' logits added (Wang et al. 2024)."""

from __future__ import annotations

import torch

from steeldefectx.methods.common import (
    Centred,
    Logits,
    all_views,
    choose,
    class_means,
    shrunk,
    within_class_covariance,
)
from steeldefectx.methods.interface import Predictor, Task
from steeldefectx.methods.zero_shot import text_logits

SHRINKAGES = (0.2, 0.5, 0.05, 2.0)
TEXT_WEIGHTS = (0.0, 0.3, 1.0)
CANDIDATES = [{"shrinkage": shrinkage, "text": text} for text in TEXT_WEIGHTS for shrinkage in SHRINKAGES]


def fit(task: Task) -> Predictor:
    """Log posterior of one Gaussian a class with a shared covariance, plus weighted text logits; nothing is trained.

    "A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation", eqs. 4 to 7. Deviations: features are centred;
    all views of an image count; the covariance keeps its scale, so that the discriminant is a log posterior, and the
    text's weight is chosen rather than the discriminant's; so is the shrinkage. Without validation: no text.
    """
    rows, labels, _ = all_views(task.shots)
    space = Centred.of(rows)
    found = space(rows)
    classes = len(task.classes.names)
    means = class_means(found, labels, classes).double()
    covariance = within_class_covariance(found, labels, classes)
    absent = labels.bincount(minlength=classes) == 0

    def train(shrinkage: float, text: float) -> Logits:
        W = torch.linalg.solve(shrunk(covariance, len(task.shots), shrinkage), means.T).T
        offset = (-(W * means).sum(1) / 2).masked_fill(absent, -torch.inf).float()
        return lambda features: space(features) @ W.T.float() + offset + text * text_logits(task, features)

    return choose(CANDIDATES, train, task.validation)

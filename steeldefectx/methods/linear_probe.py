"""A strong linear probe: softmax regression where what varies within a class counts little."""

from __future__ import annotations

import torch

from steeldefectx.methods.common import (
    Centred,
    Logits,
    all_views,
    choose,
    shrunk,
    softmax_regression,
    unit,
    within_class_covariance,
)
from steeldefectx.methods.interface import Predictor, Task

SHRINKAGES = (0.2, 0.5, 0.05, 2.0)
RIDGES = (0.05, 0.005)
CANDIDATES = [{"shrinkage": shrinkage, "ridge": ridge} for shrinkage in SHRINKAGES for ridge in RIDGES]


def fit(task: Task) -> Predictor:
    """Softmax regression on whitened features of all views. Texts are not used.

    Features are centred and of unit length, then whitened by the shrunk covariance within classes, as Hatch et al.
    2006 do for speakers (WCCN), and of unit length again. The views of an image are in that covariance: what mirroring,
    cropping and light change is known even from one image a class. Shrinkage and ridge are chosen on validation.
    """
    rows, labels, weight = all_views(task.shots)
    space = Centred.of(rows)
    classes = len(task.classes.names)
    covariance = within_class_covariance(space(rows), labels, classes)

    def train(shrinkage: float, ridge: float) -> Logits:
        whitening = inverse_root(shrunk(covariance, len(task.shots), shrinkage))

        def whitened(features: torch.Tensor) -> torch.Tensor:
            return unit(space(features) @ whitening)

        found = whitened(rows)
        start = found.new_zeros(classes, found.shape[1])
        W = softmax_regression(found, labels, torch.full((len(rows),), weight), start, ridge)
        return lambda features: whitened(features) @ W.T

    return choose(CANDIDATES, train, task.validation)


def inverse_root(covariance: torch.Tensor) -> torch.Tensor:
    """``S^(-1/2)`` (D, D) float32 of a positive definite S."""
    values, vectors = torch.linalg.eigh(covariance)
    return ((vectors / values.sqrt()) @ vectors.T).float()

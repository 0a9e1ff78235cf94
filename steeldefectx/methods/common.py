"""What several few-shot methods need: views as rows, a shared feature space, softmax regression, choice of settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch.nn.functional import normalize, one_hot

from steeldefectx.methods.interface import Examples, Predictor

Logits = Callable[[torch.Tensor], torch.Tensor]
"""Features (N, D) -> logits (N, C)."""
Settings = dict[str, Any]


def unit(features: torch.Tensor) -> torch.Tensor:
    """Features (..., D) at unit length."""
    return normalize(features, dim=-1)


def all_views(examples: Examples) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Each image and each of its V views as a training row.

    Returns:
        ((V + 1) * N, D) features, not normalized; ((V + 1) * N,) labels; the weight of a row, 1 / (V + 1), with
        which each image counts once however many views it has.
    """
    views = torch.cat([examples.images.features[None], examples.views])
    return views.flatten(0, 1), examples.labels.repeat(len(views)), 1 / len(views)


def class_sums(values: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Sums (C, D) of the rows (N, D) of each class; zeros for a class without rows."""
    return values.new_zeros(classes, values.shape[1]).index_add(0, labels, values)


def class_means(values: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Means (C, D) of the rows (N, D) of each class; zeros for a class without rows."""
    return class_sums(values, labels, classes) / labels.bincount(minlength=classes).clamp(min=1)[:, None]


@dataclass(frozen=True)
class Centred:
    """Unit-length features around the training images' mean, at unit length again.

    Features of a CLIP lie in a narrow cone: their common direction says nothing about classes.
    """

    mean: torch.Tensor
    """(D,)."""

    @classmethod
    def of(cls, features: torch.Tensor) -> Centred:
        """The space of training features (N, D), not normalized."""
        return cls(unit(features).mean(0))

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Features (N, D), not normalized, in this space."""
        return unit(unit(features) - self.mean)


def within_class_covariance(features: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Covariance (D, D), float64, of features (N, D) around their class's mean, pooled over classes.

    With a single image a class it is the scatter of that image's views; without any scatter it is the identity.
    """
    rest = (features - class_means(features, labels, classes)[labels]).double()
    covariance = rest.T @ rest / len(rest)
    return covariance if covariance.trace() > 1e-9 else torch.eye(len(covariance), dtype=torch.float64)


def shrunk(covariance: torch.Tensor, images: int, shrinkage: float) -> torch.Tensor:
    """A covariance (D, D) of few images, with a multiple of the identity added: always invertible.

    ``S + shrinkage * trace(S) / images * I``: with ``shrinkage`` 1 the ridge of Kubokawa & Srivastava 2008 as
    Wang et al. 2024 (eq. 6) use it, but for its constant factor.
    """
    ridge = shrinkage * covariance.trace() / images
    return covariance + ridge * torch.eye(len(covariance), dtype=covariance.dtype)


def softmax_regression(
    features: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, start: torch.Tensor, ridge: float
) -> torch.Tensor:
    """Linear classifier without bias: minimum of ``sum_i weight_i CE_i + ridge / 2 * |W - start|^2``, by L-BFGS.

    The objective is strictly convex: there is one minimum, whatever the machine.

    Args:
        features: (N, D).
        labels: (N,) int64.
        weights: (N,), >= 0, of the examples.
        start: (C, D), where the classifier starts and what it is drawn to.
        ridge: Strength of that, > 0.

    Returns:
        (C, D) float32.
    """
    X, w, W0 = features.double().numpy(), weights.double().numpy(), start.double().numpy()
    truth = one_hot(labels, len(start)).numpy()

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        moved = flat.reshape(W0.shape) - W0
        logs = log_softmax(X @ flat.reshape(W0.shape).T, axis=1)
        value = -(w * (logs * truth).sum(1)).sum() + ridge / 2 * (moved**2).sum()
        gradient = (w[:, None] * (np.exp(logs) - truth)).T @ X + ridge * moved
        return value, gradient.ravel()

    found = minimize(objective, W0.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-8})
    return torch.from_numpy(found.x.reshape(W0.shape)).float()


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of rows (N, C) whose first largest logit is the label's."""
    return (logits.argmax(1) == labels).double().mean().item()


def choose(candidates: Sequence[Settings], fit: Callable[..., Logits], validation: Examples | None) -> Predictor:
    """A method with the settings that are most accurate on validation images.

    Args:
        candidates: Settings; the first are the defaults. Of equally accurate ones the first wins.
        fit: Settings as keywords -> logits of features.
        validation: None: the defaults are taken.
    """
    best, chosen = fit(**candidates[0]), candidates[0]
    if validation is not None and len(validation):
        features, labels = validation.images.features, validation.labels
        score = accuracy(best(features), labels)
        for settings in candidates[1:]:
            logits = fit(**settings)
            other = accuracy(logits(features), labels)
            if other > score:
                best, chosen, score = logits, settings, other
    return predictor(best, chosen)


def predictor(logits: Logits, chosen: Settings | None = None) -> Predictor:
    """A predictor that needs nothing of images but their features."""
    return Predictor(torch.no_grad()(lambda images: logits(images.features).float()), chosen or {})

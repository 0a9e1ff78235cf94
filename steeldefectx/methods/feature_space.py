"""Features as rows, the space that methods centre and whiten them in, and softmax regression on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch.nn.functional import normalize, one_hot

from steeldefectx.methods.interface import Examples


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


@dataclass(frozen=True)
class Scatter:
    """How features vary within classes, by principal axes."""

    axes: torch.Tensor
    """(D, D) float32, an axis in each column."""
    variances: torch.Tensor
    """(D,) float32, >= 0, along the axes."""
    images: int
    """How many images it was measured on."""

    @classmethod
    def of(cls, features: torch.Tensor, labels: torch.Tensor, classes: int, images: int) -> Scatter:
        """That of features (N, D) around their class's mean, pooled over classes.

        With a single image a class it is the scatter of that image's views; without any, all directions count alike.
        """
        rest = (features - class_means(features, labels, classes)[labels]).double()
        covariance = rest.T @ rest / len(rest)
        if covariance.trace() < 1e-9:
            covariance = torch.eye(len(covariance), dtype=covariance.dtype)
        variances, axes = torch.linalg.eigh(covariance)
        return cls(axes.float(), variances.clamp(min=0).float(), images)

    def shrunk(self, shrinkage: float) -> torch.Tensor:
        """Variances (D,) for so few images, all above 0: ``variance + shrinkage * (sum of all) / images``.

        With ``shrinkage`` 1 it is the ridge estimator of Kubokawa & Srivastava 2008 as Wang et al. 2024 use it, up to
        a constant factor.
        """
        return self.variances + shrinkage * self.variances.sum() / self.images


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

    result = minimize(objective, W0.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-8})
    return torch.from_numpy(result.x.reshape(W0.shape)).float()

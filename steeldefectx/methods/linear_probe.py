"""A strong linear probe: softmax regression where what varies within a class counts little."""

from __future__ import annotations

from dataclasses import dataclass

from steeldefectx.methods.feature_space import Centred, Scatter, all_views, softmax_regression, unit
from steeldefectx.methods.interface import Predictor, Task
from steeldefectx.methods.selection import Logits, choose


@dataclass(frozen=True)
class LinearProbeConfig:
    """Settings of the linear probe."""

    shrinkage: float = 0.2
    """Of the variances within classes, see :meth:`Scatter.shrunk`."""
    ridge: float = 0.05
    """On the classifier's weights."""


CANDIDATES = [LinearProbeConfig(shrinkage, ridge) for shrinkage in (0.2, 0.5, 0.05) for ridge in (0.05, 0.005)]


def fit(task: Task) -> Predictor:
    """Softmax regression on whitened features of all views. Texts are not used.

    Features are centred and of unit length, then whitened by the shrunk variances within classes, as Hatch et al. 2006
    do for speakers (WCCN), and of unit length again. The views of an image are in those variances: what mirroring,
    cropping and light change is known even from one image a class. Shrinkage and ridge are chosen on validation.
    """
    rows, labels, weight = all_views(task.shots)
    space, classes = Centred.of(rows), len(task.classes.names)
    scatter = Scatter.of(space(rows), labels, classes, len(task.shots))
    rotated = space(rows) @ scatter.axes

    def train(settings: LinearProbeConfig) -> Logits:
        deviations = scatter.shrunk(settings.shrinkage).sqrt()
        whitened = unit(rotated / deviations)
        start = whitened.new_zeros(classes, whitened.shape[1])
        weights = whitened.new_full((len(whitened),), weight)
        W = softmax_regression(whitened, labels, weights, start, settings.ridge)
        return lambda features: unit(space(features) @ scatter.axes / deviations) @ W.T

    return choose(task, CANDIDATES, train)

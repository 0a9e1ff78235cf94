"""Plain logistic regression on the shots alone: the reference that other methods are compared with."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from steeldefectx.methods.interface import Predictor, Task, override
from steeldefectx.methods.selection import predictor


@dataclass(frozen=True)
class LogisticRegressionConfig:
    """Settings of the reference."""

    C: float = 0.1
    """scikit-learn's inverse strength of the ridge."""


def fit(task: Task) -> Predictor:
    """scikit-learn's, C 0.1, on standardized features. No text, no view, no choice.

    A class without shots is never predicted (its logit is -inf). At least two classes have shots.
    """
    settings = override(LogisticRegressionConfig(), task)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=settings.C, max_iter=1000))
    model.fit(task.shots.images.features.double().numpy(), task.shots.labels.numpy())
    known = torch.from_numpy(model.classes_)

    def class_logits(features: torch.Tensor) -> torch.Tensor:
        logits = features.new_full((len(features), len(task.classes.names)), -torch.inf)
        logits[:, known] = torch.from_numpy(model.predict_log_proba(features.double().numpy())).float()
        return logits

    return predictor(class_logits, asdict(settings))

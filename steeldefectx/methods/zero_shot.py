"""Zero-shot: the class whose texts are nearest. No image is learnt from."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from steeldefectx.methods.feature_space import unit
from steeldefectx.methods.interface import Predictor, Task, override
from steeldefectx.methods.selection import predictor


@dataclass(frozen=True)
class ZeroShotConfig:
    """There is nothing to set."""


def text_logits(task: Task, features: torch.Tensor) -> torch.Tensor:
    """Scaled cosines (N, C) of features (N, D), not normalized, with the classes' texts."""
    return task.logit_scale * unit(features) @ task.classes.embeddings.T


def fit(task: Task) -> Predictor:
    """The model as it is (Radford et al. 2021)."""
    override(ZeroShotConfig(), task)
    return predictor(lambda features: text_logits(task, features), {})

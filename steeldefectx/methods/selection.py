"""Methods on features become predictors, with settings that are chosen on validation images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch

from steeldefectx.methods.interface import Config, Images, Predictor, Task, override

Logits = Callable[[torch.Tensor], torch.Tensor]
"""Features (N, D) -> logits (N, C)."""


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of rows (N, C) whose first largest logit is the label's."""
    return (logits.argmax(1) == labels).double().mean().item()


def choose(task: Task, candidates: Sequence[Config], fit: Callable[[Config], Logits]) -> Predictor:
    """A method with the settings that are most accurate on the task's validation images.

    Args:
        task: Settings that it names are not chosen.
        candidates: Dataclasses of settings; the first are the defaults, which are taken without validation images. Of
            equally accurate ones the first win.
        fit: Settings -> logits of features.
    """
    settings = list(dict.fromkeys(override(candidate, task) for candidate in candidates))
    validation = task.validation
    if validation is None or not len(validation):
        return predictor(fit(settings[0]), asdict(settings[0]))
    best, best_score = None, -1.0
    for candidate in settings:
        logits = fit(candidate)
        with torch.no_grad():
            score = accuracy(logits(validation.images.features), validation.labels)
        if score > best_score:
            best, best_score = predictor(logits, asdict(candidate)), score
    assert best is not None
    return best


def predictor(logits: Logits, chosen: dict[str, Any]) -> Predictor:
    """A predictor that needs nothing of images but their features."""

    @torch.no_grad()
    def logits_of_images(images: Images) -> torch.Tensor:
        return logits(images.features).float()

    return Predictor(logits_of_images, chosen)

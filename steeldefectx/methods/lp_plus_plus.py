"""LP++: class weights are image prototypes plus a learnt multiple of the class's text (Huang et al. 2024)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from steeldefectx.methods.feature_space import all_views, class_sums, unit
from steeldefectx.methods.interface import Predictor, Task, override
from steeldefectx.methods.selection import accuracy, predictor

STEPS_PER_ALPHA = 10
"""After so many steps of the prototypes there is one of the multipliers, and a look at the validation images."""
MOMENTUM = 0.9
ALPHA_START = 250
"""Factor on the mean cosine of images with their class's text, from the authors' code."""


@dataclass(frozen=True)
class LpPlusPlusConfig:
    """Settings of LP++."""

    steps: int = 300
    """Of the prototypes; where validation images say so, fewer."""


@dataclass(frozen=True)
class State:
    """What is learnt: logits are ``f . (w_c + alpha_c t_c)``."""

    w: torch.Tensor
    """(C, D)."""
    alpha: torch.Tensor
    """(C,)."""

    def weights(self, texts: torch.Tensor) -> torch.Tensor:
        """Class weights (C, D)."""
        return self.w + self.alpha[:, None] * texts


def fit(task: Task) -> Predictor:
    """Block coordinate majorize-minimize descent with step sizes from the data: 1 / (Lipschitz constant) each.

    "LP++: A Surprisingly Strong Linear Probe for Few-Shot CLIP", eqs. 7 to 15, and the authors' code. Rows are the
    images with all their views (the code: one varied view of each); prototypes start at sums over images of the mean
    over views. As in the code: momentum 0.9, one multiplier step in ten, the multipliers' step at a sixteenth of
    1 / (Lipschitz constant), one starting value for all multipliers. Deviations: no bias; the multipliers' gradient is
    a fresh one in each step, where the code lets it add up; a negative starting value becomes 0. Validation images
    choose when to stop, the latest of equally good steps; without them it is the last.
    """
    rows, labels, weight = all_views(task.shots)
    texts = task.classes.embeddings
    best_weights, best_step, best_score = texts, 0, -1.0
    for step, state in descent(unit(rows), labels, weight, texts, override(LpPlusPlusConfig(), task).steps):
        weights, score = state.weights(texts), 0.0
        if task.validation is not None and len(task.validation):
            score = accuracy(unit(task.validation.images.features) @ weights.T, task.validation.labels)
        if score >= best_score:
            best_weights, best_step, best_score = weights, step, score
    return predictor(lambda features: unit(features) @ best_weights.T, {"steps": best_step})


def descent(
    f: torch.Tensor, labels: torch.Tensor, weight: float, texts: torch.Tensor, steps: int
) -> Iterator[tuple[int, State]]:
    """The steps taken and the state, after each step of the multipliers and at the end. Arguments: as below."""
    state = initial(f, labels, weight, texts)
    step_w, step_alpha = step_sizes(f, texts)
    velocity = torch.zeros_like(state.w)
    for step in range(1, steps + 1):
        gradient_w, gradient_alpha = gradients(state, f, labels, texts)
        velocity = MOMENTUM * velocity + gradient_w
        state = replace(state, w=state.w - step_w * velocity)
        if step % STEPS_PER_ALPHA == 0:
            state = replace(state, alpha=state.alpha - step_alpha * gradient_alpha)
        if step % STEPS_PER_ALPHA == 0 or step == steps:
            yield step, state


def initial(f: torch.Tensor, labels: torch.Tensor, weight: float, texts: torch.Tensor) -> State:
    """Approximate minimum that the descent starts from (eqs. 14 and 15).

    Args:
        f: (N, D) unit-length features.
        labels: (N,).
        weight: Of a row; the rows of an image add up to 1.
        texts: (C, D) unit-length embeddings of the classes.
    """
    w = weight * class_sums(f, labels, len(texts))
    cosine = (f * texts[labels]).sum(1)
    sums = class_sums(cosine[:, None], labels, len(texts))[:, 0]
    counts = labels.bincount(minlength=len(texts))
    alpha = ALPHA_START * (sums[counts > 0] / counts[counts > 0]).mean().clamp(min=0)
    return State(w, alpha.expand(len(texts)).clone())


def step_sizes(f: torch.Tensor, texts: torch.Tensor) -> tuple[float, float]:
    """Steps for prototypes and multipliers (eqs. 10 and 11): ``4N / lambda_max(F'F)``, ``N / (4 max_c |F t_c|^2)``.

    Args:
        f: (N, D) unit-length features.
        texts: (C, D) unit-length embeddings of the classes.
    """
    largest = torch.linalg.matrix_norm(f, ord=2).item() ** 2
    projected = (f @ texts.T).square().sum(0).max().item()
    return 4 * len(f) / largest, len(f) / (4 * max(projected, 1e-12))


def gradients(
    state: State, f: torch.Tensor, labels: torch.Tensor, texts: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients (C, D) and (C,) of the mean cross-entropy over rows, by prototypes and multipliers."""
    residual = (f @ state.weights(texts).T).softmax(1)
    residual[torch.arange(len(f)), labels] -= 1
    gradient = residual.T @ f / len(f)
    return gradient, (gradient * texts).sum(1)

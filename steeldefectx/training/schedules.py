"""Learning rates over the steps of a run."""

from __future__ import annotations

import math

from steeldefectx.training.config import TrainConfig


def learning_rate(step: int, per_epoch: int, config: TrainConfig) -> float:
    """The learning rate of a step 0, 1, ...: linear rise over the warm-up, then as ``schedule`` says.

    ``constant``; ``cosine``: half a cosine to 0; ``step``: a tenth every ``step_epochs`` epochs.
    """
    steps = config.epochs * per_epoch
    warmup = warmup_steps(config.warmup, steps)
    if step < warmup:
        return linear_rise(step, warmup, config.lr)
    if config.schedule == "cosine":
        return config.lr * half_cosine(step - warmup, steps - warmup)
    if config.schedule == "step":
        return config.lr * 0.1 ** (step // per_epoch // config.step_epochs)
    return config.lr


def warmup_steps(share: float, steps: int) -> int:
    """Whole steps of a warm-up over a share of all steps: a broken one counts as one, as in ``transformers``."""
    return math.ceil(round(share * steps, 6))  # 0.07 * 100 is 7.000000000000001


def linear_rise(step: int, steps: int, peak: float = 1.0) -> float:
    """Equal rises, of which the last of ``steps`` reaches the peak."""
    return peak * (step + 1) / steps


def half_cosine(step: int, steps: int) -> float:
    """From 1 at step 0 to 0 at step ``steps`` (Loshchilov & Hutter 2017, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))

"""Tip-Adapter: the few shots as a cache of keys and values, beside the texts (Zhang et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.nn.functional import cross_entropy, one_hot

from steeldefectx.methods.feature_space import unit
from steeldefectx.methods.interface import Examples, Predictor, Task, override
from steeldefectx.methods.selection import predictor
from steeldefectx.methods.zero_shot import text_logits

ALPHA_RANGE, ALPHA_STEPS = (0.1, 50.0), 20
BETA_RANGE, BETA_STEPS = (0.1, 50.0), 200
BATCH = 256


@dataclass(frozen=True)
class TipAdapterConfig:
    """Settings of Tip-Adapter; the paper's by default."""

    alpha: float = 1.0
    """Weight of the cache."""
    beta: float = 5.5
    """Its sharpness."""


@dataclass(frozen=True)
class TipAdapterFConfig(TipAdapterConfig):
    """Settings of Tip-Adapter-F; the paper's by default."""

    epochs: int = 20
    lr: float = 1e-3


@dataclass(frozen=True)
class Cache:
    """K few-shot images as keys, their classes as values."""

    keys: torch.Tensor
    """(K, D), unit length until they are fine-tuned."""
    values: torch.Tensor
    """(K, C) float32, one-hot."""
    alpha: float
    beta: float

    def logits(self, task: Task, features: torch.Tensor) -> torch.Tensor:
        """``scale f W + alpha exp(-beta (1 - f K)) V`` (N, C), of features (N, D), not normalized."""
        affinity = unit(features) @ self.keys.T
        return text_logits(task, features) + self.alpha * (self.beta * affinity - self.beta).exp() @ self.values


def fit_tip_adapter(task: Task) -> Predictor:
    """Without training. Keys are the mean over an image's views (over the image itself where there are none).

    The model's own logit scale stands for the paper's 100, which is CLIP's. Validation images choose alpha and beta
    from a 20 x 200 grid, in the authors' order; the ranges are wider, as the classes' texts may be of little use.
    """
    cache = searched(task, build_cache(task, override(TipAdapterConfig(), task)))
    return _predictor(task, cache)


def fit_tip_adapter_f(task: Task) -> Predictor:
    """Tip-Adapter-F: the keys are fine-tuned by cross-entropy, with AdamW and a cosine schedule for 20 epochs.

    An epoch sees the next view of each image. Deviations: the alpha and beta to train with come from a search like
    Tip-Adapter's where the authors set them by data set; there is another search afterwards, as in the paper. The keys
    of the last epoch are taken (the authors' code takes the epoch that is best on the test images).
    """
    settings = override(TipAdapterFConfig(), task)
    cache = searched(task, build_cache(task, settings))
    return _predictor(task, searched(task, replace(cache, keys=tuned_keys(task, cache, settings))))


def _predictor(task: Task, cache: Cache) -> Predictor:
    return predictor(
        lambda features: cache.logits(task, features), {"alpha": round(cache.alpha, 4), "beta": round(cache.beta, 4)}
    )


def build_cache(task: Task, settings: TipAdapterConfig) -> Cache:
    """The cache before training."""
    keys = unit(_views(task.shots).mean(0))
    values = one_hot(task.shots.labels, len(task.classes.names)).float()
    return Cache(keys, values, settings.alpha, settings.beta)


def _views(examples: Examples) -> torch.Tensor:
    """(V, N, D), V at least 1."""
    return examples.views if len(examples.views) else examples.images.features[None]


def tuned_keys(task: Task, cache: Cache, settings: TipAdapterFConfig) -> torch.Tensor:
    """Keys (K, D) after training; the values stay."""
    views, labels = _views(task.shots), task.shots.labels
    generator = torch.Generator().manual_seed(task.seed)
    keys = cache.keys.clone().requires_grad_()
    cache = replace(cache, keys=keys)
    optimizer = torch.optim.AdamW([keys], settings.lr, eps=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs * -(-len(labels) // BATCH))
    for epoch in range(settings.epochs):
        for batch in torch.randperm(len(labels), generator=generator).split(BATCH):
            loss = cross_entropy(cache.logits(task, views[epoch % len(views), batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return keys.detach()


def searched(task: Task, cache: Cache) -> Cache:
    """The cache with the alpha and beta that are most accurate on the validation images, if there are any.

    One that the task's settings name is not searched.
    """
    if task.validation is None or not len(task.validation):
        return cache
    features, labels = task.validation.images.features, task.validation.labels
    alphas = steps(ALPHA_RANGE, ALPHA_STEPS) if "alpha" not in task.settings else torch.tensor([cache.alpha])
    betas = steps(BETA_RANGE, BETA_STEPS) if "beta" not in task.settings else torch.tensor([cache.beta])
    correct = grid(text_logits(task, features), unit(features) @ cache.keys.T, cache.values, labels, alphas, betas)
    first = int(correct.argmax())  # betas are the authors' outer loop: the first best in their order
    return replace(cache, alpha=alphas[first % len(alphas)].item(), beta=betas[first // len(alphas)].item())


def steps(ends: tuple[float, float], n: int) -> torch.Tensor:
    """Equidistant values, n of them, from the first end on, without the second, as in the authors' code."""
    low, high = ends
    return torch.tensor([low + i * (high - low) / n for i in range(n)])


def grid(
    text: torch.Tensor,
    affinity: torch.Tensor,
    values: torch.Tensor,
    labels: torch.Tensor,
    alphas: torch.Tensor,
    betas: torch.Tensor,
) -> torch.Tensor:
    """How many images each alpha and beta gets right: what loops over both count, to the last bit.

    The cache's part is computed once a beta. An image is right if its class's logit is above those of the classes
    before and not below those after (argmax takes the first of equals). For the images of one class these are two
    maxima over contiguous memory, for all alphas at once, small enough for the processor's cache.

    Args:
        text: (N, C) text logits.
        affinity: (N, K) products with the keys.
        values: (K, C).
        labels: (N,).
        alphas: (A,).
        betas: (B,).

    Returns:
        (B, A) int64.
    """
    order = labels.argsort(stable=True)
    ends = labels.bincount(minlength=values.shape[1]).cumsum(0).tolist()
    spans = [
        (c, slice(start, end)) for c, (start, end) in enumerate(zip([0, *ends], ends, strict=False)) if end > start
    ]
    affinity, text = affinity[order], text[order].T.contiguous()
    kernel = torch.empty_like(affinity)
    correct = torch.zeros(len(betas), len(alphas), dtype=torch.int64)
    for row, beta in zip(correct, betas.tolist(), strict=True):
        torch.mul(affinity, beta, out=kernel)
        cached = (kernel.sub_(beta).exp_() @ values).T.contiguous()
        for c, span in spans:
            logits = (alphas[:, None, None] * cached[:, span]).add_(text[:, span])  # (A, C, images of class c)
            right = torch.ones(len(alphas), logits.shape[2], dtype=torch.bool)
            if c > 0:
                right &= logits[:, c] > logits[:, :c].amax(1)
            if c < logits.shape[1] - 1:
                right &= logits[:, c] >= logits[:, c + 1 :].amax(1)
            row += right.sum(1)
    return correct

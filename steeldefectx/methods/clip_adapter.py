"""CLIP-Adapter on few shots (Gao et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from steeldefectx.methods.feature_space import all_views
from steeldefectx.methods.interface import Predictor, Task
from steeldefectx.methods.selection import Logits, choose
from steeldefectx.methods.zero_shot import text_logits
from steeldefectx.models.adapters import ClipAdapter

BATCH = 256


@dataclass(frozen=True)
class ClipAdapterConfig:
    """Settings of the adapter's training."""

    ratio: float = 0.2
    """Share of the adapted feature, as published."""
    lr: float = 1e-2
    steps: int = 200


CANDIDATES = [ClipAdapterConfig(ratio, lr) for lr in (1e-2, 1e-3) for ratio in (0.2, 0.6)]


def fit(task: Task) -> Predictor:
    """A bottleneck on the image features, trained by cross-entropy over the classes' texts.

    Deviations: Adam with a cosine schedule on batches of all views, for a number of steps rather than of epochs;
    ratio, learning rate and steps are chosen on validation.
    """
    rows, labels, _ = all_views(task.shots)

    def train(settings: ClipAdapterConfig) -> Logits:
        generator = torch.Generator().manual_seed(task.seed)
        adapter = new_adapter(rows.shape[1], settings.ratio, task.seed)
        optimizer = torch.optim.Adam(adapter.parameters(), settings.lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
        for _ in range(settings.steps):
            batch = torch.randperm(len(rows), generator=generator)[:BATCH]
            loss = cross_entropy(text_logits(task, adapter(rows[batch])), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        return lambda features: text_logits(task, adapter(features))

    return choose(task, CANDIDATES, train)


def new_adapter(width: int, ratio: float, seed: int) -> ClipAdapter:
    """An adapter whose weights depend on the seed alone; torch's own random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ClipAdapter(width, ratio)

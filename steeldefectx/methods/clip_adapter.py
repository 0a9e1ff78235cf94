"""CLIP-Adapter on few shots (Gao et al. 2021)."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from steeldefectx.methods.common import Logits, all_views, choose
from steeldefectx.methods.interface import Predictor, Task
from steeldefectx.methods.zero_shot import text_logits
from steeldefectx.models.adapters import ClipAdapter

BATCH = 256
CANDIDATES = [
    {"ratio": 0.2, "lr": 1e-3, "steps": 200},
    {"ratio": 0.2, "lr": 1e-2, "steps": 200},
    {"ratio": 0.6, "lr": 1e-3, "steps": 200},
    {"ratio": 0.6, "lr": 1e-2, "steps": 200},
]


def fit(task: Task) -> Predictor:
    """A bottleneck on the image features, trained by cross-entropy over the classes' texts.

    Deviations: Adam with a cosine schedule on batches of all views, for a number of steps rather than of epochs;
    ratio, learning rate and steps are chosen on validation.
    """
    rows, labels, _ = all_views(task.shots)

    def train(ratio: float, lr: float, steps: int) -> Logits:
        generator = torch.Generator().manual_seed(task.seed)
        adapter = new_adapter(rows.shape[1], ratio, task.seed)
        optimizer = torch.optim.Adam(adapter.parameters(), lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            batch = torch.randperm(len(rows), generator=generator)[:BATCH]
            loss = cross_entropy(text_logits(task, adapter(rows[batch])), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        return lambda features: text_logits(task, adapter(features))

    return choose(CANDIDATES, train, task.validation)


def new_adapter(width: int, ratio: float, seed: int) -> ClipAdapter:
    """An adapter whose weights depend on the seed alone; torch's own random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ClipAdapter(width, ratio)

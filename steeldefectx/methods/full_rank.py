"""Full-rank tuning: the image tower's own weights and a linear classifier, by plain cross-entropy.

Today's strong baseline: with few images it beats low-rank and prompt tuning, if it starts well. First a linear
probe is fitted on the frozen tower's features of the images and their varied views; then the probe and the tower are
trained together, the tower at a lower learning rate (LP-FT, Kumar et al. 2022). Texts are not used, so every text level
gives the same classifier.

Trained are the upper blocks of a transformer's image tower and what follows them; the lower ones cost half
of the time. Other towers are trained whole. Settings were chosen on part of the training images of NEU and
X-SDD; validation images of the task are not used.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from steeldefectx.methods.feature_space import all_views, softmax_regression
from steeldefectx.methods.interface import Predictor, Task, override
from steeldefectx.methods.tower_tuning import batches, copy_of_model, in_batches, varied
from steeldefectx.models.clip import Clip
from steeldefectx.training.schedules import half_cosine, linear_rise, warmup_steps

IMAGE_TOWER = ("vision_model.", "visual_projection.")
"""How names of its weights begin."""
BLOCK = re.compile(r"vision_model\.encoder\.layers\.(\d+)\.")
"""Names of weights in a transformer's blocks."""
BELOW_BLOCKS = ("vision_model.embeddings.", "vision_model.pre_layrnorm.")  # transformers' own spelling
WARMUP = 0.1
"""Share of the steps in which the learning rates rise to their peaks."""
MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class FullRankConfig:
    """Settings of our own."""

    steps: int = 100
    batch_size: int = 32
    lr: float = 3e-4
    """Of the tower."""
    head_lr: float = 1e-3
    """Of the classifier."""
    frozen: float = 0.5
    """Share of a transformer's blocks, from the bottom, that stay as they are."""
    ridge: float = 10.0
    """Of the probe; scikit-learn's 1 / C."""
    start: float = 0.2
    """Factor on the probe's weights where tuning starts: with less sure a classifier there is more for it to learn."""


class Classifier(nn.Module):
    """Pixels to logits: the image tower, its features standardized, a linear layer.

    Args:
        clip: The model; its ``model`` becomes a part of this.
        features: (N, D) of training images: their mean and deviation standardize.
        classes: How many.
    """

    def __init__(self, clip: Clip, features: torch.Tensor, classes: int):
        super().__init__()
        self.clip = clip
        self.tower = clip.model
        self.head = nn.Linear(features.shape[1], classes)
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("deviation", features.std(0, correction=0).clamp(min=1e-6))

    def standardized(self, features: torch.Tensor) -> torch.Tensor:
        """Features (N, D) with mean 0 and deviation 1 on the training images."""
        return (features - self.mean) / self.deviation

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels 0..255 (N, 3, H, W) -> logits (N, C)."""
        return self.head(self.standardized(self.clip.encode_images(pixels)))


def fit(task: Task) -> Predictor:
    """Probe, then tune.

    Returns:
        A predictor that takes pixels.

    Raises:
        ConfigError: No model or no pixels, or an unknown setting.
    """
    settings, clip = override(FullRankConfig(), task), copy_of_model(task, "full-rank")
    device = clip.model.logit_scale.device
    rows, labels, weight = all_views(task.shots)
    model = Classifier(clip, rows, len(task.classes.names))
    _probe(model, rows, labels, weight, settings)
    model.to(device)
    _tune(model, task, settings)
    return Predictor(lambda images: in_batches(images, model, device), asdict(settings))


def _probe(
    model: Classifier, rows: torch.Tensor, labels: torch.Tensor, weight: float, settings: FullRankConfig
) -> None:
    """Logistic regression into the linear layer; each image counts once, however many views it has."""
    known = model.standardized(rows)
    with_bias = torch.cat([known, torch.ones(len(known), 1)], dim=1)
    start = torch.zeros(len(model.head.bias), with_bias.shape[1])
    weights = settings.start * softmax_regression(
        with_bias, labels, torch.full((len(labels),), weight), start, settings.ridge
    )
    with torch.no_grad():
        model.head.weight.copy_(weights[:, :-1])
        model.head.bias.copy_(weights[:, -1])


def trained_weights(clip: Clip, frozen: float) -> list[nn.Parameter]:
    """Weights of the image tower and its projection, without a transformer's lower blocks and what is below them.

    Args:
        clip: The model.
        frozen: Share of the blocks, 0..1, that is left out. 0 leaves nothing out.
    """
    tower = [(name, weight) for name, weight in clip.model.named_parameters() if name.startswith(IMAGE_TOWER)]
    blocks = {name: int(block[1]) for name, _ in tower if (block := BLOCK.match(name))}
    depth = max(blocks.values(), default=-1) + 1
    first = round(frozen * depth)
    place = {name: 0 if name.startswith(BELOW_BLOCKS) else blocks.get(name, depth) for name, _ in tower}
    return [weight for name, weight in tower if place[name] >= first]


def _tune(model: Classifier, task: Task, settings: FullRankConfig) -> None:
    weights = trained_weights(model.clip, settings.frozen)
    head = list(model.head.parameters())
    model.requires_grad_(False)
    for weight in [*weights, *head]:
        weight.requires_grad_(True)
    optimizer = torch.optim.Adam([{"params": weights, "lr": settings.lr}, {"params": head, "lr": settings.head_lr}])
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_share_of_peak, steps=settings.steps))
    rng, device = np.random.default_rng(task.seed), weights[0].device
    for rows in batches(len(task.shots), settings.batch_size, settings.steps, rng):
        pixels = varied(task.shots.images, rows, "geometric", rng).to(device)
        loss = nn.functional.cross_entropy(model(pixels), task.shots.labels[rows].to(device))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*weights, *head], MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()


def _share_of_peak(step: int, steps: int) -> float:
    """Share of the peak learning rate: a linear rise, then half a cosine to 0."""
    warmup = warmup_steps(WARMUP, steps)
    # The peak is the cosine's first step, not the warm-up's last.
    return linear_rise(step, warmup + 1) if step < warmup else half_cosine(step - warmup, steps - warmup)

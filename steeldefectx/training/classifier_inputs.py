"""What a step of an image classifier takes, and its loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from steeldefectx.features.augmentation import AnyVariation, draw_variation, vary_light, vary_shape
from steeldefectx.features.pixels import PixelStore
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.training.inputs import Batch, Forward, pinned


class Scores(NamedTuple):
    """What a loss is computed of."""

    logits: torch.Tensor
    """(n, C)."""
    targets: torch.Tensor
    """(n, C) probabilities of the classes."""


class Drawn(NamedTuple):
    """What varies a batch of n images."""

    variation: AnyVariation | None
    share: np.ndarray | None
    """(n,) float32, 0..1: mixup's share of the image itself; None: nothing is mixed."""


@dataclass
class ClassifierInputs:
    """Pixels and labels of C classes.

    Mixup (Zhang et al. 2018): each image is blended with another one of its process's share of the batch, as are their
    targets, in a proportion drawn from Beta(alpha, alpha).
    """

    images: PixelStore
    classes: int
    augmentation: str
    mixup: float
    """alpha; 0: nothing is mixed."""
    device: torch.device

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        """How n images are varied and mixed."""
        variation = draw_variation(n, self.augmentation, rng)
        share = rng.beta(self.mixup, self.mixup, n).astype(np.float32) if self.mixup else None
        return Drawn(variation, share)

    def image_batch(self, indices: np.ndarray, drawn: Drawn, share: slice) -> tuple[torch.Tensor, Drawn]:
        """Pixels of some images; what the device does better is left to it."""
        variation = None if drawn.variation is None else drawn.variation.part(share)
        mine = Drawn(variation, None if drawn.share is None else drawn.share[share])
        return pinned(vary_shape(self.images.batch(indices), variation), self.device), mine

    def to_device(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch's varied and mixed images and its targets (n, C), where they are used."""
        pixels, drawn = batch.images
        images = vary_light(pixels.to(self.device, non_blocking=True), drawn.variation)
        targets = F.one_hot(batch.labels.to(self.device), self.classes).float()
        if drawn.share is None:
            return images, targets
        # The other image: a batch is in random order, so its reverse is as good as any.
        share = torch.from_numpy(drawn.share).to(self.device)[:, None]
        mixed = torch.lerp(images.flip(0), images, share[:, :, None, None])
        return mixed, torch.lerp(targets.flip(0), targets, share)

    @staticmethod
    def parts(images: torch.Tensor, targets: torch.Tensor, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """A batch in parts, at most as many as it has images."""
        return list(zip(images.chunk(count), targets.chunk(count), strict=True))


class ClassifierForward(Forward):
    """Pixels to logits, and cross-entropy.

    Args:
        classifier: Its model is trained.
        label_smoothing: Share of every target that is spread over all classes (Szegedy et al. 2016).
    """

    trains_towers = True
    separable = True

    def __init__(self, classifier: ImageClassifier, label_smoothing: float = 0.0):
        super().__init__()
        self.classifier = classifier
        self.model = classifier.model
        self.label_smoothing = label_smoothing

    def forward(self, images: torch.Tensor, targets: torch.Tensor) -> Scores:
        """Logits of pixels 0..255 (n, C, H, W); targets (n, C) pass."""
        return Scores(self.classifier.logits(images), targets)

    def loss(self, outputs: Scores, batch: Batch, gather: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """Mean over the images of all processes."""
        logits, targets = gather(outputs.logits), gather(outputs.targets)
        return F.cross_entropy(logits.float(), targets, label_smoothing=self.label_smoothing)

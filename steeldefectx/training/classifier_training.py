"""An image classifier in training: what its steps take, its loss, how it is scored and saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.nn import functional as F

from steeldefectx.data.labelled import Data, Split
from steeldefectx.features.augmentation import AnyVariation, draw_variation, vary_light, vary_shape
from steeldefectx.features.logits import classifier_logits
from steeldefectx.features.pixels import PixelStore
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.image_classifier import ImageClassifier, new_classifier
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.trainable import Batch, Gather, TrainingModule, pinned
from steeldefectx.utils.results import Stopwatch


class ClassifierTraining:
    """An image classifier of the data's classes, all weights of which are trained.

    Args:
        config: All settings.
        data: All data; nothing but the class names is taken of the test split.
        train: The images to train on.
        accelerator: Of this process.
        dtype: Not used: what is trained is kept in fp32, and the accelerator mixes precisions.
        watch: Takes the times.

    Raises:
        ModelError: A model that cannot be loaded, or that cannot take images of that size.
    """

    text_bank = None

    def __init__(
        self,
        config: TrainConfig,
        data: Data,
        train: Split,
        accelerator: Accelerator,
        dtype: torch.dtype,
        watch: Stopwatch,
    ):
        self.device = accelerator.device
        with watch("load_model"):
            set_seed(config.seed)
            self.classifier = new_classifier(config.model, data.classes, config.image_size)
            self.classifier.to(self.device)
        with accelerator.main_process_first(), watch("prepare"):
            store = PixelStore(train, self.classifier)
        self.inputs = ClassifierInputs(store, len(data.classes), config.augmentation, config.mixup, self.device)
        self.module = ClassifierModule(self.classifier, config.label_smoothing)

    def held_out_logits(self, held_out: Split) -> torch.Tensor:
        """Logits (N, C) of held-out training images."""
        return classifier_logits(self.classifier, held_out, self.device)

    def test_logits(self, test: Split) -> torch.Tensor:
        """Logits (N, C) of the test images, after training."""
        return classifier_logits(self.classifier, test, self.device)

    def results(self) -> dict[str, Any]:
        """What ``results.json`` says of model and texts: there are none."""
        return {
            "model_revision": self.classifier.revision,
            "train_text": None,
            "test_text": None,
            "before_training": None,
            "encoded": {"images": 0, "texts": 0},
        }

    def save(self, folder: Path) -> None:
        """Write the checkpoint."""
        save_checkpoint(self.classifier, None, folder)


class Drawn(NamedTuple):
    """How the n images of a batch are varied and mixed."""

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
        """Pixels of some images, cropped and mirrored; the rest is left to the device."""
        variation = None if drawn.variation is None else drawn.variation.part(share)
        of_these = Drawn(variation, None if drawn.share is None else drawn.share[share])
        return pinned(vary_shape(self.images.batch(indices), variation), self.device), of_these

    def text_batch(self, rows: np.ndarray) -> None:
        """There are no texts."""

    def to_device(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch's varied and mixed images and its targets (n, C)."""
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


class Logits(NamedTuple):
    """What the loss is computed of."""

    logits: torch.Tensor
    """(n, C)."""
    targets: torch.Tensor
    """(n, C) probabilities of the classes."""


class ClassifierModule(TrainingModule):
    """Pixels to logits, and cross-entropy.

    Args:
        classifier: Its model is trained.
        label_smoothing: Share of every target that is spread over all classes (Szegedy et al. 2016).
    """

    trains_model = True
    loss_is_mean_over_images = True

    def __init__(self, classifier: ImageClassifier, label_smoothing: float = 0.0):
        super().__init__()
        self.classifier = classifier
        self.model = classifier.model
        self.label_smoothing = label_smoothing

    def forward(self, images: torch.Tensor, targets: torch.Tensor) -> Logits:
        """Logits of pixels 0..255 (n, C, H, W); targets (n, C) pass."""
        return Logits(self.classifier.logits(images), targets)

    def loss(self, outputs: Logits, batch: Batch, gather: Gather) -> torch.Tensor:
        """Mean over the images of all processes."""
        logits, targets = gather(outputs.logits), gather(outputs.targets)
        return F.cross_entropy(logits.float(), targets, label_smoothing=self.label_smoothing)

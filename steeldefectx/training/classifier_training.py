"""An image classifier in training: what the loop takes of it, and how it is scored and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from steeldefectx.data.labelled import Data, Split
from steeldefectx.features.logits import classifier_logits
from steeldefectx.features.pixels import PixelStore
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.image_classifier import new_classifier
from steeldefectx.training.classifier_inputs import ClassifierForward, ClassifierInputs
from steeldefectx.training.config import TrainConfig
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

    bank = None

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
        self.module = ClassifierForward(self.classifier, config.label_smoothing)

    def held_out_logits(self, held_out: Split) -> torch.Tensor:
        """Logits (N, C) of held-out images."""
        return classifier_logits(self.classifier, held_out, self.device)

    def test_logits(self, test: Split) -> torch.Tensor:
        """Logits (N, C) of the test images, once all is trained."""
        return classifier_logits(self.classifier, test, self.device)

    def results(self) -> dict[str, Any]:
        """What ``results.json`` says of texts and towers: there are none."""
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

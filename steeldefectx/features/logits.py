"""Logits of a split's images: by their similarity with the classes' texts, or by an image classifier."""

from __future__ import annotations

import numpy as np
import torch

from steeldefectx.data.labelled import Split
from steeldefectx.features.encoding import BATCH, Features
from steeldefectx.features.pixels import PixelStore
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.utils.prefetch import prefetch


@torch.inference_mode()
def class_logits(features: Features, split: Split, prompts: list[list[str]]) -> torch.Tensor:
    """Logits (N images, C classes) float32 on the CPU: scaled cosines with the classes' texts."""
    images, classes = (
        features.images(split).to(features.device),
        features.classes(prompts).to(features.device),
    )
    return features.clip.logits(images, classes).float().cpu()


@torch.inference_mode()
def classifier_logits(classifier: ImageClassifier, split: Split, device: torch.device) -> torch.Tensor:
    """Logits (N images, C classes) float32 on the CPU, of an image classifier."""
    store = PixelStore(split, classifier)
    logits = [torch.empty(0, len(classifier.classes))]
    for pixels in prefetch(store.batch, np.split(np.arange(len(split)), range(BATCH, len(split), BATCH))):
        logits.append(classifier.logits(pixels.to(device)).float().cpu())
    return torch.cat(logits)

"""A trained checkpoint, used: images in, classes with probabilities out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from accelerate import PartialState
from PIL import Image
from torch.nn import functional as F

from steeldefectx.errors import ModelError
from steeldefectx.models.clip import Clip
from steeldefectx.models.vision import ImageClassifier
from steeldefectx.training.checkpoint import load_checkpoint

BATCH = 32


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one image, best first."""

    labels: list[str]
    probabilities: list[float]


class SteelDefectClassifier:
    """Tells the class of a defect image.

    >>> classifier = SteelDefectClassifier.from_pretrained("runs/latest")    # doctest: +SKIP
    >>> classifier.predict([Image.open("strip.jpg")])[0].labels[0]           # doctest: +SKIP
    'Crazing'
    """

    def __init__(self, model: Clip | ImageClassifier, classes: dict[str, list[str]], device: torch.device):
        """Args: the model; class name -> the texts a CLIP recognizes it by; where to compute."""
        self.model = model
        self.classes = list(classes)
        self.device = device
        model.to(device)
        if isinstance(model, Clip):
            model.report_cut([text for texts in classes.values() for text in texts], "class")
            self._embeddings = torch.stack([self._embed(model, texts) for texts in classes.values()])

    @classmethod
    def from_pretrained(cls, name: str) -> SteelDefectClassifier:
        """Load a checkpoint.

        Args:
            name: Output folder of a run, or Hub id.

        Raises:
            ModelError: No checkpoint that can be loaded, or a model that has not been trained on any classes.
        """
        model, classes = load_checkpoint(name)
        if classes is None:
            raise ModelError(f"{name} has no classes: only a checkpoint written by train.py can predict.")
        return cls(model, classes, PartialState().device)

    @torch.inference_mode()
    def _embed(self, clip: Clip, texts: list[str]) -> torch.Tensor:
        """Unit-length embedding (D,) of a class: the mean over its texts."""
        parts = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
        features = torch.cat([clip.encode_texts(clip.tokenize(p).to(self.device)) for p in parts])
        return F.normalize(clip.embed_texts(features).mean(0), dim=-1)

    def predict(self, images: Iterable[Image.Image | str | Path], top_k: int = 5) -> Iterator[Prediction]:
        """Predict images one after the other, in batches; memory does not grow with their number.

        Args:
            images: Pillow images or paths.
            top_k: How many classes to name for each.

        Raises:
            OSError: A file that is no readable image.
        """
        images = iter(images)
        while batch := list(islice(images, BATCH)):
            yield from self._predict_batch(batch, min(top_k, len(self.classes)))

    @torch.inference_mode()
    def _predict_batch(self, batch: list[Image.Image | str | Path], top_k: int) -> list[Prediction]:
        pixels = torch.stack([torch.from_numpy(self.model.to_pixels(_open(image))) for image in batch])
        probabilities, labels = self._logits(pixels.to(self.device)).softmax(-1).topk(top_k)
        return [
            Prediction([self.classes[i] for i in row], [float(p) for p in values])
            for row, values in zip(labels.tolist(), probabilities.tolist(), strict=True)
        ]

    def _logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (N, 3, H, W) to logits (N, C)."""
        if isinstance(self.model, ImageClassifier):
            return self.model.logits(pixels)
        return self.model.logits(self.model.encode_images(pixels), self._embeddings)


def _open(image: Image.Image | str | Path) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    with Image.open(image) as opened:
        opened.load()
        return opened

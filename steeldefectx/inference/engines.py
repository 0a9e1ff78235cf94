"""What computes a classifier's logits: PyTorch, or ONNX Runtime for a model that was exported."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from accelerate import PartialState
from PIL import Image
from torch.nn import functional as F

from steeldefectx.errors import ModelError
from steeldefectx.models.clip import Clip
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.models.peft_adapters import merge

BATCH = 32


class Engine(Protocol):
    """Images to logits."""

    classes: list[str]
    """Names of the C classes, in the order of the logits."""

    def to_pixels(self, image: Image.Image) -> np.ndarray:
        """Resize and crop an image as the model wants it: uint8 (3, H, W)."""

    def learn_grey_levels(self, images: Iterable[Image.Image]) -> None:
        """Take over what the grey levels of more than 8 bits are, from a sample of them; see :class:`Preprocessing`."""

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels, uint8 (N, 3, H, W), to logits (N, C) float32."""

    def fingerprint(self) -> str:
        """A hash of weights, preprocessing and classes: all that logits depend on beside the pixels."""

    def with_texts(self, texts: Mapping[str, Sequence[str]]) -> Engine:
        """The same model for other classes, each recognized by its texts.

        Raises:
            ModelError: A model that takes no texts.
        """


class TorchEngine:
    """A model in PyTorch, on the GPU where there is one; in fp32, as a run scores its test images.

    Args:
        model: The model; of a CLIP with PEFT's weights a copy with them merged is used, which is faster.
        classes: Class name -> the texts a CLIP recognizes it by; without texts those of an image classifier.

    Raises:
        ModelError: Texts for an image classifier.
    """

    def __init__(self, model: Clip | ImageClassifier, classes: Mapping[str, Sequence[str]]):
        self.device = PartialState().device
        self.model = merge(model) if isinstance(model, Clip) else model
        self.model.to(self.device)
        self._set_classes(classes)

    def _set_classes(self, classes: Mapping[str, Sequence[str]]) -> None:
        if isinstance(self.model, ImageClassifier) and any(classes.values()):
            raise ModelError(
                f"{self.model.name} is an image classifier: it tells {len(self.model.classes)} classes of its own "
                "apart and takes no texts. Give texts to a CLIP."
            )
        self.classes = list(classes)
        if isinstance(self.model, Clip):
            self.model.report_cut([text for texts in classes.values() for text in texts], "class")
            self.class_embeddings = torch.stack([self._embed(self.model, texts) for texts in classes.values()])
            """(C, D), of unit length."""

    def with_texts(self, texts: Mapping[str, Sequence[str]]) -> TorchEngine:
        """The same model for other classes; see :class:`Engine`."""
        other = copy.copy(self)
        other._set_classes(texts)
        return other

    @torch.inference_mode()
    def _embed(self, clip: Clip, texts: Sequence[str]) -> torch.Tensor:
        """Unit-length embedding (D,) of a class: the mean over its texts."""
        parts = [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]
        features = torch.cat([clip.encode_texts(clip.tokenize(p).to(self.device)) for p in parts])
        return F.normalize(clip.embed_texts(features).mean(0), dim=-1)

    def fingerprint(self) -> str:
        """A hash of weights, preprocessing and classes; see :class:`Engine`."""
        settings = [self.classes, self.model.image_processor.to_json_string()]
        digest = hashlib.sha256(json.dumps(settings).encode())
        weights = self.model.model.state_dict()
        if isinstance(self.model, Clip):
            weights["class embeddings"] = self.class_embeddings
            if self.model.adapter is not None:
                weights |= {f"adapter {name}": tensor for name, tensor in self.model.adapter.state_dict().items()}
        for name, tensor in weights.items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def to_pixels(self, image: Image.Image) -> np.ndarray:
        """Resize and crop an image; see :class:`Engine`."""
        return self.model.to_pixels(image)

    def learn_grey_levels(self, images: Iterable[Image.Image]) -> None:
        """Take over what the grey levels of more than 8 bits are; see :class:`Engine`."""
        self.model.learn_grey_levels(images)

    @torch.inference_mode()
    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels, uint8 (N, 3, H, W), to logits (N, C) float32."""
        batch = torch.from_numpy(pixels).to(self.device).contiguous(memory_format=torch.channels_last)
        if isinstance(self.model, ImageClassifier):
            return self.model.logits(batch).float().cpu().numpy()
        return self.model.logits(self.model.encode_images(batch), self.class_embeddings).float().cpu().numpy()

"""CLIPs with their losses: over features of frozen towers, or with towers that are trained."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

from steeldefectx.models.clip import Clip, class_embeddings
from steeldefectx.models.peft_adapters import keep_batch_statistics
from steeldefectx.training.losses import class_prompts_loss, contrastive_loss, same_text_loss, siglip_loss
from steeldefectx.training.trainable import Batch, Gather, TrainingModule

MAX_LOGIT_SCALE = math.log(100)
"""CLIP's own bound (Radford et al. 2021)."""


class Embeddings(NamedTuple):
    """What a loss over image-text pairs is computed of."""

    image: torch.Tensor
    """(N, D) unit-length embeddings of images."""
    text: torch.Tensor
    """(M, D) unit-length embeddings of texts."""
    scale: torch.Tensor
    """Factor on their cosines."""
    bias: torch.Tensor | None
    """Added to the scaled cosines by the loss ``siglip``; None where the model has none and no loss asks for it."""


class ClipModule(TrainingModule):
    """Images and texts to embeddings, and the loss over them.

    Args:
        clip: The model.
        bias: Where the loss learns one.
        loss: Name in ``LOSSES``.
        class_counts: ``class-prompts``: how many texts each class has.
    """

    def __init__(
        self,
        clip: Clip,
        bias: torch.Tensor | None = None,
        loss: str = "contrastive",
        class_counts: list[int] | None = None,
    ):
        super().__init__()
        self.clip = clip
        self.adapter, self.text_adapter = clip.adapter, clip.text_adapter
        self.bias = bias
        self.loss_name, self.class_counts = loss, class_counts
        # SigLIP's is above CLIP's bound from the start.
        self.max_scale = max(MAX_LOGIT_SCALE, clip.model.logit_scale.item())

    def loss(self, outputs: Embeddings, batch: Batch, gather: Gather) -> torch.Tensor:
        """Over the pairs of all processes."""
        image, text, scale, bias = outputs
        image = gather(image)
        if self.class_counts is not None:
            labels = gather(batch.labels.to(image.device))
            return class_prompts_loss(image, class_embeddings(text, self.class_counts), labels, scale)
        text = gather(text[batch.text_of_image.to(text.device)])
        text_ids = gather(batch.text_ids.to(text.device))
        if self.loss_name == "siglip" and bias is not None:
            return siglip_loss(image, text, text_ids, scale, bias)
        return (same_text_loss if self.loss_name == "same-text" else contrastive_loss)(image, text, text_ids, scale)

    def after_step(self) -> None:
        """Keep the logit scale below its bound."""
        scale = self.clip.model.logit_scale
        if scale.requires_grad:
            with torch.no_grad():
                scale.clamp_(max=self.max_scale)


class FrozenTowers(ClipModule):
    """The trained part behind frozen towers: adapters, and a bias where the loss learns one."""

    trains_model = False

    def forward(self, images: torch.Tensor, texts: torch.Tensor) -> Embeddings:
        """Embeddings of image features (N, D) and text features (M, D)."""
        scale = self.clip.model.logit_scale.detach().exp().to(images.device)
        return Embeddings(self.clip.embed_images(images), self.clip.embed_texts(texts), scale, self.bias)


class TrainedTowers(ClipModule):
    """The towers themselves, and adapters behind them.

    Args:
        clip: The model; its towers are trained, or what PEFT has put on them.
        keep_statistics: Batch norms use and keep the base's statistics, see :func:`keep_batch_statistics`.
        settings: As for :class:`ClipModule`; ``bias`` may be a parameter of its own, or the model's.
    """

    trains_model = True

    def __init__(self, clip: Clip, keep_statistics: bool, **settings: Any):
        super().__init__(clip, **settings)
        self.model = clip.model
        self._no_split_modules = clip.model._no_split_modules  # by what Accelerate shards, where it does
        self.keep_statistics = keep_statistics

    def train(self, mode: bool = True) -> TrainedTowers:
        """Training mode, but for batch norms whose statistics are kept."""
        super().train(mode)
        if self.keep_statistics:
            keep_batch_statistics(self)
        return self

    def forward(self, images: torch.Tensor, texts: dict[str, torch.Tensor]) -> Embeddings:
        """Embeddings of pixels (N, 3, H, W) and the tokens of M texts."""
        image = self.clip.embed_images(self.clip.encode_images(images))
        text = self.clip.embed_texts(self.clip.encode_texts(texts))
        return Embeddings(image, text, self.clip.model.logit_scale.exp(), self.bias)

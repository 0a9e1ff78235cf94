"""What a step takes: for frozen towers features computed once, for trained towers pixels and tokens."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from steeldefectx.features.augmentation import AnyVariation, draw_variation, vary_light, vary_shape
from steeldefectx.features.pixels import PixelStore
from steeldefectx.models.clip import Clip, class_embeddings
from steeldefectx.training.losses import class_prompts_loss, contrastive_loss, same_text_loss, siglip_loss

MAX_LOGIT_SCALE = math.log(100)
"""CLIP's own bound (Radford et al. 2021)."""


def clauses(text: str) -> list[str]:
    """A text and its beginnings that end with a clause: each says less than the text, none anything else.

    >>> clauses("Crazing, a fine network, caused by uneven cooling.")
    ['Crazing, a fine network, caused by uneven cooling.', 'Crazing', 'Crazing, a fine network']
    """
    ends = [match.start() for match in re.finditer(r"[,;](?=\s)|(?<=[.!?])(?=\s)", text)]
    return [text, *(text[:end] for end in ends)]


class Embeddings(NamedTuple):
    """What a loss is computed of."""

    image: torch.Tensor
    """(N, D) unit-length embeddings of images."""
    text: torch.Tensor
    """(M, D) unit-length embeddings of texts."""
    scale: torch.Tensor
    """Factor on their cosines."""
    bias: torch.Tensor | None
    """Added to the scaled cosines by the loss ``siglip``; None where the model has none and no loss asks for it."""


@dataclass
class ClassPrompts:
    """Texts that stand for the classes in training, for the loss ``class-prompts``."""

    rows: np.ndarray
    """Where in ``TextBank.forms`` the texts are, one class after the other."""
    counts: list[int]
    """How many texts each class has."""


NONE = torch.empty(0, dtype=torch.int64)


@dataclass
class Batch:
    """A process's share of a batch: n images, and the m distinct texts they have, if any."""

    images: Any
    """What :meth:`image_batch` gave."""
    labels: torch.Tensor
    """(n,) int64: classes."""
    texts: Any = None
    """What :meth:`text_batch` gave for the distinct texts, or for those of all classes."""
    text_count: int = 0
    """m."""
    text_of_image: torch.Tensor = NONE
    """(n,) int64: position in ``texts``."""
    text_ids: torch.Tensor = NONE
    """(n,) int64: number of the text, equal where texts are the same, in every process."""


class TextBank:
    """The distinct training texts, each with the shortened forms it may take in training.

    Args:
        texts: One text an image, N of them.
        crop: Probability that a text is cut after one of its clauses.
    """

    def __init__(self, texts: Sequence[str], crop: float):
        distinct = list(dict.fromkeys(texts))
        number = {text: index for index, text in enumerate(distinct)}
        self.of_image = np.array([number[text] for text in texts])
        """(N,) number of each image's text."""
        forms = [clauses(text) if crop > 0 else [text] for text in distinct]
        self.forms: list[str] = [form for group in forms for form in group]
        """All forms of all texts, one after the other; the first of each text is the text itself."""
        self.first = np.cumsum([0, *(len(group) for group in forms)])
        self.crop = crop
        self.classes: ClassPrompts | None = None

    def add_classes(self, prompts: list[list[str]]) -> None:
        """Add the texts of all C classes; these are never cut."""
        texts = [text for group in prompts for text in group]
        rows = np.arange(len(self.forms), len(self.forms) + len(texts))
        self.forms = [*self.forms, *texts]
        self.classes = ClassPrompts(rows, [len(group) for group in prompts])

    def draw(self, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows of ``forms``, one for each text number: the text itself or, by chance, a cut one."""
        first, count = self.first[numbers], self.first[numbers + 1] - self.first[numbers]
        cut = (rng.random(len(numbers)) < self.crop) & (count > 1)
        return first + np.where(cut, 1 + (rng.random(len(numbers)) * (count - 1)).astype(int), 0)


@dataclass
class FrozenInputs:
    """Features of frozen towers: images (V views, N, D) and text forms (M, D)."""

    images: torch.Tensor
    texts: torch.Tensor
    device: torch.device

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """What varies n images: which view of each is taken."""
        return rng.integers(len(self.images), size=n)

    def image_batch(self, indices: np.ndarray, drawn: np.ndarray, share: slice) -> torch.Tensor:
        """Features of some images, of what was drawn for the whole batch a share."""
        return pinned(self.images[drawn[share], indices], self.device)

    def text_batch(self, rows: np.ndarray) -> torch.Tensor:
        """Features of some text forms."""
        return pinned(self.texts[rows], self.device)

    def to_device(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch's images and texts, where they are used."""
        return batch.images.to(self.device, non_blocking=True), batch.texts.to(self.device, non_blocking=True)

    @staticmethod
    def parts(images: torch.Tensor, texts: torch.Tensor, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """A batch in parts; one more than there are texts gets the first once more."""
        return [(images[i], texts[t]) for i, t in zip(_cut(len(images), count), _cut(len(texts), count), strict=True)]


@dataclass
class TowerInputs:
    """Pixels and tokens for towers that are trained."""

    images: PixelStore
    tokens: dict[str, torch.Tensor]
    augmentation: str
    device: torch.device

    def draw(self, n: int, rng: np.random.Generator) -> AnyVariation | None:
        """How n images are varied."""
        return draw_variation(n, self.augmentation, rng)

    def image_batch(
        self, indices: np.ndarray, drawn: AnyVariation | None, share: slice
    ) -> tuple[torch.Tensor, AnyVariation | None]:
        """Pixels of some images, cropped and mirrored; brightness and contrast are left to the device."""
        variation = None if drawn is None else drawn.part(share)
        return pinned(vary_shape(self.images.batch(indices), variation), self.device), variation

    def text_batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Tokens of some text forms, padded to the longest of them."""
        mask = self.tokens.get("attention_mask")  # none where the text tower reads the padding
        longest = None if mask is None else int(mask[rows].sum(1).max())
        return {key: pinned(value[rows, :longest], self.device) for key, value in self.tokens.items()}

    def to_device(self, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """A batch's varied images and its tokens, where they are used."""
        pixels, variation = batch.images
        images = vary_light(pixels.to(self.device, non_blocking=True), variation)
        return images, {key: value.to(self.device, non_blocking=True) for key, value in batch.texts.items()}

    @staticmethod
    def parts(
        images: torch.Tensor, texts: dict[str, torch.Tensor], count: int
    ) -> list[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
        """A batch in parts; one more than there are texts gets the first once more."""
        rows = _cut(len(texts["input_ids"]), count)
        cut = [{key: value[part] for key, value in texts.items()} for part in rows]
        return [(images[part], tokens) for part, tokens in zip(_cut(len(images), count), cut, strict=True)]


def pinned(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """In memory that a GPU copies from while it computes."""
    return tensor.pin_memory() if device.type == "cuda" else tensor


def _cut(count: int, parts: int) -> list[torch.Tensor]:
    """Positions 0..count - 1 in as many parts; the first position where there is none for a part."""
    return [torch.from_numpy(part if len(part) else np.array([0])) for part in np.array_split(np.arange(count), parts)]


class Forward(nn.Module):
    """What is trained, with its loss: the loop knows no more of it than this."""

    trains_towers: bool
    """Whether the model itself is trained, in training mode and with clipped gradients."""
    separable = False
    """Whether the loss of a batch is the mean over its images, so that parts of it can go through one by one."""

    def loss(self, outputs: Any, batch: Batch, gather: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The loss (scalar) of what the forward call gave for a batch.

        Args:
            outputs: A named tuple of tensors or None.
            batch: This process's share of the batch.
            gather: Joins the tensors (n, ...) of all processes, with their gradients.
        """
        raise NotImplementedError

    def after_step(self) -> None:
        """Put the weights back into their bounds."""


class ClipForward(Forward):
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
        self.most_scale = max(MAX_LOGIT_SCALE, clip.model.logit_scale.item())

    def loss(self, outputs: Embeddings, batch: Batch, gather: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
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
                scale.clamp_(max=self.most_scale)


class FrozenForward(ClipForward):
    """The trained part over frozen towers: adapters, and a bias where the loss learns one."""

    trains_towers = False

    def forward(self, images: torch.Tensor, texts: torch.Tensor) -> Embeddings:
        """Embeddings of image features (N, D) and text features (M, D)."""
        scale = self.clip.model.logit_scale.detach().exp().to(images.device)
        return Embeddings(self.clip.embed_images(images), self.clip.embed_texts(texts), scale, self.bias)


class TowerForward(ClipForward):
    """The towers themselves, and adapters behind them.

    Args:
        clip: The model; its towers are trained, or what PEFT has put on them.
        keep_statistics: Batch norms use and keep the base's statistics. An adapter's file does not hold them.
        settings: As for :class:`ClipForward`; ``bias`` may be a parameter of its own, or the model's.
    """

    trains_towers = True

    def __init__(self, clip: Clip, keep_statistics: bool, **settings: Any):
        super().__init__(clip, **settings)
        self.model = clip.model
        self._no_split_modules = clip.model._no_split_modules  # by what Accelerate shards, where it does
        self.keep_statistics = keep_statistics

    def train(self, mode: bool = True) -> TowerForward:
        """Training mode, but for batch norms whose statistics are kept."""
        super().train(mode)
        for part in self.modules():
            if self.keep_statistics and isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()
        return self

    def forward(self, images: torch.Tensor, texts: dict[str, torch.Tensor]) -> Embeddings:
        """Embeddings of pixels (N, 3, H, W) and the tokens of M texts."""
        image = self.clip.embed_images(self.clip.encode_images(images))
        text = self.clip.embed_texts(self.clip.encode_texts(texts))
        return Embeddings(image, text, self.clip.model.logit_scale.exp(), self.bias)

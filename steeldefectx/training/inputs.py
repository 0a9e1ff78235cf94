"""What a step takes: for frozen towers features computed once, for trained towers pixels and tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from steeldefectx.models.clip import Clip
from steeldefectx.training.images import PixelStore, augment


def clauses(text: str) -> list[str]:
    """A text and its beginnings that end with a clause: each says less than the text, none anything else.

    >>> clauses("Crazing, a fine network, caused by uneven cooling.")
    ['Crazing, a fine network, caused by uneven cooling.', 'Crazing', 'Crazing, a fine network']
    """
    ends = [match.start() for match in re.finditer(r"[,;](?=\s)|(?<=[.!?])(?=\s)", text)]
    return [text, *(text[:end] for end in ends)]


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

    def draw(self, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows of ``forms``, one for each text number: the text itself or, by chance, a cut one."""
        first, count = self.first[numbers], self.first[numbers + 1] - self.first[numbers]
        cut = (rng.random(len(numbers)) < self.crop) & (count > 1)
        return first + np.where(cut, 1 + (rng.random(len(numbers)) * (count - 1)).astype(int), 0)


@dataclass
class FrozenInputs:
    """Features of frozen towers: images (N, D) and text forms (M, D)."""

    images: torch.Tensor
    texts: torch.Tensor
    device: torch.device

    def image_batch(self, indices: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Features of some images."""
        return self.images[indices].to(self.device)

    def text_batch(self, rows: np.ndarray) -> torch.Tensor:
        """Features of some text forms."""
        return self.texts[rows].to(self.device)


@dataclass
class TowerInputs:
    """Pixels and tokens for towers that are trained."""

    images: PixelStore
    tokens: dict[str, torch.Tensor]
    augmentation: str
    device: torch.device

    def image_batch(self, indices: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Varied pixels of some images."""
        return augment(self.images.batch(indices).to(self.device), self.augmentation, generator)

    def text_batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Tokens of some text forms, padded to the longest of them."""
        mask = self.tokens.get("attention_mask")  # none where the text tower reads the padding
        longest = None if mask is None else int(mask[rows].sum(1).max())
        return {key: value[rows, :longest].to(self.device) for key, value in self.tokens.items()}


class FrozenForward(nn.Module):
    """The trained part over frozen towers: adapter and scale."""

    def __init__(self, clip: Clip):
        super().__init__()
        self.clip = clip
        self.adapter = clip.adapter

    def forward(self, images: torch.Tensor, texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Unit-length embeddings of images and texts, and the scale."""
        scale = self.clip.model.logit_scale.detach().exp().to(images.device)
        return self.clip.embed_images(images), nn.functional.normalize(texts, dim=-1), scale


class TowerForward(nn.Module):
    """The towers themselves.

    Args:
        clip: The model; its towers are trained, or what PEFT has put on them.
        keep_statistics: Batch norms use and keep the base's statistics. An adapter's file does not hold them.
    """

    def __init__(self, clip: Clip, keep_statistics: bool):
        super().__init__()
        self.clip = clip
        self.model = clip.model
        self.keep_statistics = keep_statistics

    def train(self, mode: bool = True) -> TowerForward:
        """Training mode, but for batch norms whose statistics are kept."""
        super().train(mode)
        for part in self.modules():
            if self.keep_statistics and isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()
        return self

    def forward(
        self, images: torch.Tensor, texts: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Unit-length embeddings of images and texts, and the scale."""
        image = self.clip.embed_images(self.clip.encode_images(images))
        text = nn.functional.normalize(self.clip.encode_texts(texts), dim=-1)
        return image, text, self.clip.model.logit_scale.exp()

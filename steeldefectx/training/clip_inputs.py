"""What a CLIP's steps take: features computed once for frozen towers, pixels and tokens for trained ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from steeldefectx.features.augmentation import AnyVariation, draw_variation, vary_light, vary_shape
from steeldefectx.features.pixels import PixelStore
from steeldefectx.training.trainable import Batch, pinned


@dataclass
class FeatureInputs:
    """Features of frozen towers."""

    images: torch.Tensor
    """(V, N, D), of V views of each image."""
    texts: torch.Tensor
    """(M, D), of all forms in the text bank."""
    device: torch.device

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Which view of each of n images is taken."""
        return rng.integers(len(self.images), size=n)

    def image_batch(self, indices: np.ndarray, drawn: np.ndarray, share: slice) -> torch.Tensor:
        """Features (n, D) of some images."""
        return pinned(self.images[drawn[share], indices], self.device)

    def text_batch(self, rows: np.ndarray) -> torch.Tensor:
        """Features (m, D) of some text forms."""
        return pinned(self.texts[rows], self.device)

    def to_device(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch's image and text features."""
        return batch.images.to(self.device, non_blocking=True), batch.texts.to(self.device, non_blocking=True)

    @staticmethod
    def parts(images: torch.Tensor, texts: torch.Tensor, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """A batch in parts; one more than there are texts gets the first once more."""
        cuts = zip(_cut(len(images), count), _cut(len(texts), count), strict=True)
        return [(images[image_rows], texts[text_rows]) for image_rows, text_rows in cuts]


@dataclass
class PixelInputs:
    """Pixels and tokens for towers that are trained."""

    images: PixelStore
    tokens: dict[str, torch.Tensor]
    """(M, L) of all forms in the text bank."""
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
        """A batch's varied images and its tokens."""
        pixels, variation = batch.images
        images = vary_light(pixels.to(self.device, non_blocking=True), variation)
        return images, {key: value.to(self.device, non_blocking=True) for key, value in batch.texts.items()}

    @staticmethod
    def parts(
        images: torch.Tensor, texts: dict[str, torch.Tensor], count: int
    ) -> list[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
        """A batch in parts; one more than there are texts gets the first once more."""
        cuts = zip(_cut(len(images), count), _cut(len(texts["input_ids"]), count), strict=True)
        return [
            (images[image_rows], {key: value[text_rows] for key, value in texts.items()})
            for image_rows, text_rows in cuts
        ]


def _cut(count: int, parts: int) -> list[torch.Tensor]:
    """Positions 0..count - 1 in as many parts; the first position where there is none for a part."""
    return [torch.from_numpy(part if len(part) else np.array([0])) for part in np.array_split(np.arange(count), parts)]

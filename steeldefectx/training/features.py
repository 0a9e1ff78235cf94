"""Features of frozen towers: each image and each distinct text is encoded once, then read from disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from tqdm.auto import tqdm

from steeldefectx.models.clip import Clip
from steeldefectx.training.cache import cache_file
from steeldefectx.training.data import Split
from steeldefectx.training.images import PixelStore

BATCH = 64


@torch.inference_mode()
def encode_images(clip: Clip, store: PixelStore, device: torch.device) -> torch.Tensor:
    """Image features (N, D) float32 on the CPU, not normalized, of everything in a store."""
    return _encode(len(store), "encode images", lambda part: clip.encode_images(store.batch(part).to(device)))


@torch.inference_mode()
def encode_texts(clip: Clip, texts: Sequence[str], device: torch.device) -> torch.Tensor:
    """Text features (N, D) float32 on the CPU, not normalized."""
    return _encode(
        len(texts),
        "encode texts",
        lambda part: clip.encode_texts(clip.tokenize([texts[i] for i in part]).to(device)),
    )


def _encode(count: int, title: str, encode: Callable[[Any], torch.Tensor]) -> torch.Tensor:
    parts = torch.arange(count).split(BATCH)
    return torch.cat([encode(p.numpy()).float().cpu() for p in tqdm(parts, title, delay=2, leave=False)])


def cached_features(key: Iterable[str], compute: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, bool]:
    """The features kept under a key, or computed and kept.

    Args:
        key: Everything the features depend on: the model's fingerprint, the hashes of images or the texts.
        compute: Makes them when they are not there.

    Returns:
        The features, and whether they had to be computed.
    """
    path = cache_file("features", ".safetensors", key)
    if path.exists():
        return load_file(path)["features"], False
    features = compute()
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    save_file({"features": features.contiguous()}, temporary)
    temporary.rename(path)
    return features, True


@dataclass
class Features:
    """Features of a model, each image and text encoded once and kept on disk."""

    clip: Clip
    device: torch.device
    fingerprint: str = ""
    encoded_images: int = 0
    encoded_texts: int = 0

    def __post_init__(self) -> None:
        self.fingerprint = self.fingerprint or self.clip.fingerprint()

    def images(self, split: Split) -> torch.Tensor:
        """(N, D) float32 features of a split's images, not normalized."""

        def compute() -> torch.Tensor:
            return encode_images(self.clip, PixelStore(split.images, split.hashes, self.clip), self.device)

        features, computed = cached_features([self.fingerprint, "images", *split.hashes], compute)
        self.encoded_images += computed * len(features)
        return features

    def texts(self, texts: list[str]) -> torch.Tensor:
        """(N, D) float32 features of texts, not normalized."""
        features, computed = cached_features(
            [self.fingerprint, "texts", *texts], lambda: encode_texts(self.clip, texts, self.device)
        )
        self.encoded_texts += computed * len(features)
        return features

    def classes(self, prompts: list[list[str]]) -> torch.Tensor:
        """(C, D) unit-length embeddings of classes: for each the mean over its texts."""
        every = F.normalize(self.texts([text for texts in prompts for text in texts]), dim=-1)
        means = torch.stack([part.mean(0) for part in every.split([len(texts) for texts in prompts])])
        return F.normalize(means, dim=-1)

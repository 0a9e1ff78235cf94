"""Features of frozen towers: each image and each distinct text is encoded once per model, ever."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from tqdm.auto import tqdm

from steeldefectx.data.labelled import Split
from steeldefectx.features.augmentation import variation_of, vary_light, vary_shape
from steeldefectx.features.feature_cache import FeatureCache
from steeldefectx.features.pixels import decode, deep_images
from steeldefectx.models.clip import Clip, class_embeddings
from steeldefectx.utils.fingerprint import code_hash, library_versions
from steeldefectx.utils.prefetch import prefetch

logger = logging.getLogger(__name__)

CODE = (
    "data/images.py",
    "data/tiff.py",
    "features/augmentation.py",
    "features/encoding.py",
    "features/pixels.py",
    "features/randaugment.py",
    "models/clip.py",
    "models/preprocessing.py",
    "models/steel_clip.py",
    "utils/grey_levels.py",
)
LIBRARIES = ("pillow", "tokenizers", "torch", "transformers")
"""What features depend on beside the model and what is encoded."""
BATCH = 64
BATCHES_PER_FILE = 32
"""After so many batches what is encoded goes to disk: an interrupted run loses no more than that."""


@dataclass
class Features:
    """A model's features, from the cache where they are there.

    Args:
        clip: The model; in another precision than its weights have, a copy of it encodes.
        device: Where to encode.
        dtype: ``bfloat16`` encodes about twice as fast where the device can multiply it.
        keep: Whether features go to the disk; those of towers that are still being trained need not.
    """

    clip: Clip
    device: torch.device
    dtype: torch.dtype = torch.float32
    keep: bool = True
    encoded_images: int = 0
    encoded_texts: int = 0

    def __post_init__(self) -> None:
        self.fingerprint = self._fingerprint() if self.keep else ""
        self.encoder = self.clip.in_dtype(self.dtype)
        self._caches: dict[str, FeatureCache] = {}

    def _fingerprint(self) -> str:
        depends_on = [self.clip.fingerprint(), str(self.dtype), code_hash(*CODE), library_versions(*LIBRARIES)]
        return hashlib.sha256(json.dumps(depends_on).encode()).hexdigest()

    def images(self, split: Split, augmentation: str = "none", view: int = 0) -> torch.Tensor:
        """Features of a split's images.

        Args:
            split: The images.
            augmentation: How they are varied, see :func:`~steeldefectx.features.augmentation.draw_variation`.
            view: Another view is another variation of the same images; it depends on an image's content alone.

        Returns:
            (N, D) float32 on the CPU, not normalized.
        """
        self.clip.learn_grey_levels(deep_images(split))
        suffix = "" if augmentation == "none" else f" {augmentation} {view}"
        suffix += "" if self.clip.grey_bits == 16 else f" {self.clip.grey_bits} bits"
        suffix += "" if self.clip.grey_range is None else " {:g}..{:g}".format(*self.clip.grey_range)
        hashes = [content + suffix for content in split.hashes]

        def pixels(positions: list[int]) -> torch.Tensor:
            images = decode(split.column, split.rows[positions], self.clip).contiguous(
                memory_format=torch.channels_last
            )
            variation = variation_of(augmentation, [hashes[position] for position in positions])
            return images if variation is None else vary_light(vary_shape(images, variation), variation)

        features, encoded = self._features("images", hashes, pixels, self.encoder.encode_images)
        self.encoded_images += encoded
        return features

    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """(N, D) float32 features of texts on the CPU, not normalized."""
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]

        def tokens(positions: list[int]) -> dict[str, torch.Tensor]:
            return self.clip.tokenize([texts[position] for position in positions])

        features, encoded = self._features("texts", hashes, tokens, self.encoder.encode_texts)
        self.encoded_texts += encoded
        return features

    def classes(self, prompts: list[list[str]]) -> torch.Tensor:
        """(C, D) unit-length embeddings of classes, on the device: for each the mean over its texts."""
        features = self.texts([text for texts in prompts for text in texts]).to(self.device)
        return class_embeddings(self.clip.embed_texts(features), [len(texts) for texts in prompts])

    def _features(
        self, kind: str, hashes: Sequence[str], prepare: Callable, encode: Callable
    ) -> tuple[torch.Tensor, int]:
        """Features by content hash, and how many of them had to be encoded."""
        if not self.keep:
            cache = FeatureCache(kind, None)
        elif kind in self._caches:
            cache = self._caches[kind]
        else:
            cache = self._caches[kind] = FeatureCache(kind, self.fingerprint)
        missing = cache.missing(hashes)
        self._fill(cache, hashes, missing, prepare, encode, f"encode {kind}")
        return cache.get(hashes), len(missing)

    @torch.inference_mode()
    def _fill(
        self,
        cache: FeatureCache,
        hashes: Sequence[str],
        missing: list[int],
        prepare: Callable,
        encode: Callable,
        title: str,
    ) -> None:
        """Encode what is missing; the next batch is prepared while one is encoded."""
        batches = [missing[i : i + BATCH] for i in range(0, len(missing), BATCH)]
        done: list[torch.Tensor] = []
        bar = tqdm(total=len(missing), desc=title, unit=title.split()[1][:-1], delay=2, leave=False)
        for number, inputs in enumerate(prefetch(prepare, batches)):
            done.append(encode(inputs.to(self.device)).float())  # left on the device: a copy would wait for it
            bar.update(len(done[-1]))
            if len(done) == BATCHES_PER_FILE or number == len(batches) - 1:
                positions = [p for batch in batches[number + 1 - len(done) : number + 1] for p in batch]
                cache.add([hashes[position] for position in positions], torch.cat(done).cpu())
                done = []
        bar.close()

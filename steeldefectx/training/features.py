"""Features of frozen towers: each image and each distinct text is encoded once per model, ever."""

from __future__ import annotations

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tqdm.auto import tqdm

from steeldefectx.cache import cache_path
from steeldefectx.models.clip import Clip
from steeldefectx.training.data import Split
from steeldefectx.training.images import decode, variation_of, vary_light, vary_shape
from steeldefectx.training.losses import class_embeddings
from steeldefectx.training.prefetch import ahead

logger = logging.getLogger(__name__)

BATCH = 64
BATCHES_PER_FILE = 32
"""After so many batches what is encoded goes to disk: an interrupted run loses no more than that."""


def dtype_for(precision: str, device: torch.device) -> torch.dtype:
    """The number format that towers compute in: ``fp32``, ``bf16``, or ``auto``: bf16 on GPUs that have it."""
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    if precision == "fp32":
        return torch.float32
    if device.type == "cpu" and (factor := _bf16_time()) > 1.5:
        logger.warning("This processor takes %.1f times as long in bf16 as in fp32: choose --precision fp32.", factor)
    return torch.bfloat16


def _bf16_time() -> float:
    """How many times as long as in fp32 a matrix product takes this processor; ten and more where it cannot do it."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.ones(128, 768, dtype=dtype), torch.ones(768, 768, dtype=dtype)
        taken = []
        for _ in range(4):
            started = time.perf_counter()
            a @ b
            taken.append(time.perf_counter() - started)
        seconds[dtype] = min(taken)
    return seconds[torch.bfloat16] / seconds[torch.float32]


class FeatureCache:
    """Features by content hash, for one model and one kind of input, in files that are only ever added to.

    Args:
        kind: ``images`` or ``texts``.
        fingerprint: Hash of the model with its preprocessing, see :meth:`Clip.fingerprint`; None keeps nothing.
    """

    def __init__(self, kind: str, fingerprint: str | None):
        self._known: dict[str, torch.Tensor] = {}
        self._files: set[Path] = set()
        """Those that were read."""
        self.folder = None if fingerprint is None else cache_path("features", fingerprint, kind)
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)

    def missing(self, hashes: Sequence[str]) -> list[int]:
        """Positions of hashes that no feature is known of, each hash once; files added meanwhile are read first."""
        first = {content: position for position, content in reversed(list(enumerate(hashes)))}
        if not first.keys() <= self._known.keys():
            self._read_files()
        return sorted(position for content, position in first.items() if content not in self._known)

    def _read_files(self) -> None:
        """Read the files that were not read yet."""
        for file in [] if self.folder is None else sorted(set(self.folder.glob("*.safetensors")) - self._files):
            with safe_open(file, "pt") as content:
                self._known.update(
                    zip(json.loads(content.metadata()["hashes"]), content.get_tensor("features"), strict=True)
                )
            self._files.add(file)

    def add(self, hashes: Sequence[str], features: torch.Tensor) -> None:
        """Keep features (N, D) of N hashes."""
        self._known.update(zip(hashes, features, strict=True))
        if self.folder is None:
            return
        name = uuid.uuid4().hex
        temporary = self.folder / f"{name}.tmp"
        save_file({"features": features.contiguous()}, temporary, metadata={"hashes": json.dumps(list(hashes))})
        self._files.add(temporary.rename(self.folder / f"{name}.safetensors"))

    def get(self, hashes: Sequence[str]) -> torch.Tensor:
        """Features (N, D) of N known hashes."""
        return torch.stack([self._known[content] for content in hashes])


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
        self.fingerprint = f"{self.clip.fingerprint()}-{self.dtype}" if self.keep else ""
        self.encoder = self.clip.in_dtype(self.dtype)
        self._caches: dict[str, FeatureCache] = {}

    def images(self, split: Split, augmentation: str = "none", view: int = 0) -> torch.Tensor:
        """Features of a split's images.

        Args:
            split: The images.
            augmentation: How they are varied, see :func:`~steeldefectx.training.images.draw_variation`.
            view: Another view is another variation of the same images; it depends on an image's content alone.

        Returns:
            (N, D) float32 on the CPU, not normalized.
        """
        suffix = "" if augmentation == "none" else f" {augmentation} {view}"
        hashes = [content + suffix for content in split.hashes]

        def pixels(positions: list[int]) -> torch.Tensor:
            images = decode(split.column, split.rows[positions], self.clip).contiguous(
                memory_format=torch.channels_last
            )
            variation = variation_of(augmentation, [hashes[position] for position in positions])
            return images if variation is None else vary_light(vary_shape(images, variation), variation)

        found, encoded = self._features("images", hashes, pixels, self.encoder.encode_images)
        self.encoded_images += encoded
        return found

    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """(N, D) float32 features of texts on the CPU, not normalized."""
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]

        def tokens(positions: list[int]) -> dict[str, torch.Tensor]:
            return self.clip.tokenize([texts[position] for position in positions])

        found, encoded = self._features("texts", hashes, tokens, self.encoder.encode_texts)
        self.encoded_texts += encoded
        return found

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
        for number, inputs in enumerate(ahead(prepare, batches)):
            done.append(encode(inputs.to(self.device)).float())  # left on the device: a copy would wait for it
            bar.update(len(done[-1]))
            if len(done) == BATCHES_PER_FILE or number == len(batches) - 1:
                positions = [p for batch in batches[number + 1 - len(done) : number + 1] for p in batch]
                cache.add([hashes[position] for position in positions], torch.cat(done).cpu())
                done = []
        bar.close()

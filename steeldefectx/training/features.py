"""Features of frozen towers: each image and each distinct text is encoded once per model, ever."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tqdm.auto import tqdm

from steeldefectx.models.clip import Clip
from steeldefectx.training.cache import cache_path
from steeldefectx.training.data import Split
from steeldefectx.training.images import decode
from steeldefectx.training.losses import class_embeddings

BATCH = 64
BATCHES_PER_FILE = 32
"""After so many batches what is encoded goes to disk: an interrupted run loses no more than that."""


class FeatureCache:
    """Features by content hash, for one model and one kind of input, in files that are only ever added to.

    Args:
        kind: ``images`` or ``texts``.
        fingerprint: Hash of the model with its preprocessing, see :meth:`Clip.fingerprint`.
    """

    def __init__(self, kind: str, fingerprint: str):
        self.folder = cache_path("features", fingerprint, kind)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, torch.Tensor] = {}
        for file in sorted(self.folder.glob("*.safetensors")):
            with safe_open(file, "pt") as content:
                self._known.update(
                    zip(json.loads(content.metadata()["hashes"]), content.get_tensor("features"), strict=True)
                )

    def missing(self, hashes: Sequence[str]) -> list[int]:
        """Positions of hashes that no feature is known of, each hash once."""
        first = {content: position for position, content in reversed(list(enumerate(hashes)))}
        return sorted(position for content, position in first.items() if content not in self._known)

    def add(self, hashes: Sequence[str], features: torch.Tensor) -> None:
        """Keep features (N, D) of N hashes."""
        name = uuid.uuid4().hex
        temporary = self.folder / f"{name}.tmp"
        save_file({"features": features.contiguous()}, temporary, metadata={"hashes": json.dumps(list(hashes))})
        temporary.rename(self.folder / f"{name}.safetensors")
        self._known.update(zip(hashes, features, strict=True))

    def get(self, hashes: Sequence[str]) -> torch.Tensor:
        """Features (N, D) of N known hashes."""
        return torch.stack([self._known[content] for content in hashes])


@dataclass
class Features:
    """A model's features, from the cache where they are there."""

    clip: Clip
    device: torch.device
    encoded_images: int = 0
    encoded_texts: int = 0

    def __post_init__(self) -> None:
        self.fingerprint = self.clip.fingerprint()

    def images(self, split: Split) -> torch.Tensor:
        """(N, D) float32 features of a split's images on the CPU, not normalized."""
        cache = FeatureCache("images", self.fingerprint)
        missing = cache.missing(split.hashes)
        self.encoded_images += len(missing)

        def decoded(positions: list[int]) -> torch.Tensor:
            return decode(split.column, split.rows[positions], self.clip)

        self._fill(cache, split.hashes, missing, decoded, self.clip.encode_images, "encode images")
        return cache.get(split.hashes)

    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """(N, D) float32 features of texts on the CPU, not normalized."""
        cache = FeatureCache("texts", self.fingerprint)
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        missing = cache.missing(hashes)
        self.encoded_texts += len(missing)

        def tokens(positions: list[int]) -> dict[str, torch.Tensor]:
            return self.clip.tokenize([texts[position] for position in positions])

        self._fill(cache, hashes, missing, tokens, self.clip.encode_texts, "encode texts")
        return cache.get(hashes)

    def classes(self, prompts: list[list[str]]) -> torch.Tensor:
        """(C, D) unit-length embeddings of classes, on the device: for each the mean over its texts."""
        features = self.texts([text for texts in prompts for text in texts]).to(self.device)
        return class_embeddings(self.clip.embed_texts(features), [len(texts) for texts in prompts])

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
        for number, inputs in enumerate(_ahead(prepare, batches)):
            done.append(encode(inputs.to(self.device)).float().cpu())
            bar.update(len(done[-1]))
            if len(done) == BATCHES_PER_FILE or number == len(batches) - 1:
                positions = [p for batch in batches[number + 1 - len(done) : number + 1] for p in batch]
                cache.add([hashes[position] for position in positions], torch.cat(done))
                done = []
        bar.close()


def _ahead(prepare: Callable, batches: list[list[int]]) -> Iterator:
    """``prepare`` of each batch in turn, one batch ahead of its use."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(prepare, batch) for batch in batches[:1]]
        for following in [*batches[1:], None]:
            if not waiting:
                return
            ready = waiting.pop().result()
            if following is not None:
                waiting.append(pool.submit(prepare, following))
            yield ready

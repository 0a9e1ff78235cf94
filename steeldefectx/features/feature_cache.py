"""Features on the disk: each image and each distinct text is encoded once per model, ever."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from steeldefectx.utils.cache import cache_path, shrink, used


class FeatureCache:
    """Features by content hash, for one model and one kind of input, in files that are only ever added to.

    Args:
        kind: ``images`` or ``texts``.
        fingerprint: Hash of all that features depend on, see ``Features.fingerprint``; None keeps nothing.
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
            used(file)
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
        shrink()

    def get(self, hashes: Sequence[str]) -> torch.Tensor:
        """Features (N, D) of N known hashes."""
        return torch.stack([self._known[content] for content in hashes])

"""The labelled sentences that coverage is measured on; their first line says how they were made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources

FILE = "coverage_sentences.jsonl"


@dataclass(frozen=True)
class Labelled:
    """A text and what a careful annotator says it states."""

    text: str
    bits: tuple[bool, ...]
    """Shape, size, depth, location, contrast."""

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the half that no rule was written for: its SHA-256 is odd."""
        return hashlib.sha256(self.text.encode()).digest()[-1] % 2 == 1


def labelled_sentences() -> list[Labelled]:
    """All of them, in the order they were written."""
    lines = resources.files("steeldefectx.annotate").joinpath(FILE).read_text(encoding="utf-8").splitlines()
    return [Labelled(row["text"], tuple(bit == "1" for bit in row["bits"])) for row in map(json.loads, lines[1:])]

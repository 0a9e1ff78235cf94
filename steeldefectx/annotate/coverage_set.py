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

    late: bool
    """Whether it was written after the rules."""

    @property
    def part(self) -> str:
        """``development``, ``held out`` (the text's SHA-256 is odd) or ``late``."""
        if self.late:
            return "late"
        return "held out" if hashlib.sha256(self.text.encode()).digest()[-1] % 2 else "development"


def labelled_sentences() -> list[Labelled]:
    """All of them, in the order they were written."""
    lines = resources.files("steeldefectx.annotate").joinpath(FILE).read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines[1:])
    return [Labelled(row["text"], tuple(bit == "1" for bit in row["bits"]), row.get("late", False)) for row in rows]

"""The labelled sentences that coverage is measured on; their first line says how they were made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "data" / "coverage_sentences.jsonl"


@dataclass(frozen=True)
class Labelled:
    """A text and what a careful annotator says it states."""

    text: str
    bits: tuple[bool, ...]
    """Shape, size, depth, location, contrast."""

    part: str
    """``development``, ``held out`` or ``fresh``."""


def labelled_sentences() -> list[Labelled]:
    """All of them, in the order they were written."""
    lines = FILE.read_text("utf-8").splitlines()
    return [
        Labelled(row["text"], tuple(bit == "1" for bit in row["bits"]), row.get("part") or _half(row["text"]))
        for row in map(json.loads, lines[1:])
    ]


def _half(text: str) -> str:
    """Which half a sentence of the first ones belongs to, by its SHA-256."""
    return "held out" if hashlib.sha256(text.encode()).digest()[-1] % 2 else "development"

"""Where a text contradicts what was measured, as the page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Segment = tuple[str, dict[str, Any] | None]
"""A piece of a text, and what is wrong with it (``kind``, ``claimed``, ``measured``), if anything."""

DIMENSION_OF = {"polarity": "contrast", "saliency": "contrast", "direction": "shape"}
"""Kinds of claims that belong to a dimension of another name."""


class Flag(Protocol):
    """A contradicted claim: a row of the store, or one found just now."""

    kind: str
    start: int
    end: int
    claimed: str
    measured: str


def dimension_of(kind: str) -> str:
    """The dimension that a kind of claim speaks of, or the kind itself where there is none."""
    return DIMENSION_OF.get(kind, kind)


def segments(text: str, flags: Sequence[Flag]) -> list[Segment]:
    """Cut a text where flags begin and end; of two that overlap, the second has what is left."""
    pieces: list[Segment] = []
    at = 0
    for flag in sorted(flags, key=lambda flag: (flag.start, flag.end)):
        start, end = max(at, flag.start), min(flag.end, len(text))
        if start >= end:
            continue
        if start > at:
            pieces.append((text[at:start], None))
        told = {"kind": flag.kind, "claimed": flag.claimed, "measured": flag.measured}
        pieces.append((text[start:end], told))
        at = end
    return [*pieces, (text[at:], None)] if at < len(text) else pieces

"""Where a text contradicts what was measured, as the page shows it: from the store, or checked while one types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from steeldefectx.annotate.desk.verify_store import evidence_of
from steeldefectx.language.claim_check import check
from steeldefectx.language.evidence import Evidence, evidence_from_class
from steeldefectx.store.annotation_store import Store

Segment = tuple[str, dict[str, Any] | None]
"""A piece of a text, and what is wrong with it (``kind``, ``claimed``, ``measured``), if anything."""

DIMENSION_OF = {"polarity": "contrast", "saliency": "contrast", "direction": "shape"}
"""Kinds of claims that belong to a dimension of another name."""


EVIDENCE_KEPT = 64
"""Images whose measurements are kept while one types."""


class Flag(Protocol):
    """A contradicted claim: a row of the store, or one found just now."""

    @property
    def kind(self) -> str:
        """What it speaks of: location, size ..."""

    @property
    def start(self) -> int:
        """First character of the words in the text."""

    @property
    def end(self) -> int:
        """The character after the last one."""

    @property
    def claimed(self) -> str | tuple[str, ...]:
        """What they say."""

    @property
    def measured(self) -> str:
        """What is there instead."""


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
        claimed = flag.claimed if isinstance(flag.claimed, str) else ", ".join(flag.claimed)
        told = {"kind": flag.kind, "claimed": claimed, "measured": flag.measured}
        pieces.append((text[start:end], told))
        at = end
    return [*pieces, (text[at:], None)] if at < len(text) else pieces


class Checker:
    """Checks texts in the making against what their images show."""

    def __init__(self, store: Store):
        self.store = store
        self._evidence = lru_cache(EVIDENCE_KEPT)(self._measure)

    def segments(self, image_id: str, text: str) -> list[Segment]:
        """A text, cut where it contradicts its image.

        Raises:
            AnnotationError: The store has no such image.
        """
        return segments(text, check(text, self._evidence(image_id)).contradictions)

    def _measure(self, image_id: str) -> Evidence:
        image = self.store.image(image_id)
        others = [candidate.text for candidate in self.store.candidates(image_id)]
        return evidence_of(image) or evidence_from_class(image.class_name, others)

"""Where a text contradicts what was measured, as the page marks it: from the store, or checked while one types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from steeldefectx.annotate.desk.verify_store import evidence_of
from steeldefectx.language.claim_check import Contradiction, check
from steeldefectx.language.evidence import Evidence, evidence_from_class
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import Claim

Segment = tuple[str, dict[str, Any] | None]
"""A piece of a text, and what is wrong with it (``kind``, ``claimed``, ``measured``), if anything."""

_DIMENSION_OF = {"polarity": "contrast", "saliency": "contrast", "direction": "shape"}
"""Kinds of claims that belong to a dimension of another name."""
MAX_CACHED_EVIDENCE = 64
"""Images whose measurements are kept while one types."""


def dimension_of(kind: str) -> str:
    """The dimension that a kind of claim speaks of, or the kind itself where there is none."""
    return _DIMENSION_OF.get(kind, kind)


def segments(text: str, contradictions: Sequence[Claim | Contradiction]) -> list[Segment]:
    """Cut a text where contradicted claims begin and end; of two that overlap, the second has what is left."""
    pieces: list[Segment] = []
    position = 0
    for claim in sorted(contradictions, key=lambda claim: (claim.start, claim.end)):
        start, end = max(position, claim.start), min(claim.end, len(text))
        if start >= end:
            continue
        if start > position:
            pieces.append((text[position:start], None))
        claimed = claim.claimed if isinstance(claim.claimed, str) else ", ".join(claim.claimed)
        pieces.append((text[start:end], {"kind": claim.kind, "claimed": claimed, "measured": claim.measured}))
        position = end
    return [*pieces, (text[position:], None)] if position < len(text) else pieces


class TextChecker:
    """Checks texts against what their images show, while they are typed."""

    def __init__(self, store: Store):
        self.store = store
        self._evidence = lru_cache(MAX_CACHED_EVIDENCE)(self._measure)

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

"""Where a text contradicts what was measured, as the page marks it: from the store, or checked while one types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

from steeldefectx.annotate.desk.browser_images import Depth, grey_depth
from steeldefectx.annotate.desk.verify_store import evidence_of, other_texts
from steeldefectx.language.claim_check import Contradiction, check
from steeldefectx.language.evidence import Evidence, evidence_from_class
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import AnnotatedImage, Candidate, Claim

Segment = tuple[str, dict[str, Any] | None]
"""A piece of a text, and what is wrong with it (``kind``, ``claimed``, ``measured``, ``by``), if anything."""

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
        flag = {"kind": claim.kind, "claimed": claimed, "measured": claim.measured, "by": claim.by}
        pieces.append((text[start:end], flag))
        position = end
    return [*pieces, (text[position:], None)] if position < len(text) else pieces


class TextChecker:
    """Says what is wrong with a text on an image: the same of the same text, proposed or typed."""

    def __init__(self, store: Store):
        self.store = store
        self._measured = lru_cache(MAX_CACHED_EVIDENCE)(self._measure)

    def segments(self, image_id: str, text: str) -> list[Segment]:
        """A text, cut where it contradicts its image.

        Raises:
            AnnotationError: The store has no such image.
        """
        image, candidates = self.store.image(image_id), self.store.candidates(image_id)
        return segments(text, self.contradictions(image, candidates, text))

    def contradictions(
        self, image: AnnotatedImage, candidates: Sequence[Candidate], text: str
    ) -> Sequence[Claim | Contradiction]:
        """What a text claims wrongly: as stored for a candidate that was checked, else as compared now.

        Args:
            image: The image.
            candidates: All of its candidates.
            text: One of them, or another text.
        """
        for candidate in candidates:
            if candidate.text == text and candidate.risk is not None:
                stored = self.store.claims(candidate.id)
                if all(claim.by for claim in stored):  # older ones do not tell what they were compared with
                    return stored
        others = other_texts(text, [candidate.text for candidate in candidates])
        evidence = self._measured(image.image_id) or evidence_from_class(image.class_name, others)
        return check(text, evidence).contradictions

    def _measure(self, image_id: str) -> Evidence | None:
        return evidence_of(self.store.image(image_id), self._depth)

    @cached_property
    def _depth(self) -> Depth:
        return grey_depth(self.store.images())

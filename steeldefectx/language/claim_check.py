"""Claim checking: which claims of a description are contradicted by what is known of its image, each with a risk."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from steeldefectx.language.claims import Claim, find_claims
from steeldefectx.language.evidence import Evidence, Mismatch


@dataclass(frozen=True)
class Contradiction:
    """A claim that is contradicted."""

    kind: str
    start: int
    end: int
    """Characters of the text that state it; the end lies outside."""
    claimed: tuple[str, ...]
    """Normalized, as in :class:`~steeldefectx.language.claims.Claim`."""
    measured: str
    """What is there instead, in words."""
    risk: float
    """0..1."""
    by: str
    """What says so: ``mask``, ``class`` or ``other texts``."""


@dataclass(frozen=True)
class CheckedText:
    """The claims of a text, and which of them are contradicted."""

    claims: tuple[Claim, ...]
    contradictions: tuple[Contradiction, ...]
    source: str
    """What the claims were compared with."""

    @property
    def risk(self) -> float:
        """Of the text, 0..1: 0 without a contradiction, and each further kind of contradiction adds to it."""
        highest: dict[str, float] = {}
        for wrong in self.contradictions:
            highest[wrong.kind] = max(highest.get(wrong.kind, 0.0), wrong.risk)
        return round(1 - math.prod(1 - risk for _, risk in sorted(highest.items())), 4)


def check(text: str, evidence: Evidence) -> CheckedText:
    """Compare what a description claims with what is known of its image.

    Where one sentence gives several shapes, or the text several numbers, as of one long line and some short ones,
    one of them is to fit.

    Args:
        text: The description.
        evidence: From :func:`~steeldefectx.language.evidence.evidence_from_mask` or
            :func:`~steeldefectx.language.evidence.evidence_from_class`.
    """
    claims = find_claims(text)
    compared = [(claim, evidence.mismatch(claim)) for claim in claims]
    contradictions = [
        Contradiction(
            claim.kind, claim.start, claim.end, claim.values, mismatch.measured, round(mismatch.risk, 4), mismatch.by
        )
        for group in _alternatives(text, compared)
        if all(mismatch for _, mismatch in group) or group[0][0].kind not in ("shape", "number")
        for claim, mismatch in group
        if mismatch
    ]
    return CheckedText(tuple(claims), tuple(sorted(contradictions, key=lambda c: (c.start, c.end))), evidence.source)


Compared = tuple[Claim, Mismatch | None]


def _alternatives(text: str, compared: Iterable[Compared]) -> Iterator[list[Compared]]:
    """Claims that stand for one another: those of a kind and, for shapes, of a sentence."""

    def key(item: Compared) -> tuple[str, int]:
        claim = item[0]
        return claim.kind, text.count(".", 0, claim.start) if claim.kind == "shape" else 0

    for _, group in groupby(sorted(compared, key=key), key):
        yield list(group)

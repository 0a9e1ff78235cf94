"""Images whose annotators differ, both versions side by side, and the decision between them."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Select, case, func, select

from steeldefectx.annotate.desk.queue import (
    DIMENSIONS,
    UPCOMING,
    decided,
    described,
    following,
    image_fields,
    without_nul,
)
from steeldefectx.store.annotation_store import DECISIVE, REVIEWS_AN_IMAGE, Store
from steeldefectx.store.tables import Adjudication, AnnotatedImage, Candidate, Review

WORD = re.compile(r"\s+|[\w'-]+|[^\w\s]")
"""What texts are compared by: words, punctuation and the spaces between."""


@dataclass(frozen=True)
class Version:
    """One annotator's review, its text cut where it differs from the other's."""

    annotator: str
    verdict: str
    text: str
    segments: list[tuple[str, bool]]
    judgements: dict[str, str]


@dataclass(frozen=True)
class Dispute:
    """An image whose reviews differ, with all of them."""

    image_id: str
    class_name: str
    t1: str | None
    has_mask: bool
    risk: float | None
    text: str
    """What the box starts with: what one has typed, else the decision, else the first version that has a text."""
    verdict: str | None
    """None until decided."""
    seconds: float
    version: int
    """Of the decision; 0 for none."""
    draft: bool
    upcoming: list[str]
    reviews: list[Version]
    seen: dict[str, int]
    """Annotator -> version of the review shown."""
    apart: list[str]
    """Dimensions that they judge differently."""
    locked: bool = field(default=False, init=False)


def outcome() -> Any:
    """What a review comes to, in SQL: its text, or a verdict without one. Reviews agree if it is the same."""
    return case((Review.verdict.in_(DECISIVE), "text " + Review.text), else_=Review.verdict)


def differing() -> Select[str]:
    """Images whose reviews differ and that are not adjudicated, as in the queue."""
    apart = (
        select(Review.image_id)
        .group_by(Review.image_id)
        .having(func.count() >= REVIEWS_AN_IMAGE, func.count(outcome().distinct()) > 1)
    )
    return described().where(
        AnnotatedImage.image_id.in_(apart), AnnotatedImage.image_id.not_in(select(Adjudication.image_id))
    )


class Adjudicator:
    """The disputes of one store."""

    def __init__(self, store: Store):
        self.store = store

    def waiting(self) -> int:
        """How many images await a decision."""
        with self.store.reading() as session:
            return session.scalar(differing().with_only_columns(func.count(AnnotatedImage.image_id))) or 0

    def next_image(self, after: str | None = None) -> str | None:
        """The riskiest image that awaits a decision, or the one after another, around the end; None for none."""
        found = self._following(after, 1)
        return found[0] if found else None

    def previous_image(self, by: str, before: str | None = None) -> str | None:
        """The image that someone decided before another, or the last one; None if there is none."""
        query = select(Adjudication.image_id).where(Adjudication.by == by).order_by(Adjudication.created.desc())
        with self.store.reading() as session:
            shown = session.get(Adjudication, before) if before else None
            return session.scalar(query if shown is None else query.where(Adjudication.created < shown.created))

    def _following(self, after: str | None, number: int) -> list[str]:
        query = differing()
        with self.store.reading() as session:
            return following(session, query, after, number)

    def open(self, by: str, image_id: str) -> Dispute:
        """An image with its reviews and the decision, if there is one.

        Raises:
            AnnotationError: The store has no such image.
        """
        image = self.store.image(image_id)
        reviews = self.store.reviews(image_id)
        draft = self.store.draft(image_id, by, "adjudicate")
        with self.store.reading() as session:
            decision = session.get(Adjudication, image_id)
            risk = select(Candidate.risk).where(Candidate.image_id == image_id, Candidate.chosen)
            risk_value = session.scalar(risk)
        versions = _versions(reviews)
        latest = draft or decision
        first = next((review.text for review in versions if review.verdict in DECISIVE), "")
        return Dispute(
            **image_fields(image),
            risk=risk_value,
            text=latest.text if latest else first,
            verdict=decision.verdict if decision else None,
            seconds=latest.seconds if latest else 0.0,
            version=decision.version if decision else 0,
            draft=draft is not None,
            upcoming=self._following(image_id, UPCOMING),
            reviews=versions,
            seen={review.annotator: review.version for review in reviews},
            apart=[name for name in DIMENSIONS if len({review.judgements.get(name) for review in reviews}) > 1],
        )

    def decide(
        self,
        by: str,
        image_id: str,
        verdict: str,
        text: str,
        seconds: float,
        seen_version: int,
        seen_reviews: dict[str, int],
    ) -> Adjudication:
        """Decide; see :meth:`~steeldefectx.store.annotation_store.Store.adjudicate`.

        Raises:
            AnnotationError: An image or verdict that there is not, or an accepted text without words.
            ConflictError: Someone else has decided, or a review has changed.
        """
        self.store.image(image_id)
        kept = decided(verdict, text, [review.text for review in self.store.reviews(image_id)])
        return self.store.adjudicate(image_id, by, *kept, seconds, seen_version=seen_version, seen_reviews=seen_reviews)


def _versions(reviews: list[Review]) -> list[Version]:
    """Reviews, each compared with the first, and the first with the second."""
    return [
        Version(
            review.annotator,
            review.verdict,
            review.text,
            differences(review.text, reviews[1 if i == 0 else 0].text) if len(reviews) > 1 else [(review.text, False)],
            review.judgements,
        )
        for i, review in enumerate(reviews)
    ]


def differences(text: str, other: str) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether the other text lacks it, compared word by word."""
    words, others = WORD.findall(without_nul(text)), WORD.findall(other)
    lacking = [False] * len(words)
    for kind, start, end, _, _ in difflib.SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        lacking[start:end] = [kind != "equal"] * (end - start)
    for i in range(1, len(words) - 1):  # a space between two words that differ
        lacking[i] |= words[i].isspace() and lacking[i - 1] and lacking[i + 1]
    return [
        ("".join(word for word, _ in piece), differs)
        for differs, piece in groupby(zip(words, lacking, strict=True), lambda item: item[1])
    ]

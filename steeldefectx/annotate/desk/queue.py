"""The review desk without its page: the queue of an annotator, an image with all that is said of it, reviews.

The queue shows the riskiest image first. An annotator never sees what another one says of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from steeldefectx.annotate.desk.flags import Segment, dimension_of, segments
from steeldefectx.errors import AnnotationError
from steeldefectx.store.annotation_store import DECISIVE, REVIEWS_AN_IMAGE, Store
from steeldefectx.store.tables import Adjudication, AnnotatedImage, Candidate, Failure, Review

DIMENSIONS = ("shape", "size", "depth", "location", "contrast")
"""What a text is judged on, in the order of a candidate's coverage."""
RIGHT, WRONG, NOT_STATED = JUDGEMENTS = ("right", "wrong", "not stated")
UPCOMING = 2
"""Images after the one shown that a browser may load ahead."""
LISTED = 500
"""Reviews in the list of what one has done."""

UNCHECKED = -1.0
"""Risk of a text without one, for the order: after all that have one."""
risk_listed = func.coalesce(Candidate.risk, UNCHECKED)


@dataclass(frozen=True)
class Proposal:
    """A candidate as shown: its text, cut where what it claims contradicts what was measured."""

    text: str
    segments: list[Segment]
    proposed: bool
    """It is the T2, on which the judgements are."""


@dataclass(frozen=True)
class Item:
    """An image with all that an annotator may know of it."""

    image_id: str
    class_name: str
    t1: str | None
    has_mask: bool
    risk: float | None
    text: str
    """What the box starts with: what one has typed, else handed in, else the proposed text."""
    verdict: str | None
    """None until handed in."""
    seconds: float
    version: int
    """Of what was handed in; 0 for nothing."""
    locked: bool
    """Adjudicated: nothing can be changed."""
    draft: bool
    """The text is one that was typed and not handed in."""
    upcoming: list[str]
    candidates: list[Proposal] = field(default_factory=list)
    judgements: dict[str, str] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True)
class Counts:
    """How far an annotator is."""

    annotator: str
    done: int
    left: int


class Desk:
    """The reviews of one store."""

    def __init__(self, store: Store):
        self.store = store

    # The queue

    def next_image(self, annotator: str, after: str | None = None) -> str | None:
        """The riskiest image that awaits this annotator's review; None if none does.

        Args:
            annotator: Who asks.
            after: An image that comes before it in the queue; after the last image the first follows.
        """
        found = self._following(annotator, after, 1)
        return found[0] if found else None

    def previous_image(self, annotator: str, before: str | None = None) -> str | None:
        """The image that this annotator reviewed before another; None before the first.

        Args:
            annotator: Who asks.
            before: The other one; for one without a review the latest is given.
        """
        query = select(Review.image_id).where(Review.annotator == annotator).order_by(Review.created.desc())
        with self.store.reading() as session:
            shown = session.get(Review, (before, annotator)) if before else None
            return session.scalar(query if shown is None else query.where(Review.created < shown.created))

    def counts(self, annotator: str) -> Counts:
        """How many images this annotator has reviewed and how many wait for them."""
        done = select(func.count()).select_from(Review).where(Review.annotator == annotator)
        left = _waiting_for(annotator).with_only_columns(func.count(AnnotatedImage.image_id))
        with self.store.reading() as session:
            return Counts(annotator, session.scalar(done) or 0, session.scalar(left) or 0)

    def done(self, annotator: str) -> list[dict[str, Any]]:
        """What this annotator has reviewed last, the latest first: image, class, verdict, text and time of each."""
        query = select(Review, AnnotatedImage.class_name).join(AnnotatedImage).where(Review.annotator == annotator)
        with self.store.reading() as session:
            found = list(session.execute(query.order_by(Review.created.desc()).limit(LISTED)))
        return [
            {
                "image_id": review.image_id,
                "class_name": class_name,
                "verdict": review.verdict,
                "text": review.text,
                "updated": review.updated.isoformat(),
            }
            for review, class_name in found
        ]

    def _following(self, annotator: str, after: str | None, number: int) -> list[str]:
        query = _waiting_for(annotator)
        with self.store.reading() as session:
            return following(session, query, after, number)

    # One image

    def open(self, annotator: str, image_id: str) -> Item:
        """An image with its candidates and what this annotator has made of it so far.

        Raises:
            AnnotationError: The store has no such image.
        """
        image = self.store.image(image_id)
        candidates = self.store.candidates(image_id)
        proposed = next((candidate for candidate in candidates if candidate.chosen), None)
        claims = {candidate.id: self.store.claims(candidate.id) for candidate in candidates}
        with self.store.reading() as session:
            review = session.get(Review, (image_id, annotator))
            failure = session.get(Failure, image_id)
            locked = session.get(Adjudication, image_id) is not None
        draft = None if locked else self.store.draft(image_id, annotator)
        latest = draft or review
        return Item(
            **image_fields(image),
            risk=proposed.risk if proposed else None,
            text=latest.text if latest else proposed.text if proposed else "",
            verdict=review.verdict if review else None,
            seconds=latest.seconds if latest else 0.0,
            version=review.version if review else 0,
            locked=locked,
            draft=draft is not None,
            upcoming=self._following(annotator, image_id, UPCOMING),
            candidates=[
                Proposal(candidate.text, segments(candidate.text, claims[candidate.id]), candidate.chosen)
                for candidate in sorted(candidates, key=lambda candidate: not candidate.chosen)
            ],
            judgements=first_judgements(proposed, claims) | (latest.judgements if latest else {}),
            failure=failure.reason if failure else None,
        )

    def save_draft(
        self, annotator: str, image_id: str, text: str, judgements: dict[str, str], seconds: float, stage: str
    ) -> None:
        """Keep what is typed and judged so far."""
        self.store.image(image_id)
        self.store.save_draft(image_id, annotator, without_nul(text), known(judgements), seconds, stage=stage)

    def hand_in(
        self,
        annotator: str,
        image_id: str,
        verdict: str,
        text: str,
        judgements: dict[str, str],
        seconds: float,
        seen_version: int,
    ) -> Review:
        """Hand in a review.

        Args:
            annotator: Whose it is.
            image_id: The image.
            verdict: ``accept`` (with a text that is none of the candidates it becomes ``edit``), ``reject`` or
                ``cannot_tell``.
            text: The description as it should be.
            judgements: Dimension -> one of :data:`JUDGEMENTS`, on the proposed text.
            seconds: Time spent on it.
            seen_version: Version of the review that this one replaces; 0: there is none yet.

        Raises:
            AnnotationError: An image or verdict that there is not, or an accepted text without words.
            ConflictError: Another window has handed in a newer version, or the image is adjudicated.
        """
        self.store.image(image_id)
        kept = decided(verdict, text, [candidate.text for candidate in self.store.candidates(image_id)])
        return self.store.save_review(image_id, annotator, *kept, known(judgements), seconds, seen_version=seen_version)


def image_fields(image: AnnotatedImage) -> dict[str, Any]:
    """What every annotator may know of an image."""
    return {
        "image_id": image.image_id,
        "class_name": image.class_name,
        "t1": image.t1,
        "has_mask": image.mask is not None,
    }


def described() -> Select[str]:
    """Images that have a description, or will have none: those that can be reviewed."""
    return (
        select(AnnotatedImage.image_id)
        .join(Candidate, (Candidate.image_id == AnnotatedImage.image_id) & Candidate.chosen, isouter=True)
        .join(Failure, Failure.image_id == AnnotatedImage.image_id, isouter=True)
        .where(or_(Candidate.id.is_not(None), Failure.image_id.is_not(None)))
    )


def following(session: Session, query: Select[str], after: str | None, number: int) -> list[str]:
    """Image ids in the order of the queue, from after an image on and around its end."""
    ordered = query.order_by(risk_listed.desc(), AnnotatedImage.image_id).limit(number)
    place = _place(session, after) if after is not None else None
    if place is None:
        return list(session.scalars(ordered))
    later = list(session.scalars(ordered.where(_is_after(*place))))
    # The image itself comes last in the round, if it is one of them.
    return (later + [other for other in session.scalars(ordered) if other not in later])[:number]


def _place(session: Session, image_id: str) -> tuple[float, str] | None:
    query = described().with_only_columns(risk_listed).where(AnnotatedImage.image_id == image_id)
    risk = session.scalar(query)
    return None if risk is None else (risk, image_id)


def _is_after(risk: float, image_id: str) -> ColumnElement[bool]:
    return or_(risk_listed < risk, (risk_listed == risk) & (AnnotatedImage.image_id > image_id))


def _waiting_for(annotator: str) -> Select[str]:
    """Images that this annotator has not reviewed, and not enough others have."""
    mine = select(Review.image_id).where(Review.annotator == annotator)
    full = select(Review.image_id).group_by(Review.image_id).having(func.count() >= REVIEWS_AN_IMAGE)
    return described().where(AnnotatedImage.image_id.not_in(mine), AnnotatedImage.image_id.not_in(full))


def first_judgements(candidate: Candidate | None, claims: dict[int, Any]) -> dict[str, str]:
    """What the judgements start with: wrong where a claim is contradicted, right where a dimension is stated."""
    if candidate is None:
        return dict.fromkeys(DIMENSIONS, NOT_STATED)
    wrong = {dimension_of(claim.kind) for claim in claims[candidate.id]}
    return {
        dimension: WRONG if dimension in wrong else RIGHT if stated else NOT_STATED
        for dimension, stated in zip(DIMENSIONS, candidate.coverage, strict=True)
    }


def decided(verdict: str, text: str, given: Sequence[str]) -> tuple[str, str]:
    """Verdict and text as they are kept: ``accept`` for one of the given texts, ``edit`` for another.

    Raises:
        AnnotationError: No text to accept.
    """
    text = " ".join(without_nul(text).split())
    if verdict not in DECISIVE:
        return verdict, text
    if not text:
        raise AnnotationError("The text is empty: write one, or reject it.")
    return ("accept" if text in {" ".join(one.split()) for one in given} else "edit"), text


def known(judgements: dict[str, str]) -> dict[str, str]:
    """Judgements of known dimensions, by known words."""
    return {name: judgements[name] for name in DIMENSIONS if judgements.get(name) in JUDGEMENTS}


def without_nul(text: str) -> str:
    """A text as PostgreSQL takes it."""
    return text.replace("\0", "")

"""What the two stages of the desk, review and adjudication, share: a queue of images, and an image as it is shown.

A queue shows the riskiest image first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from steeldefectx.errors import AnnotationError
from steeldefectx.language.coverage import DIMENSIONS
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import Adjudication, AnnotatedImage, Candidate, Draft, Failure, Review
from steeldefectx.store.verdicts import DECISIVE

Stage = Literal["review", "adjudicate"]
RIGHT, WRONG, NOT_STATED = JUDGEMENTS = ("right", "wrong", "not stated")
"""What an annotator says of the proposed text on each dimension."""
MAX_TEXT_LENGTH = 4000
"""Characters of a text that a browser sends."""
UPCOMING = 2
"""Images after the one shown that a browser may load ahead."""
UNCHECKED = -1.0
"""Risk of a text without one, for the order: after all that have one."""
_risk = func.coalesce(Candidate.risk, UNCHECKED)


class Submission(BaseModel):
    """What an annotator has made of an image: a draft, a review or a decision."""

    image_id: str
    text: str = Field(max_length=MAX_TEXT_LENGTH)
    """The description as it should be."""
    judgements: dict[str, str] = Field(default={}, max_length=10)
    """Dimension -> one of :data:`JUDGEMENTS`, on the proposed text."""
    seconds: float = Field(ge=0, le=1e6)
    """Time spent on it."""
    verdict: str = ""
    """``accept``, ``reject`` or ``cannot_tell``; empty in a draft."""
    seen_version: int = 0
    """Version of the review or decision that this one replaces; 0 for none."""
    seen_reviews: dict[str, int] = Field(default={}, max_length=100)
    """Label -> version of the review that was seen, in adjudicating."""
    key: str | None = Field(default=None, max_length=64)
    """Of this visit to the image: what is handed in twice with it is one."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """An image as an annotator sees it."""

    image_id: str
    class_name: str
    t1: str | None
    has_mask: bool
    risk: float | None
    """Of the proposed text, 0..1; None: not checked."""
    text: str
    """What the box starts with: the annotator's draft, else what was handed in, else a proposal."""
    verdict: str | None
    """None until handed in."""
    handed_in: str | None
    """The text that was handed in."""
    seconds: float
    version: int
    """Of what was handed in; 0 for nothing."""
    draft: bool
    """The text was typed and not handed in."""
    locked: bool = False
    """Adjudicated: the review cannot be changed."""
    upcoming: list[str]
    """Ids of the images that come next."""


class ImageQueue(ABC):
    """The images of one store that await an annotator in one stage.

    Args:
        store: The annotation store.
    """

    stage: Stage
    table: type[Review] | type[Adjudication]
    """Where what is handed in goes."""

    def __init__(self, store: Store):
        self.store = store

    @abstractmethod
    def pending(self, annotator: str) -> Select[str]:
        """Ids of the images that await this annotator."""

    @abstractmethod
    def handed_in_by(self, annotator: str) -> ColumnElement[bool]:
        """Condition on :attr:`table`: handed in by this annotator."""

    @abstractmethod
    def key(self, annotator: str, image_id: str) -> Any:
        """Primary key in :attr:`table` of what this annotator has handed in, or sees handed in, about an image."""

    @abstractmethod
    def open(self, annotator: str, image_id: str) -> Item:
        """An image with all that this annotator may know of it.

        Raises:
            AnnotationError: The store has no such image.
        """

    @abstractmethod
    def hand_in(self, annotator: str, submission: Submission) -> Review | Adjudication:
        """Store a review or decision; the annotator's draft is done with.

        Raises:
            AnnotationError: An image or verdict that there is not, or an accepted text without words.
            ConflictError: What is in the store is newer than what the annotator saw.
        """

    def save_draft(self, annotator: str, submission: Submission) -> None:
        """Store what is typed and judged so far.

        Raises:
            AnnotationError: The store has no such image.
        """
        self.store.image(submission.image_id)
        judgements = known_judgements(submission.judgements)
        text = without_nul(submission.text)
        self.store.save_draft(submission.image_id, annotator, text, judgements, submission.seconds, stage=self.stage)

    def next_image(self, annotator: str, after: str | None = None) -> str | None:
        """The riskiest image that awaits this annotator; None if none does.

        Args:
            annotator: Who asks.
            after: An image that comes before it in the queue; after the last image the first follows.
        """
        return next(iter(self.following(annotator, after, 1)), None)

    def previous_image(self, annotator: str, before: str | None = None) -> str | None:
        """The image that this annotator handed in before another; None before the first.

        Args:
            annotator: Who asks.
            before: The other one; for one that is not handed in the latest is given.
        """
        query = select(self.table.image_id).where(self.handed_in_by(annotator)).order_by(self.table.created.desc())
        with self.store.reading() as session:
            other: Any = session.get(self.table, self.key(annotator, before)) if before else None
            if other is not None:
                query = query.where(self.table.created < other.created)
            return session.scalar(query)

    def count_pending(self, annotator: str) -> int:
        """How many images await this annotator."""
        with self.store.reading() as session:
            return count_images(session, self.pending(annotator))

    def following(self, annotator: str, after: str | None, number: int) -> list[str]:
        """Ids of pending images in the order of the queue, from after an image on and around its end."""
        ordered = self.pending(annotator).order_by(_risk.desc(), AnnotatedImage.image_id).limit(number)
        with self.store.reading() as session:
            position = _position(session, after) if after is not None else None
            if position is None:
                return list(session.scalars(ordered))
            later = list(session.scalars(ordered.where(_is_after(*position))))
            # The image itself comes last in the round, if it is one of them.
            return (later + [image_id for image_id in session.scalars(ordered) if image_id not in later])[:number]


def reviewable() -> Select[str]:
    """Ids of the images that have a description, or are known to have none."""
    return (
        select(AnnotatedImage.image_id)
        .join(Candidate, (Candidate.image_id == AnnotatedImage.image_id) & Candidate.chosen, isouter=True)
        .join(Failure, Failure.image_id == AnnotatedImage.image_id, isouter=True)
        .where(or_(Candidate.id.is_not(None), Failure.image_id.is_not(None)))
    )


def count_images(session: Session, query: Select[str]) -> int:
    """How many images a query of :func:`reviewable` ones has."""
    return session.scalar(query.with_only_columns(func.count(AnnotatedImage.image_id))) or 0


def _position(session: Session, image_id: str) -> tuple[float, str] | None:
    """Where an image stands in the order of a queue."""
    risk = session.scalar(reviewable().with_only_columns(_risk).where(AnnotatedImage.image_id == image_id))
    return None if risk is None else (risk, image_id)


def _is_after(risk: float, image_id: str) -> ColumnElement[bool]:
    return or_(_risk < risk, (_risk == risk) & (AnnotatedImage.image_id > image_id))


def proposed_candidate(candidates: Iterable[Candidate]) -> Candidate | None:
    """The candidate that is the image's T2."""
    return next((candidate for candidate in candidates if candidate.chosen), None)


def item_fields(
    image: AnnotatedImage,
    proposed: Candidate | None,
    handed_in: Review | Adjudication | None,
    draft: Draft | None,
    default_text: str,
) -> dict[str, Any]:
    """The fields of :class:`Item` that follow from the store's rows.

    Args:
        image: The image.
        proposed: Its T2.
        handed_in: The annotator's review, or the decision.
        draft: The annotator's draft.
        default_text: What the box starts with where nothing was typed.
    """
    latest = draft or handed_in
    return {
        "image_id": image.image_id,
        "class_name": image.class_name,
        "t1": image.t1,
        "has_mask": image.mask is not None,
        "risk": proposed.risk if proposed else None,
        "text": latest.text if latest else default_text,
        "verdict": handed_in.verdict if handed_in else None,
        "handed_in": handed_in.text if handed_in else None,
        "seconds": latest.seconds if latest else 0.0,
        "version": handed_in.version if handed_in else 0,
        "draft": draft is not None,
    }


def final_verdict(submission: Submission, proposals: Sequence[str]) -> tuple[str, str]:
    """Verdict and text as they are stored: ``accept`` for one of the proposed texts, ``edit`` for another.

    Raises:
        AnnotationError: No text to accept.
    """
    text = " ".join(without_nul(submission.text).split())
    if submission.verdict not in DECISIVE:
        return submission.verdict, text
    if not text:
        raise AnnotationError("The text is empty: write one, or reject it.")
    return ("accept" if text in {" ".join(proposal.split()) for proposal in proposals} else "edit"), text


def known_judgements(judgements: dict[str, str]) -> dict[str, str]:
    """Judgements of known dimensions, by known words."""
    return {name: judgements[name] for name in DIMENSIONS if judgements.get(name) in JUDGEMENTS}


def without_nul(text: str) -> str:
    """A text as PostgreSQL takes it."""
    return text.replace("\0", "")

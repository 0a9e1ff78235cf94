"""What has been reviewed, to look it up again: filtered by class, risk, annotator and words."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from steeldefectx.annotate.desk.queue import MAX_TEXT_LENGTH
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import Adjudication, AnnotatedImage, Candidate, Review

PAGE_LENGTH = 50
"""Reviews that a browser is sent at a time."""
HIGH_RISK = 0.5
"""From here on a risk is called high."""
RISKS: dict[str, ColumnElement[bool]] = {
    "high": Candidate.risk >= HIGH_RISK,
    "some": Candidate.risk > 0,
    "none": Candidate.risk == 0,
}


class DoneRequest(BaseModel):
    """Which reviews to list; what is empty does not matter."""

    class_name: str = ""
    risk: Literal["", "high", "some", "none"] = ""
    """Of the proposed text: at least :data:`HIGH_RISK`, above 0, or 0."""
    annotator: str = ""
    words: str = Field(default="", max_length=MAX_TEXT_LENGTH)
    """Part of the text or of the image's id, in upper or lower case."""
    start: int = Field(default=0, ge=0)
    """Number of reviews to leave out, of which a browser has been sent already."""


def list_done(store: Store, annotator: str, request: DoneRequest) -> dict[str, Any]:
    """An annotator's own reviews and, of adjudicated images, everybody's: while one's own may change, no others.

    Returns:
        ``reviews``, those handed in last first; ``total``, how many fit the request; ``classes`` and ``annotators``,
        which there are to choose from.
    """
    closed = select(Adjudication.image_id)
    visible = or_(Review.annotator == annotator, Review.image_id.in_(closed))
    joined = (
        select(Review, AnnotatedImage.class_name, Candidate.risk)
        .select_from(Review)
        .join(AnnotatedImage)
        .join(Candidate, (Candidate.image_id == Review.image_id) & Candidate.chosen, isouter=True)
        .where(visible)
    )
    fitting = joined.where(*_conditions(request))
    ordered = fitting.order_by(Review.created.desc(), Review.image_id, Review.annotator)
    with store.reading() as session:
        rows = session.execute(ordered.offset(request.start).limit(PAGE_LENGTH))
        return {
            "reviews": [_row(review, class_name, risk) for review, class_name, risk in rows],
            "total": session.scalar(select(func.count()).select_from(fitting.subquery())),
            "classes": _choices(session, joined.with_only_columns(AnnotatedImage.class_name)),
            "annotators": _choices(session, joined.with_only_columns(Review.annotator)),
        }


def _conditions(request: DoneRequest) -> list[ColumnElement[bool]]:
    conditions = list[ColumnElement[bool]]()
    if request.class_name:
        conditions.append(AnnotatedImage.class_name == request.class_name)
    if request.risk:
        conditions.append(RISKS[request.risk])
    if request.annotator:
        conditions.append(Review.annotator == request.annotator)
    if words := " ".join(request.words.split()):
        found = (column.icontains(words, autoescape=True) for column in (Review.text, Review.image_id))
        conditions.append(or_(*found))
    return conditions


def _row(review: Review, class_name: str, risk: float | None) -> dict[str, Any]:
    return {
        "image_id": review.image_id,
        "class_name": class_name,
        "risk": risk,
        "annotator": review.annotator,
        "verdict": review.verdict,
        "text": review.text,
        "updated": review.updated.isoformat(),
    }


def _choices(session: Session, query: Select[tuple[str]]) -> list[str]:
    return sorted(session.scalars(query.distinct()))

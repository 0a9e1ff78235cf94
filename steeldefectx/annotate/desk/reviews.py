"""The review stage: an image with its candidates, and what one annotator says of it without seeing the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from steeldefectx.annotate.desk.flags import Segment, dimension_of, segments
from steeldefectx.annotate.desk.queue import (
    NOT_STATED,
    RIGHT,
    UPCOMING,
    WRONG,
    ImageQueue,
    Item,
    Submission,
    final_verdict,
    item_fields,
    known_judgements,
    proposed_candidate,
    reviewable,
)
from steeldefectx.language.coverage import DIMENSIONS
from steeldefectx.store.annotation_store import REVIEWS_AN_IMAGE
from steeldefectx.store.schema import Adjudication, AnnotatedImage, Candidate, Claim, Failure, Review

MAX_LISTED = 500
"""Reviews in the list of what an annotator has done."""


@dataclass(frozen=True)
class Proposal:
    """A candidate as shown."""

    text: str
    segments: list[Segment]
    """The text, cut where a claim contradicts what was measured."""
    proposed: bool
    """It is the T2, which the judgements are about."""


@dataclass(frozen=True, kw_only=True)
class ReviewItem(Item):
    """An image to review."""

    candidates: list[Proposal]
    judgements: dict[str, str]
    failure: str | None
    """Why the image has no candidates."""


class ReviewQueue(ImageQueue):
    """The reviews of one store. An annotator never sees what another one says of an image."""

    stage = "review"
    table = Review

    def pending(self, annotator: str) -> Select[str]:
        """Ids of the images that this annotator has not reviewed, and not enough others have."""
        own = select(Review.image_id).where(Review.annotator == annotator)
        complete = select(Review.image_id).group_by(Review.image_id).having(func.count() >= REVIEWS_AN_IMAGE)
        return reviewable().where(AnnotatedImage.image_id.not_in(own), AnnotatedImage.image_id.not_in(complete))

    def handed_in_by(self, annotator: str) -> ColumnElement[bool]:
        """Condition on a review: by this annotator."""
        return Review.annotator == annotator

    def key(self, annotator: str, image_id: str) -> Any:
        """Primary key of this annotator's review of an image."""
        return image_id, annotator

    def open(self, annotator: str, image_id: str) -> ReviewItem:
        """An image with its candidates and what this annotator has made of it so far.

        Raises:
            AnnotationError: The store has no such image.
        """
        image = self.store.image(image_id)
        candidates = self.store.candidates(image_id)
        proposed = proposed_candidate(candidates)
        claims = {candidate.id: self.store.claims(candidate.id) for candidate in candidates}
        with self.store.reading() as session:
            review = session.get(Review, self.key(annotator, image_id))
            failure = session.get(Failure, image_id)
            locked = session.get(Adjudication, image_id) is not None
        draft = None if locked else self.store.draft(image_id, annotator, self.stage)
        latest = draft or review
        return ReviewItem(
            **item_fields(image, proposed, review, draft, proposed.text if proposed else ""),
            locked=locked,
            upcoming=self.following(annotator, image_id, UPCOMING),
            candidates=[
                Proposal(candidate.text, segments(candidate.text, claims[candidate.id]), candidate.chosen)
                for candidate in sorted(candidates, key=lambda candidate: not candidate.chosen)
            ],
            judgements=_default_judgements(proposed, claims) | (latest.judgements if latest else {}),
            failure=failure.reason if failure else None,
        )

    def hand_in(self, annotator: str, submission: Submission) -> Review:
        """Store a review; ``accept`` becomes ``edit`` with a text that is none of the candidates.

        Raises:
            AnnotationError: An image or verdict that there is not, or an accepted text without words.
            ConflictError: Another window has handed in a newer version, or the image is adjudicated.
        """
        image_id = submission.image_id
        self.store.image(image_id)
        verdict, text = final_verdict(submission, [candidate.text for candidate in self.store.candidates(image_id)])
        judgements, seen = known_judgements(submission.judgements), submission.seen_version
        return self.store.save_review(
            image_id, annotator, verdict, text, judgements, submission.seconds, seen_version=seen
        )

    def count_done(self, annotator: str) -> int:
        """How many images this annotator has reviewed."""
        with self.store.reading() as session:
            done = select(func.count()).select_from(Review).where(self.handed_in_by(annotator))
            return session.scalar(done) or 0

    def list_done(self, annotator: str) -> list[dict[str, Any]]:
        """What this annotator has reviewed last, the latest first: image, class, verdict, text and time of each."""
        query = select(Review, AnnotatedImage.class_name).join(AnnotatedImage).where(self.handed_in_by(annotator))
        with self.store.reading() as session:
            rows = list(session.execute(query.order_by(Review.created.desc()).limit(MAX_LISTED)))
        return [
            {
                "image_id": review.image_id,
                "class_name": class_name,
                "verdict": review.verdict,
                "text": review.text,
                "updated": review.updated.isoformat(),
            }
            for review, class_name in rows
        ]


def _default_judgements(candidate: Candidate | None, claims: dict[int, list[Claim]]) -> dict[str, str]:
    """What the judgements start with: wrong where a claim is contradicted, right where a dimension is stated."""
    if candidate is None:
        return dict.fromkeys(DIMENSIONS, NOT_STATED)
    wrong = {dimension_of(claim.kind) for claim in claims[candidate.id]}
    return {
        dimension: WRONG if dimension in wrong else RIGHT if stated else NOT_STATED
        for dimension, stated in zip(DIMENSIONS, candidate.coverage, strict=True)
    }

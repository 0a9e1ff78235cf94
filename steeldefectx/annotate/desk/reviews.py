"""The review stage: an image with its candidates, and what one annotator says of it without seeing the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from steeldefectx.annotate.desk.flags import Segment, TextChecker, dimension_of, segments
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
from steeldefectx.language.claim_check import Contradiction
from steeldefectx.language.coverage import DIMENSIONS
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import Adjudication, AnnotatedImage, Candidate, Claim, Failure, Review
from steeldefectx.store.verdicts import REVIEWS_AN_IMAGE


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

    def __init__(self, store: Store):
        super().__init__(store)
        self.checker = TextChecker(store)

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
        wrong = [self.checker.contradictions(image, candidates, candidate.text) for candidate in candidates]
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
            candidates=sorted(
                (
                    Proposal(candidate.text, segments(candidate.text, claims), candidate.chosen)
                    for candidate, claims in zip(candidates, wrong, strict=True)
                ),
                key=lambda proposal: not proposal.proposed,
            ),
            judgements=_default_judgements(proposed, wrong[candidates.index(proposed)] if proposed else [])
            | (latest.judgements if latest else {}),
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
        return self.store.save_review(
            image_id,
            annotator,
            verdict,
            text,
            known_judgements(submission.judgements),
            submission.seconds,
            seen_version=submission.seen_version,
            key=submission.key,
        )

    def count_done(self, annotator: str) -> int:
        """How many images this annotator has reviewed."""
        with self.store.reading() as session:
            done = select(func.count()).select_from(Review).where(self.handed_in_by(annotator))
            return session.scalar(done) or 0


def _default_judgements(proposed: Candidate | None, claims: Sequence[Claim | Contradiction]) -> dict[str, str]:
    """What the judgements start with: wrong where a claim is contradicted, right where a dimension is stated."""
    if proposed is None:
        return dict.fromkeys(DIMENSIONS, NOT_STATED)
    wrong = {dimension_of(claim.kind) for claim in claims}
    return {
        dimension: WRONG if dimension in wrong else RIGHT if stated else NOT_STATED
        for dimension, stated in zip(DIMENSIONS, proposed.coverage, strict=True)
    }

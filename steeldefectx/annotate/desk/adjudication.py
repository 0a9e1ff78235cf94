"""The adjudication stage: images whose reviews differ, all versions side by side, and the decision between them.

It is blind: whose version is whose is told once the image is decided.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass
from itertools import groupby
from string import ascii_uppercase
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select

from steeldefectx.annotate.desk.queue import (
    UPCOMING,
    ImageQueue,
    Item,
    Submission,
    final_verdict,
    item_fields,
    proposed_candidate,
    reviewable,
    without_nul,
)
from steeldefectx.errors import AnnotationError
from steeldefectx.language.coverage import DIMENSIONS
from steeldefectx.store.schema import Adjudication, AnnotatedImage, Review
from steeldefectx.store.verdicts import DECISIVE, REVIEWS_AN_IMAGE

_TOKEN = re.compile(r"\s+|[\w'-]+|[^\w\s]")
"""What texts are compared by: words, punctuation and the spaces between."""


@dataclass(frozen=True)
class ReviewVersion:
    """One annotator's review; who it is, is told once the image is decided."""

    label: str
    """A, B, ..., in an order that tells nothing."""
    annotator: str | None
    verdict: str
    text: str
    segments: list[tuple[str, bool]]
    """The text in pieces, each with whether the other text lacks it."""
    judgements: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class AdjudicationItem(Item):
    """An image whose reviews differ, with all of them."""

    reviews: list[ReviewVersion]
    review_versions: dict[str, int]
    """Label -> version of the review shown."""
    differing: list[str]
    """Where the reviews differ: ``verdict``, ``text`` and dimensions."""
    own: bool
    """One of the reviews is by whoever is to decide."""


class AdjudicationQueue(ImageQueue):
    """The images of one store whose reviews differ; the same for everyone."""

    stage = "adjudicate"
    table = Adjudication

    def pending(self, annotator: str) -> Select[str]:
        """Ids of the images that await a decision."""
        return undecided()

    def handed_in_by(self, annotator: str) -> ColumnElement[bool]:
        """Condition on a decision: by this annotator."""
        return Adjudication.by == annotator

    def key(self, annotator: str, image_id: str) -> Any:
        """Primary key of the decision on an image, whoever made it."""
        return image_id

    def open(self, annotator: str, image_id: str) -> AdjudicationItem:
        """An image with its reviews and the decision, if there is one.

        Raises:
            AnnotationError: The store has no such image, or fewer than two reviews of it.
        """
        image = self.store.image(image_id)
        reviews = self._shuffled(image_id)
        if len(reviews) < REVIEWS_AN_IMAGE:  # the one there is would be seen by whoever is to write the other
            raise AnnotationError(f"{image_id} has no two reviews to decide between.")
        proposed = proposed_candidate(self.store.candidates(image_id))
        draft = self.store.draft(image_id, annotator, self.stage)
        with self.store.reading() as session:
            decision = session.get(Adjudication, image_id)
        first_text = next((review.text for review in reviews if review.verdict in DECISIVE), "")
        return AdjudicationItem(
            **item_fields(image, proposed, decision, draft, first_text),
            upcoming=self.following(annotator, image_id, UPCOMING),
            reviews=_compare(reviews, named=decision is not None),
            review_versions={label: review.version for label, review in zip(ascii_uppercase, reviews, strict=False)},
            differing=_differing(reviews),
            own=annotator in {review.annotator for review in reviews},
        )

    def hand_in(self, annotator: str, submission: Submission) -> Adjudication:
        """Store a decision; ``accept`` becomes ``edit`` with a text that none of the reviews has.

        Raises:
            AnnotationError: An image or verdict that there is not, or an accepted text without words.
            ConflictError: Someone else has decided, or a review has changed.
        """
        image_id = submission.image_id
        self.store.image(image_id)
        reviews = self._shuffled(image_id)
        verdict, text = final_verdict(submission, [review.text for review in reviews])
        labels = {label: review.annotator for label, review in zip(ascii_uppercase, reviews, strict=False)}
        return self.store.adjudicate(
            image_id,
            annotator,
            verdict,
            text,
            submission.seconds,
            seen_version=submission.seen_version,
            seen_reviews={labels.get(label, label): version for label, version in submission.seen_reviews.items()},
            key=submission.key,
        )

    def _shuffled(self, image_id: str) -> list[Review]:
        """The reviews of an image, always in one order, which does not follow the annotators' names."""

        def place(review: Review) -> str:
            return hashlib.sha256(f"{image_id} {review.annotator}".encode()).hexdigest()

        return sorted(self.store.reviews(image_id), key=place)


def undecided() -> Select[str]:
    """Ids of the images whose reviews differ in text or verdict and that are not adjudicated."""
    outcome = case((Review.verdict.in_(DECISIVE), "text " + Review.text), else_=Review.verdict)
    differing = (
        select(Review.image_id)
        .group_by(Review.image_id)
        .having(func.count() >= REVIEWS_AN_IMAGE, func.count(outcome.distinct()) > 1)
    )
    decided = select(Adjudication.image_id)
    return reviewable().where(AnnotatedImage.image_id.in_(differing), AnnotatedImage.image_id.not_in(decided))


def _compare(reviews: list[Review], *, named: bool) -> list[ReviewVersion]:
    """Reviews, each compared with the first, and the first with the second; with their annotators or without."""
    versions = []
    for i, (label, review) in enumerate(zip(ascii_uppercase, reviews, strict=False)):
        pieces = differences(review.text, reviews[1 if i == 0 else 0].text)
        annotator = review.annotator if named else None
        versions.append(ReviewVersion(label, annotator, review.verdict, review.text, pieces, review.judgements))
    return versions


def _differing(reviews: list[Review]) -> list[str]:
    said = {
        "verdict": {"text" if review.verdict in DECISIVE else review.verdict for review in reviews},
        "text": {review.text for review in reviews},
    } | {name: {review.judgements.get(name) for review in reviews} for name in DIMENSIONS}
    return [what for what, answers in said.items() if len(answers) > 1]


def differences(text: str, other: str) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether the other text lacks it, compared word by word."""
    tokens, others = _TOKEN.findall(without_nul(text)), _TOKEN.findall(other)
    lacking = [False] * len(tokens)
    for kind, start, end, _, _ in difflib.SequenceMatcher(None, tokens, others, autojunk=False).get_opcodes():
        lacking[start:end] = [kind != "equal"] * (end - start)
    for i in range(1, len(tokens) - 1):  # a space between two words that differ
        lacking[i] |= tokens[i].isspace() and lacking[i - 1] and lacking[i + 1]
    return [
        ("".join(token for token, _ in piece), differs)
        for differs, piece in groupby(zip(tokens, lacking, strict=True), lambda item: item[1])
    ]

"""The verdicts of reviews, and the text that reviews agree on."""

from __future__ import annotations

from collections.abc import Sequence

from steeldefectx.errors import AnnotationError
from steeldefectx.store.schema import Adjudication, Review

VERDICTS = ("accept", "edit", "reject", "cannot_tell")
DECISIVE = ("accept", "edit")
"""Verdicts that leave a text."""
REVIEWS_AN_IMAGE = 2
"""Annotators who have to see an image, each without the other, before it has a T3."""


def reviewed_text(reviews: Sequence[Review], adjudication: Adjudication | None) -> str | None:
    """The T3 of an image: as decided, else what two annotators agree on.

    Args:
        reviews: All reviews of the image.
        adjudication: The decision between them, if there is one.

    Returns:
        None where fewer than two have reviewed it, where they differ, and where they agree that no text will do.
    """
    if adjudication is not None:
        return adjudication.text if adjudication.verdict in DECISIVE else None
    texts = {" ".join(review.text.split()) if review.verdict in DECISIVE else None for review in reviews}
    return texts.pop() if len(texts) == 1 and len(reviews) >= REVIEWS_AN_IMAGE else None


def check_verdict(verdict: str) -> None:
    """Refuse a verdict that is none.

    Raises:
        AnnotationError: It is none.
    """
    if verdict not in VERDICTS:
        raise AnnotationError(f"{verdict!r} is no verdict: {', '.join(VERDICTS)}.")

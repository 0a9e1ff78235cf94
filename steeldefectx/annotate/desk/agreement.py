"""How far the reviewing is: agreement of annotators, images an hour, hours left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import numpy as np
from sklearn.metrics import cohen_kappa_score
from sqlalchemy import func

from steeldefectx.annotate.desk.adjudication import differing
from steeldefectx.annotate.desk.queue import DIMENSIONS, described
from steeldefectx.store.annotation_store import DECISIVE, REVIEWS_AN_IMAGE, Store, reviewed_text
from steeldefectx.store.tables import Adjudication, AnnotatedImage, Review


@dataclass(frozen=True)
class Agreement:
    """How far two annotators agree on one thing."""

    what: str
    """``verdict`` or a dimension."""
    images: int
    """Images on which both have said something of it."""
    same: float | None
    """Share of them on which they said the same, 0..1; None without images."""
    kappa: float | None
    """Cohen's κ, -1..1; None where it is undefined, as with one answer throughout."""


@dataclass(frozen=True)
class Pair:
    """Two annotators with images in common."""

    annotators: tuple[str, str]
    rows: list[Agreement]


@dataclass(frozen=True)
class Pace:
    """How far one annotator is."""

    annotator: str
    done: int
    left: int
    """Images that wait for this annotator, if nobody else takes them."""
    images_an_hour: float | None
    hours_left: float | None


@dataclass(frozen=True)
class Progress:
    """How far the whole store is."""

    images: int
    """Those that can be reviewed."""
    finished: int
    """Two annotators agree on them, or they are adjudicated."""
    texts: int
    """Finished ones that have a T3."""
    waiting: int
    adjudicated: int
    hours_left: float | None
    """Of all annotators together, at their mean pace so far."""
    annotators: list[Pace]
    pairs: list[Pair]


def agreement(what: str, first: Sequence[str], second: Sequence[str]) -> Agreement:
    """Cohen's κ (Cohen 1960, unweighted) of what two annotators said of the same images, in the same order."""
    if not first:
        return Agreement(what, 0, None, None)
    same = float(np.mean([a == b for a, b in zip(first, second, strict=True)]))
    one_answer = len({*first, *second}) == 1  # chance alone would agree, too: κ is 0 / 0
    kappa = None if one_answer else float(cohen_kappa_score(first, second))
    return Agreement(what, len(first), same, kappa)


def progress(store: Store) -> Progress:
    """The progress of everyone and everything in a store."""
    with store.reading() as session:
        images = set(session.scalars(described()))
        waiting = session.scalar(differing().with_only_columns(func.count(AnnotatedImage.image_id))) or 0
    decisions = {decision.image_id: decision for decision in store.adjudications()}
    of_image = _by_image(store.reviews())
    agreed = [image for image, reviews in of_image.items() if _agree(reviews) and image not in decisions]
    missing = sum(max(0, REVIEWS_AN_IMAGE - len(of_image.get(image, ()))) for image in images - set(decisions))
    reviews = [review for group in of_image.values() for review in group]
    return Progress(
        images=len(images),
        finished=len(agreed) + len(decisions),
        texts=sum(
            reviewed_text(of_image.get(image, []), decisions.get(image)) is not None for image in {*agreed, *decisions}
        ),
        waiting=waiting,
        adjudicated=len(decisions),
        hours_left=_hours(missing, reviews, waiting, list(decisions.values())),
        annotators=_paces(images, of_image),
        pairs=_pairs(of_image),
    )


def _by_image(reviews: Sequence[Review]) -> dict[str, list[Review]]:
    return {image: list(group) for image, group in groupby(reviews, lambda review: review.image_id)}


def _agree(reviews: Sequence[Review]) -> bool:
    outcomes = {review.text if review.verdict in DECISIVE else (review.verdict,) for review in reviews}
    return len(reviews) >= REVIEWS_AN_IMAGE and len(outcomes) == 1


def _mean_seconds(done: Sequence[Review | Adjudication]) -> float | None:
    return float(np.mean([one.seconds for one in done])) if any(one.seconds for one in done) else None


def _hours(missing: int, reviews: Sequence[Review], waiting: int, decisions: Sequence[Adjudication]) -> float | None:
    """Missing reviews and decisions at the mean pace; before the first decision, one takes as long as a review."""
    review = _mean_seconds(reviews)
    if review is None:
        return None
    return (missing * review + waiting * (_mean_seconds(decisions) or review)) / 3600


def _paces(images: set[str], of_image: dict[str, list[Review]]) -> list[Pace]:
    full = {image for image, reviews in of_image.items() if len(reviews) >= REVIEWS_AN_IMAGE}
    by_annotator: dict[str, list[Review]] = {}
    for reviews in of_image.values():
        for review in reviews:
            by_annotator.setdefault(review.annotator, []).append(review)
    return [
        _pace(annotator, mine, len(images - full - {review.image_id for review in mine}))
        for annotator, mine in sorted(by_annotator.items())
    ]


def _pace(annotator: str, done: Sequence[Review], left: int) -> Pace:
    seconds = _mean_seconds(done)
    if seconds is None:
        return Pace(annotator, len(done), left, None, None)
    return Pace(annotator, len(done), left, 3600 / seconds, left * seconds / 3600)


def _pairs(of_image: dict[str, list[Review]]) -> list[Pair]:
    """Every two annotators with images in common, and their agreement on the verdict and each dimension."""
    common: dict[tuple[str, str], list[tuple[Review, Review]]] = {}
    for reviews in of_image.values():
        for first, second in combinations(reviews, 2):  # by annotator, as the store gives them
            common.setdefault((first.annotator, second.annotator), []).append((first, second))
    return [
        Pair(annotators, [_verdicts(pairs), *(_dimension(name, pairs) for name in DIMENSIONS)])
        for annotators, pairs in sorted(common.items())
    ]


def _verdicts(pairs: Sequence[tuple[Review, Review]]) -> Agreement:
    return agreement("verdict", [first.verdict for first, _ in pairs], [second.verdict for _, second in pairs])


def _dimension(name: str, pairs: Sequence[tuple[Review, Review]]) -> Agreement:
    both = [(a.judgements[name], b.judgements[name]) for a, b in pairs if name in a.judgements and name in b.judgements]
    return agreement(name, [a for a, _ in both], [b for _, b in both])

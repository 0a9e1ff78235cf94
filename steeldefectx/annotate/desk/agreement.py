"""Progress of the reviewing: agreement of annotators, images an hour, hours left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import numpy as np
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from steeldefectx.annotate.desk.adjudication import undecided
from steeldefectx.annotate.desk.queue import count_images, reviewable
from steeldefectx.language.coverage import DIMENSIONS
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import Adjudication, Review
from steeldefectx.store.verdicts import DECISIVE, REVIEWS_AN_IMAGE, reviewed_text

FEW_IMAGES = 30
"""With fewer images κ is not even known to ± 0.2."""
DRAWS = 4000
"""Tables of answers that an interval of κ is taken from."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of two annotators on the verdict or one dimension."""

    what: str
    """``verdict`` or a dimension."""
    images: int
    """Images that both have judged."""
    same: float | None
    """Share of them that they judged alike, 0..1; None without images."""
    kappa: float | None
    """Cohen's κ, -1..1; None where it is undefined, as with one answer throughout."""
    interval: tuple[float, float] | None
    """Where κ lies with a probability of 95 %, see :func:`kappa_interval`; None without κ."""
    few: bool
    """Fewer images than :data:`FEW_IMAGES`: κ says little."""


@dataclass(frozen=True)
class PairAgreement:
    """Agreement of two annotators on the images that both have reviewed."""

    annotators: tuple[str, str]
    rows: list[Agreement]


@dataclass(frozen=True)
class AnnotatorProgress:
    """Progress of one annotator."""

    annotator: str
    done: int
    left: int
    """Images that wait for this annotator, if nobody else takes them."""
    images_an_hour: float | None
    hours_left: float | None


@dataclass(frozen=True)
class Progress:
    """Progress of the whole store."""

    images: int
    """Those that can be reviewed."""
    finished: int
    """Two annotators agree on them, or they are adjudicated."""
    texts: int
    """Finished ones that have a T3."""
    waiting: int
    adjudicated: int
    self_adjudicated: int
    """Of the adjudicated, those that one of their own annotators has decided."""
    hours_left: float | None
    """Of all annotators together, at their mean pace so far."""
    annotators: list[AnnotatorProgress]
    pairs: list[PairAgreement]


def agreement(what: str, first: Sequence[str], second: Sequence[str]) -> Agreement:
    """Cohen's κ (Cohen 1960, unweighted) of two annotators' judgements of the same images, in the same order."""
    few = len(first) < FEW_IMAGES
    if not first:
        return Agreement(what, 0, None, None, None, few)
    same = float(np.mean([a == b for a, b in zip(first, second, strict=True)]))
    if len({*first, *second}) == 1:  # chance alone would agree, too: κ is 0 / 0
        return Agreement(what, len(first), same, None, None, few)
    kappa = float(cohen_kappa_score(first, second))
    return Agreement(what, len(first), same, kappa, kappa_interval(first, second), few)


def kappa_interval(first: Sequence[str], second: Sequence[str]) -> tuple[float, float]:
    """Where Cohen's κ lies with a probability of 95 %, by the table of answers and Perks' prior.

    The prior adds one image, spread over all pairs of answers. So the interval has a width at full agreement and with
    few images, where the usual standard error is 0 or far off; with many it is that of the standard error.

    Args:
        first: One annotator's answers, of at least two kinds in both together.
        second: The other's, on the same images.
    """
    counts = confusion_matrix(first, second)
    tables = np.random.default_rng(0).dirichlet(counts.ravel() + 1 / counts.size, DRAWS).reshape(-1, *counts.shape)
    observed = np.trace(tables, axis1=1, axis2=2)
    chance = (tables.sum(1) * tables.sum(2)).sum(1)
    low, high = np.quantile((observed - chance) / (1 - chance), [0.025, 0.975])
    return float(low), float(high)


def progress(store: Store) -> Progress:
    """The progress of a store and of each annotator."""
    with store.reading() as session:
        images = set(session.scalars(reviewable()))
        waiting = count_images(session, undecided())
    decisions = {decision.image_id: decision for decision in store.adjudications()}
    reviews_of = _by_image(store.reviews())
    finished = {image for image, reviews in reviews_of.items() if _agree(reviews)} | set(decisions)
    missing = sum(max(0, REVIEWS_AN_IMAGE - len(reviews_of.get(image, ()))) for image in images - set(decisions))
    reviews = [review for group in reviews_of.values() for review in group]
    return Progress(
        images=len(images),
        finished=len(finished),
        texts=sum(reviewed_text(reviews_of.get(image, []), decisions.get(image)) is not None for image in finished),
        waiting=waiting,
        adjudicated=len(decisions),
        self_adjudicated=sum(
            decision.by in {review.annotator for review in reviews_of.get(image, ())}
            for image, decision in decisions.items()
        ),
        hours_left=_hours_left(missing, reviews, waiting, list(decisions.values())),
        annotators=_annotator_progress(images, reviews_of),
        pairs=_pair_agreements(reviews_of),
    )


def _by_image(reviews: Sequence[Review]) -> dict[str, list[Review]]:
    return {image: list(group) for image, group in groupby(reviews, lambda review: review.image_id)}


def _agree(reviews: Sequence[Review]) -> bool:
    outcomes = {review.text if review.verdict in DECISIVE else (review.verdict,) for review in reviews}
    return len(reviews) >= REVIEWS_AN_IMAGE and len(outcomes) == 1


def _mean_seconds(rows: Sequence[Review | Adjudication]) -> float | None:
    return float(np.mean([row.seconds for row in rows])) if any(row.seconds for row in rows) else None


def _hours_left(
    missing: int, reviews: Sequence[Review], waiting: int, decisions: Sequence[Adjudication]
) -> float | None:
    """Missing reviews and decisions at the mean pace; before the first decision, one takes as long as a review."""
    seconds = _mean_seconds(reviews)
    if seconds is None:
        return None
    return (missing * seconds + waiting * (_mean_seconds(decisions) or seconds)) / 3600


def _annotator_progress(images: set[str], reviews_of: dict[str, list[Review]]) -> list[AnnotatorProgress]:
    full = {image for image, reviews in reviews_of.items() if len(reviews) >= REVIEWS_AN_IMAGE}
    by_annotator: dict[str, list[Review]] = {}
    for reviews in reviews_of.values():
        for review in reviews:
            by_annotator.setdefault(review.annotator, []).append(review)
    return [
        _progress_of(annotator, own, len(images - full - {review.image_id for review in own}))
        for annotator, own in sorted(by_annotator.items())
    ]


def _progress_of(annotator: str, done: Sequence[Review], left: int) -> AnnotatorProgress:
    seconds = _mean_seconds(done)
    if seconds is None:
        return AnnotatorProgress(annotator, len(done), left, None, None)
    return AnnotatorProgress(annotator, len(done), left, 3600 / seconds, left * seconds / 3600)


def _pair_agreements(reviews_of: dict[str, list[Review]]) -> list[PairAgreement]:
    """Every two annotators with images in common, and their agreement on the verdict and each dimension."""
    common: dict[tuple[str, str], list[tuple[Review, Review]]] = {}
    for reviews in reviews_of.values():
        for first, second in combinations(reviews, 2):  # by annotator, as the store gives them
            common.setdefault((first.annotator, second.annotator), []).append((first, second))
    return [
        PairAgreement(annotators, [_on_verdict(pairs), *(_on_dimension(name, pairs) for name in DIMENSIONS)])
        for annotators, pairs in sorted(common.items())
    ]


def _on_verdict(pairs: Sequence[tuple[Review, Review]]) -> Agreement:
    return agreement("verdict", [first.verdict for first, _ in pairs], [second.verdict for _, second in pairs])


def _on_dimension(name: str, pairs: Sequence[tuple[Review, Review]]) -> Agreement:
    both = [(a.judgements[name], b.judgements[name]) for a, b in pairs if name in a.judgements and name in b.judgements]
    return agreement(name, [a for a, _ in both], [b for _, b in both])

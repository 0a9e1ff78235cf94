"""From candidates to one description: what differs is kept, what says most comes first.

The selection of SteelDefectX (arXiv 2603.21824): greedy by the similarity of sentences, then
S(d) = 0.6 ‖b‖₁ / 5 + 0.4 D(d), where b are the five coverage bits and D(d) = 1 − the mean cosine similarity
to the other kept candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from steeldefectx.annotate.pipeline.settings import Settings


@dataclass(frozen=True)
class Scored:
    """A candidate, and what the selection makes of it."""

    text: str
    truncated: bool
    """Cut off before its end."""
    coverage: tuple[bool, ...]
    """Whether it states shape, size, depth, location, contrast."""
    kept: bool = False
    diversity: float | None = None
    """D; None unless kept."""
    score: float | None = None
    """S; None unless kept."""
    rank: int | None = None
    """1 for the best; None unless kept."""


def select(candidates: Sequence[Scored], embeddings: np.ndarray, settings: Settings) -> list[Scored]:
    """Keep the candidates that differ, and score and rank them.

    Complete candidates are kept before truncated ones are looked at, so that no truncated one takes the place of a
    complete one that says the same.

    Args:
        candidates: N candidates as they came.
        embeddings: (N, d) of their texts, of length 1.
        settings: The numbers.

    Returns:
        All N in their order.
    """
    similarity = embeddings @ embeddings.T
    order = sorted(range(len(candidates)), key=lambda n: (candidates[n].truncated, n))
    kept = distinct(similarity, order, settings.keep, settings.similar_from)
    selected = list(candidates)
    for position in kept:
        others = [similarity[position, other] for other in kept if other != position]
        mean = float(np.mean(others)) if others else settings.supplement_similarity
        selected[position] = _score(candidates[position], mean, settings)
    return _ranked(selected)


def distinct(similarity: np.ndarray, order: Sequence[int], most: int, similar_from: float) -> list[int]:
    """Go through sentences in an order and keep each that is unlike all kept before.

    Args:
        similarity: (N, N) cosines.
        order: Positions, the first wins.
        most: Keep no more than this.
        similar_from: Cosine from which two say the same.
    """
    kept: list[int] = []
    for position in order:
        if len(kept) < most and all(similarity[position, other] < similar_from for other in kept):
            kept.append(position)
    return kept


def needs_supplement(selected: Sequence[Scored], settings: Settings) -> bool:
    """Whether no kept candidate states enough dimensions."""
    return all(sum(c.coverage) < settings.enough_dimensions for c in selected if c.kept)


def with_supplement(selected: Sequence[Scored], supplement: Scored, settings: Settings) -> list[Scored]:
    """The candidates with one more at the end, composed of answers about each dimension; ranked anew."""
    return _ranked([*selected, _score(supplement, settings.supplement_similarity, settings)])


def _score(candidate: Scored, mean_similarity: float, settings: Settings) -> Scored:
    diversity = 1 - mean_similarity
    share = sum(candidate.coverage) / len(candidate.coverage)
    score = settings.coverage_weight * share + settings.diversity_weight * diversity
    return replace(candidate, kept=True, diversity=diversity, score=score)


def _ranked(selected: list[Scored]) -> list[Scored]:
    """By score, truncated ones behind all complete ones; of equals the first."""
    kept = [position for position, candidate in enumerate(selected) if candidate.kept]
    order = sorted(kept, key=lambda n: (selected[n].truncated, -(selected[n].score or 0.0), n))
    for rank, position in enumerate(order, 1):
        selected[position] = replace(selected[position], rank=rank)
    return selected

"""The T2 selection: of an image's candidates those that differ are kept, and the best of them is its description.

As in SteelDefectX (arXiv 2603.21824): greedy by the cosine similarity of Sentence-BERT embeddings, then
S(d) = 0.6 ‖b‖₁ / 5 + 0.4 D(d), where b are the five coverage bits and D(d) = 1 − the mean cosine similarity
to the other kept candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from steeldefectx.errors import ModelError
from steeldefectx.utils.hub_connection import hub_answers

SENTENCE_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
MAX_KEPT = 3
"""Candidates that are kept at most."""
SAME_SIMILARITY = 0.9
"""Cosine similarity from which two sentences say the same: only one of them is kept."""
COVERAGE_WEIGHT, DIVERSITY_WEIGHT = 0.6, 0.4
"""Of the share of the five dimensions that a candidate states, and of its diversity, in its score."""
ENOUGH_DIMENSIONS = 4
"""Dimensions of five that at least one candidate must state, or else the model is asked about each dimension."""
DEFAULT_SIMILARITY = 0.5
"""In place of the mean similarity to the others where there is none to measure: of the supplement, as the authors
have it, and of a candidate that was kept alone, so that coverage decides between these two."""


@dataclass(frozen=True)
class ScoredCandidate:
    """A candidate description with the outcome of the selection."""

    text: str
    truncated: bool
    """Cut off before its end."""
    answer_id: int
    """The stored answer that it comes from."""
    coverage: tuple[bool, ...]
    """Whether it states shape, size, depth, location, contrast."""
    doubtful: bool = False
    """Something that is no description may be in it."""
    kept: bool = False
    diversity: float | None = None
    """D; None unless kept."""
    score: float | None = None
    """S; None unless kept."""
    rank: int | None = None
    """1 for the best; None unless kept."""


def check_sentence_model(name: str) -> None:
    """See that a Sentence-BERT model is there or can be downloaded, before any work that ends with it.

    Args:
        name: Hub id or folder.

    Raises:
        ModelError: It is neither; the message says how to bring it by hand.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(name).expanduser().is_dir():
        return
    repo = name if "/" in name else f"sentence-transformers/{name}"
    try:
        known = isinstance(try_to_load_from_cache(repo, "modules.json"), str) or hub_answers()
    except HFValidationError:
        raise ModelError(f"--sentence-model {name}: no such folder, and no Hub id.") from None
    if not known:
        raise ModelError(
            f"Sentence-BERT ({repo}), which compares candidates, is not on this machine, and the Hub does not answer. "
            f"Where there is a network: hf download {repo} --local-dir sentence-bert; bring that folder here, and give "
            "--sentence-model sentence-bert."
        )


class SentenceModel:
    """A Sentence-BERT model.

    Args:
        name: Hub id or folder.

    Raises:
        ModelError: It cannot be loaded.
    """

    def __init__(self, name: str = SENTENCE_MODEL):
        check_sentence_model(name)
        from sentence_transformers import SentenceTransformer  # imports torch and transformers: ten seconds

        try:
            self._model = SentenceTransformer(name, local_files_only=not hub_answers())
        except (OSError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            message = f"The sentence model {name!r} cannot be loaded: {reason}. Name another with --sentence-model."
            raise ModelError(message) from error

    def encode(self, texts: list[str]) -> np.ndarray:
        """Embeddings, (N, d) float32, each row of length 1."""
        embeddings: np.ndarray = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return embeddings


def select_candidates(candidates: Sequence[ScoredCandidate], embeddings: np.ndarray) -> list[ScoredCandidate]:
    """Keep the candidates that differ, and score and rank them.

    Complete candidates are kept before truncated ones are looked at, so that no truncated one takes the place of a
    complete one that says the same.

    Args:
        candidates: N candidates in the order in which they came.
        embeddings: (N, d) of their texts, each row of length 1.

    Returns:
        All N in the same order.
    """
    similarity = embeddings @ embeddings.T
    order = sorted(range(len(candidates)), key=lambda n: (candidates[n].truncated, candidates[n].doubtful, n))
    kept = distinct(similarity, order, MAX_KEPT)
    selected = list(candidates)
    for index in kept:
        others = [similarity[index, other] for other in kept if other != index]
        selected[index] = _score(candidates[index], float(np.mean(others)) if others else DEFAULT_SIMILARITY)
    return _rank(selected)


def distinct(similarity: np.ndarray, order: Sequence[int], max_kept: int) -> list[int]:
    """Keep each sentence that is unlike all that were kept before it.

    Args:
        similarity: (N, N) cosine similarities.
        order: Indices in the order in which sentences are looked at.
        max_kept: Sentences that are kept at most.
    """
    kept: list[int] = []
    for index in order:
        if len(kept) < max_kept and all(similarity[index, other] < SAME_SIMILARITY for other in kept):
            kept.append(index)
    return kept


def needs_supplement(selected: Sequence[ScoredCandidate]) -> bool:
    """Whether no kept candidate states enough dimensions."""
    return all(sum(candidate.coverage) < ENOUGH_DIMENSIONS for candidate in selected if candidate.kept)


def add_supplement(selected: Sequence[ScoredCandidate], supplement: ScoredCandidate) -> list[ScoredCandidate]:
    """Candidates with the supplement's text as one more at the end, ranked again."""
    return _rank([*selected, _score(supplement, DEFAULT_SIMILARITY)])


def _score(candidate: ScoredCandidate, mean_similarity: float) -> ScoredCandidate:
    diversity = 1 - mean_similarity
    covered = sum(candidate.coverage) / len(candidate.coverage)
    score = COVERAGE_WEIGHT * covered + DIVERSITY_WEIGHT * diversity
    return replace(candidate, kept=True, diversity=diversity, score=score)


def _rank(candidates: list[ScoredCandidate]) -> list[ScoredCandidate]:
    """Rank the kept ones by score, doubtful ones behind the others, truncated ones behind all; of equals the first."""
    kept = [index for index, candidate in enumerate(candidates) if candidate.kept]

    def place(n: int) -> tuple[bool, bool, float, int]:
        candidate = candidates[n]
        return candidate.truncated, candidate.doubtful, -(candidate.score or 0.0), n

    order = sorted(kept, key=place)
    for rank, index in enumerate(order, 1):
        candidates[index] = replace(candidates[index], rank=rank)
    return candidates

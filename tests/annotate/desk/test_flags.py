"""Contradicted words, marked in a text."""

import pytest

from steeldefectx.annotate.desk.flags import TextChecker, segments
from steeldefectx.annotate.desk.reviews import ReviewQueue
from steeldefectx.store.schema import Claim
from tests.annotate.desk.review_store import TRUE, WRONG


def test_flags_that_overlap_or_reach_beyond_the_text_cut_it_once():
    flags = [Claim(1, "size", start, end, "a", "b", 0.5) for start, end in ((2, 6), (4, 8), (5, 6), (9, 99))]
    assert [(words, flag is not None) for words, flag in segments("0123456789", flags)] == [
        ("01", False),
        *(("2345", True), ("67", True)),
        ("8", False),
        ("9", True),
    ]


def test_what_one_types_is_checked_against_the_mask(store):
    checker = TextChecker(store)
    assert [flag["kind"] for _, flag in checker.segments("steel/1", WRONG) if flag] == ["location"]
    assert checker.segments("steel/1", TRUE) == [(TRUE, None)]
    assert checker.segments("steel/1", "") == []


@pytest.mark.parametrize(
    ("kind", "dimension"),
    [
        ("shape", "shape"),
        ("direction", "shape"),
        ("size", "size"),
        ("location", "location"),
        ("polarity", "contrast"),
        ("saliency", "contrast"),
    ],
)
def test_a_contradicted_claim_makes_its_dimension_wrong_and_no_other(kind, dimension, store):
    proposed = store.candidates("steel/1")[0]
    store.set_claims({proposed.id: [Claim(proposed.id, kind, 0, 1, "a", "b", 0.5)]}, {proposed.id: 0.5})
    judgements = ReviewQueue(store).open("anna", "steel/1").judgements
    assert [name for name, word in judgements.items() if word == "wrong"] == [dimension]

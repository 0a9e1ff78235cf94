"""Contradicted words, marked in a text."""

from steeldefectx.annotate.desk.flags import TextChecker, segments
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

"""Contradicted words, marked in a text."""

from pathlib import Path

import pytest

from steeldefectx.annotate.desk.flags import TextChecker, segments
from steeldefectx.annotate.desk.reviews import ReviewQueue
from steeldefectx.annotate.desk.verify_store import verify_store
from steeldefectx.store.schema import AnnotatedImage, Answer, Candidate, Claim
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


def drafts(store, image_id, *texts):
    """Candidates of an image without a mask, checked."""
    folder = Path(store.image("steel/1").path).parent
    image = str(folder / "image.png")
    store.add_images([AnnotatedImage(image_id, "scratches", "NEU", None, image, None, "0" * 64)])
    answer = Answer("candidates", image_id, None, "1", "a model", {}, [], 1, 1, 0.0)
    store.add_answers([answer])
    rows = [
        Candidate(image_id, answer.id, text, False, True, [True] * 5, 0.2, 0.6, rank, rank == 1)
        for rank, text in enumerate(texts, 1)
    ]
    store.set_candidates(image_id, rows)


def flags(cut):
    return [(words, flag["measured"], flag["by"]) for words, flag in cut if flag]


@pytest.mark.parametrize("verified", [True, False])
def test_one_judgement_for_one_text(store, verified):
    """In the list of drafts, in the box, and with a word changed: the text itself is never one of the others."""
    drafts(
        store, "a",
        "A bright mark in the far right of the image.", "A dark mark near the left edge.", "A dark line at the left.",
        "Dark, on the left side.",
    )  # fmt: skip
    if verified:
        list(verify_store(store, anew=True))
    queue = ReviewQueue(store)
    (listed, *others) = queue.open("anna", "a").candidates
    expected = [("bright", "dark: 3 of 3", "other texts"), ("in the far right", "left: 3 of 3", "other texts")]
    assert flags(listed.segments) == expected
    assert flags(queue.checker.segments("a", listed.text)) == expected
    assert flags(queue.checker.segments("a", listed.text.replace("mark", "streak"))) == expected
    assert [flags(other.segments) for other in others] == [[], [], []]


def test_only_a_mask_measures(store):
    drafts(store, "b", "A dark round patch.")
    path = store.image("steel/1").path
    store.add_images([AnnotatedImage("b", "Bright scratch", "X-SDD", None, path, None, "0" * 64)])
    found = {by for _, _, by in flags(TextChecker(store).segments("b", "A dark mark, a case of inclusion."))}
    assert found == {"class"}
    assert {by for _, _, by in flags(TextChecker(store).segments("steel/1", WRONG))} == {"mask"}


def test_a_claim_of_an_older_version_is_compared_anew(store):
    """What it was compared with is not known, and the same text in the box is compared now."""
    proposed = store.candidates("steel/1")[0]
    store.set_claims({proposed.id: [Claim(proposed.id, "size", 0, 1, "large", "small", 0.9)]}, {proposed.id: 0.9})
    queue = ReviewQueue(store)
    kinds = [flag["kind"] for _, flag in queue.open("anna", "steel/1").candidates[0].segments if flag]
    assert kinds == ["location"]


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
    store.set_claims({proposed.id: [Claim(proposed.id, kind, 0, 1, "a", "b", 0.5, "mask")]}, {proposed.id: 0.5})
    judgements = ReviewQueue(store).open("anna", "steel/1").judgements
    assert [name for name, word in judgements.items() if word == "wrong"] == [dimension]

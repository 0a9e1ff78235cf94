"""What descriptions claim, and where in the text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steeldefectx.language.claims import KINDS, find_claims
from steeldefectx.language.places import PLACES
from steeldefectx.taxonomy import CLASS_NAMES, t0_sentence

WORDS = ("a", "the", "one", "upper", "left", "not", "dark", "line", "of", "is,", ".", "İ")


def claimed(text, kind):
    return [claim.values for claim in find_claims(text) if claim.kind == kind]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("It lies in the upper right.", ["top-right"]),
        ("A mark near the top left-hand corner", ["top-left"]),
        ("close to the bottom edge of the image", ["bottom"]),
        ("down the right side", ["right"]),
        ("in the middle left area", ["middle-left"]),
        ("left of the center", ["middle-left"]),
        ("slightly right of the centre", ["right two thirds"]),
        ("at the centre of the sheet", ["center"]),
        ("near the middle of the upper edge", ["top-center"]),
        ("across the middle", ["middle row"]),
        ("down the center", ["center column"]),
        ("over the lower two thirds of the surface", ["lower two thirds"]),
        ("in the middle and lower thirds", ["middle row", "bottom"]),
        ("all over the surface", ["all over"]),
        ("from the top left to the bottom right", ["top-left", "bottom-right"]),
        ("it is not in the centre but in the lower left", ["bottom-left"]),
        ("the bottom of the pit is dark", []),
        ("at the right angle", []),
    ],
)
def test_places(text, places):
    assert [name for values in claimed(text, "location") for name in values] == places
    assert set(places) <= set(PLACES)


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("A tiny mark.", "size", [("tiny",)]),
        ("It covers a large part of the surface.", "size", [("large", "overall")]),
        ("A mark of medium contrast.", "size", []),
        ("A large number of marks.", "size", []),
        ("It spans half the width.", "size", [("width", "0.50")]),
        ("It covers about 20 % of the image.", "size", [("area", "0.20")]),
        ("It runs from top to bottom.", "size", [("height", "1.00")]),
        ("A single dark line.", "number", [("one",)]),
        ("Several small, bright spots", "number", [("several",)]),
        ("Number of defects: 3", "number", [("three",)]),
        ("one of the rolls, in the upper two thirds", "number", []),
        ("It is much darker than the surrounding steel.", "polarity", [("dark",)]),
        ("It is light in colour, against a darker background.", "polarity", [("bright",)]),
        ("It is not dark but bright.", "polarity", [("bright",)]),
        ("Its edges are darker.", "polarity", []),
        ("close in grey level to the background", "polarity", [("neutral",)]),
        ("It is much darker than the surrounding steel.", "saliency", [("high",)]),
        ("a faint mark", "saliency", [("low",)]),
        ("its contrast to the surface is medium", "saliency", [("medium",)]),
        ("A straight line", "shape", [("linear",)]),
        ("A curved line", "shape", [("curved",)]),
        ("It is not round but elongated.", "shape", [("elongated",)]),
        ("along the vertical centre line", "shape", []),
        ("It runs vertically.", "direction", [("vertical",)]),
        ("along the vertical centre line", "direction", []),
    ],
)
def test_values(text, kind, values):
    assert claimed(text, kind) == values


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_every_class_is_known_by_name(name):
    assert claimed(t0_sentence(name), "class") == [(name,)]
    assert claimed(f"A case of {name.lower()} can be seen.", "class") == [(name,)]


def test_one_word_names_count_only_where_the_defect_is_called_so():
    assert claimed("Slag, with dark inclusions and bright patches.", "class") == []
    assert claimed("Dark patches with sharp edges.", "class") == [("Patches",)]
    assert claimed("This is a crazing defect.", "class") == [("Crazing",)]
    assert claimed("This is slag inclusion.", "class") == [("Slag inclusion",)]


def test_spans_are_the_words():
    text = "Two DARK lines, near the Upper-Left corner."
    assert {claim.kind: text[claim.start : claim.end] for claim in find_claims(text)} == {
        "number": "Two",
        "polarity": "DARK",
        "shape": "lines",
        "location": "Upper-Left corner",
    }


@given(st.text(max_size=80) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_is_read(text):
    for claim in find_claims(text):
        assert claim.kind in KINDS
        assert 0 <= claim.start < claim.end <= len(text)


@pytest.mark.parametrize("piece", ["no ", " a", "two marks ", "\n", "upper left ", "case of ", "dark and "])
def test_long_texts_take_no_longer_by_the_word(piece):
    started = time.process_time()
    find_claims(piece * (20_000 // len(piece)))
    assert time.process_time() - started < 2

"""Coverage against labelled sentences, other senses and what is known of the sample's texts."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from benchmarks.coverage_set import labelled_sentences
from steeldefectx.language.attributes import CELLS
from steeldefectx.language.coverage import DIMENSIONS, coverage
from steeldefectx.language.descriptions import SHAPES, write_texts
from steeldefectx.taxonomy import CLASS_NAMES, t0_sentence

SENTENCES = labelled_sentences()


WORDS = ("no", "the", "upper", "dark", "line", "size", "depth", "is", "of", "how", "İ,", "\n")


def stated(text):
    return {dimension for dimension, bit in zip(DIMENSIONS, coverage(text).bits, strict=True) if bit}


@pytest.mark.parametrize("part", ["development", "held out"])
def test_labelled_sentences(part):
    rows = [row for row in SENTENCES if row.part == part]
    truth = np.array([row.bits for row in rows])
    assert len(rows) >= 300
    assert truth.sum(0).min() >= 40
    assert f1_score(truth, np.array([coverage(row.text).bits for row in rows]), average="micro") >= 0.95


def test_sentences_written_after_the_rules():
    rows = [row for row in SENTENCES if row.part == "fresh"]
    said = np.array([coverage(row.text).bits for row in rows])
    assert f1_score(np.array([row.bits for row in rows]), said, average="micro") >= 0.9


def test_sentences_are_told_once():
    assert len({row.text for row in SENTENCES}) == len(SENTENCES)
    assert all(len(row.bits) == len(DIMENSIONS) for row in SENTENCES)


@pytest.mark.parametrize(
    ("text", "dimensions"),
    [
        ("The stop mark is of no account.", ""),
        ("The mark is deep grey.", "contrast"),
        ("The mark is deep.", "depth"),
        ("No clear edge can be made out.", ""),
        ("Its depth cannot be judged.", ""),
        ("Its depth is slight.", "depth"),
        ("It is not deep.", "depth"),
        ("There are no deep scratches.", ""),
        ("A small number of marks.", ""),
        ("A small mark.", "size"),
        ("Caused by the lower roll.", ""),
        ("It lies in the lower half.", "location"),
        ("The edges of the mark are rough.", ""),
        ("Near the edges of the sheet.", "location"),
        ("The dark scratches defect.", ""),
        ("A DARK scratch near the UPPER-LEFT corner", "location contrast"),
        ("**Size**: small\n**Shape**: unknown", "size"),
        ("It spans half the width.", "size"),
        ("", ""),
    ],
)
def test_what_is_stated(text, dimensions):
    assert stated(text) == set(dimensions.split())


def test_spans_are_the_words_that_state_it():
    text = "İn the UPPER-left corner, a Thin\u00a0line: much darker than the steel."
    found = coverage(text)
    assert [text[slice(*span)] for span in found.location] == ["UPPER-left corner"]
    assert [text[slice(*span)] for span in found.size] == ["Thin"]
    assert [text[slice(*span)] for span in found.contrast] == ["darker"]


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_the_name_of_a_class_states_nothing(name):
    assert stated(t0_sentence(name)) == set()


def attributes(rng):
    share = sorted(rng.dirichlet([0.2] * 9).tolist(), reverse=True)
    number = str(rng.choice(["one", "two", "multiple"]))
    return {
        "shape": str(rng.choice(list(SHAPES))),
        "direction": str(rng.choice(["horizontal", "vertical", "diagonal", "none"])),
        "spatial_distribution": "isolated" if number == "one" else "scattered",
        "number": number,
        "position": [{"cell": c, "fraction": f} for c, f in zip(rng.permutation(CELLS).tolist(), share, strict=True)],
        "scale": str(rng.choice(["tiny", "small", "medium", "large", "extensive"])),
        "polarity": str(rng.choice(["dark", "bright", "neutral"])),
        "saliency": str(rng.choice(["low", "medium", "high"])),
    }


def test_drafts_of_the_sample_state_all_but_what_they_leave_out():
    rng = np.random.default_rng(0)
    for number in range(300):
        depth = str(rng.choice(["shallow", "moderate", "deep"]))
        texts = write_texts(CLASS_NAMES[number % 25], attributes(rng), depth, rng)
        assert stated(texts.t3) == set(DIMENSIONS)
        if "size" in texts.missing and ("narrow" in texts.t2 or "thin" in texts.t2):  # the shape's own words
            continue
        assert stated(texts.t2) == set(DIMENSIONS) - set(texts.missing)


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_is_read(text):
    for spans in coverage(text):
        for start, end in spans:
            assert 0 <= start < end <= len(text)
            assert text[start:end].strip()


@pytest.mark.parametrize("piece", ["no ", " a", "how ", "two marks ", "\n", " ", "upper left ", "there is no ", "0"])
def test_long_texts_take_no_longer_by_the_word(piece):
    started = time.process_time()
    coverage(piece * (40_000 // len(piece)))
    assert time.process_time() - started < 1

import re

import pytest

from steeldefectx.taxonomy import (
    CLASS_NAMES,
    CLASSES,
    SOURCES,
    T0_TEMPLATE_SHORT,
    find_class,
    normalize_name,
    t0_sentence,
    t1_sentence,
)

# The release's file prefixes, in label order.
PREFIXES = [
    "bs",
    "cracking",
    "crease",
    "cg",
    "ds",
    "frp",
    "in",
    "Isc",
    "Isa",
    "os",
    "Ops",
    "Ots",
    "pa",
    "ps",
    "pu",
    "ris",
    "rs",
    "rp",
    "Srs",
    "ss",
    "si",
    "wf",
    "ws",
    "wl",
    "wr",
]


def test_twenty_five_classes_in_alphabetical_order():
    assert len(CLASS_NAMES) == 25
    assert list(CLASS_NAMES) == sorted(CLASS_NAMES)
    assert [c.prefix for c in CLASSES] == PREFIXES


def test_twenty_eight_source_classes_merge_into_them():
    counts = {source: sum(source in c.source_labels for c in CLASSES) for source in SOURCES}
    assert counts == {"NEU": 6, "GC10": 10, "X-SDD": 7, "S3D": 5}
    merged = {c.name for c in CLASSES if len(c.source_labels) > 1}
    assert merged == {"Bright scratch", "Dark scratches", "Inclusion"}


def test_no_spelling_means_two_classes():
    for source in SOURCES:
        spellings = [normalize_name(s) for c in CLASSES for s in c.source_labels.get(source, ())]
        assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize(
    ("spelling", "source", "name"),
    [
        ("rolled-in_scale", "NEU", "Rolled in scale"),
        ("Cr", "NEU", "Crazing"),
        ("red iron", "X-SDD", "Red iron sheet"),
        ("SURFACE_SCRATCH", "X-SDD", "Dark scratches"),
        ("yaozhed", "GC10", "Waist folding"),
        ("10", "GC10", "Waist folding"),
        ("1", "GC10", "Punching"),
        ("dark-scratches", "S3D", "Dark scratches"),
        ("white rust", None, "White rust"),
    ],
)
def test_spellings_of_the_sources_are_understood(spelling, source, name):
    assert find_class(spelling, source).name == name


def test_a_spelling_counts_only_in_its_source():
    assert find_class("scratches") is None
    assert find_class("scratches", "X-SDD") is None
    assert find_class("nonsense", "NEU") is None


def test_t0_and_t1_are_sentences_about_the_class():
    assert t0_sentence("Crazing") == "A photo of steel surface defect: Crazing."
    assert t0_sentence("Crazing", T0_TEMPLATE_SHORT) == "A photo of Crazing."
    for c in CLASSES:
        sentence = t1_sentence(c.name)
        assert sentence.startswith(t0_sentence(c.name).rstrip("."))
        assert c.looks in sentence
        assert c.cause in sentence
        assert sentence.endswith(".")
        assert not re.search(r"\.\.|  |,,", sentence)


def test_t1_of_an_unknown_class_is_none():
    assert t1_sentence("Rubber duck") is None
    assert t1_sentence("crazing").startswith("A photo of steel surface defect: crazing, ")

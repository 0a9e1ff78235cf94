"""True descriptions pass and wrong ones are caught: on drawn masks, the sample, real masks, and without masks."""

import numpy as np
import pytest
from PIL import Image

from steeldefectx.data.builder import find_samples
from steeldefectx.data.sources import read_mask
from steeldefectx.language.attributes import attributes_from_mask, template_sentence
from steeldefectx.language.claim_check import check
from steeldefectx.language.descriptions import describe_region, write_texts
from steeldefectx.language.evidence import evidence_from_class, evidence_from_mask, same_class
from steeldefectx.render.sample import render_sample
from steeldefectx.taxonomy import CLASS_NAMES

ROW, COLUMN = np.mgrid[:200, :200]
LINE = (abs(COLUMN - 30) < 3) & (ROW > 20) & (ROW < 180)
"""A vertical line near the left edge."""
SPOTS = np.logical_or.reduce(
    [np.hypot(ROW - r, COLUMN - c) < 7 for r, c in ((30, 150), (50, 180), (40, 165), (20, 185))]
)
"""Four round spots in the top right corner."""


def evidence(mask, tone=70, class_name="Dark scratches"):
    image = np.where(mask, tone, 130).astype(np.uint8)
    return evidence_from_mask(image, mask, class_name)


def wrong(text, of):
    return [contradiction.kind for contradiction in check(text, of).contradictions]


@pytest.mark.parametrize(
    "text",
    [
        "A single thin, dark line running vertically near the left edge; it looks shallow.",
        "The dark scratches defect is a long, straight mark on the left side, much darker than the steel.",
        "It is not bright but dark, not round but linear, and lies on the left, not on the right.",
        "One elongated mark from the upper left to the lower left, small in extent, with high contrast.",
        "A dark line against the brighter background; no spots are seen on the right.",
        "The scratch covers over half the height of the image.",
    ],
)
def test_what_is_true_passes(text):
    assert wrong(text, evidence(LINE)) == []


@pytest.mark.parametrize("name", [None, "Dark scratches"])
@pytest.mark.parametrize("mask", [LINE, SPOTS, ROW < 30, (ROW > 90) & (COLUMN > 90)])
def test_what_is_said_of_a_region_is_true(mask, name):
    attributes = attributes_from_mask(np.where(mask, 70, 130).astype(np.uint8), mask)
    text = describe_region(name, attributes)
    assert wrong(text, evidence(mask)) == []
    assert attributes["polarity"] in text
    assert ("scratches" in text) == (name is not None)
    assert "steel" not in text
    assert "deep" not in text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("A dark line near the right edge.", "location"),
        ("A dark line in the lower right corner.", "location"),
        ("The marks are spread all over the surface.", "location"),
        ("It covers a large part of the surface.", "size"),
        ("An extensive mark.", "size"),
        ("It spans the full width of the image.", "size"),
        ("A short line.", "size"),
        ("Several lines.", "number"),
        ("Two dark marks.", "number"),
        ("A bright line.", "polarity"),
        ("It is lighter than the surrounding steel.", "polarity"),
        ("It is close in grey level to the background.", "polarity"),
        ("A faint line.", "saliency"),
        ("A round mark.", "shape"),
        ("A network-like pattern.", "shape"),
        ("The line runs horizontally.", "direction"),
        ("The line runs diagonally.", "direction"),
        ("This is a case of crazing.", "class"),
        ("The bright scratch defect.", "class"),
    ],
)
def test_what_is_wrong_is_caught(text, kind):
    assert wrong(text, evidence(LINE)) == [kind]


def test_several_spots():
    of = evidence(SPOTS, tone=200, class_name="Oil spot")
    assert wrong("Several small, round, bright spots are clustered in the upper right.", of) == []
    assert wrong("Four tiny bright dots close to the top edge; it is oil spot.", of) == []
    assert wrong("A single round spot in the lower left.", of) == ["number", "location"]


def test_one_long_line_and_some_short_ones_may_be_three():
    mask = LINE | ((abs(COLUMN - 60) < 3) & (abs(ROW - 60) < 20)) | ((abs(COLUMN - 60) < 3) & (abs(ROW - 140) < 20))
    assert wrong("One long line and two short lines; three marks in all.", evidence(mask)) == []
    assert wrong("One long line.", evidence(mask)) == ["number"]


def test_a_contradiction_says_where_and_what():
    text = "A bright line."
    (contradiction,) = check(text, evidence(LINE)).contradictions
    assert text[contradiction.start : contradiction.end] == "bright"
    assert contradiction.claimed == ("bright",)
    assert contradiction.measured.startswith("dark, high (-60")


@pytest.mark.parametrize("angle", [30, -30, 10])
def test_a_direction_is_measured_from_the_rows_on_and_above_0_where_it_falls_to_the_right(angle):
    right, down = (COLUMN - 100, ROW - 100)
    turn = np.radians(angle)
    along, across = right * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - right * np.sin(turn)
    line = (abs(along) < 80) & (abs(across) < 3)
    (contradiction,) = check("The line runs vertically.", evidence(line)).contradictions
    assert contradiction.measured == f"{angle:+d}°"


@pytest.mark.parametrize(("turned", "side"), [(False, "width"), (True, "height")])
def test_places_and_shares_of_an_image_that_is_no_square(turned, side):
    mask = np.zeros((90, 360), dtype=bool)
    mask[60:85, 270:350] = True
    of = evidence(mask.T if turned else mask)
    assert wrong(f"A dark mark in the lower right, across about a quarter of the {side}.", of) == []
    assert wrong(f"A dark mark in the lower right, across three quarters of the {side}.", of) == ["size"]
    assert wrong("A dark mark in the upper right.", of) == ["location"]
    assert wrong("A dark mark in the lower left.", of) == ["location"]


def test_risk_grows_with_what_is_wrong():
    of = evidence(LINE)
    texts = [
        "A dark line.",
        "A faint line.",
        "A bright line.",
        "A bright line at the right edge.",
        "A bright round spot.",
    ]
    risks = [check(text, of).risk for text in texts]
    assert risks[0] == 0
    assert risks[0] < risks[1] < risks[2] < risks[3] <= 1
    assert check("A bright line. It is bright.", of).risk == risks[2]  # said twice is no more wrong
    worse, lesser = check("An extensive mark.", of).risk, check("A short mark.", of).risk
    assert worse > lesser > 0
    for text in ("An extensive mark. A short mark.", "A short mark. An extensive mark."):
        assert check(text, of).risk == worse  # of two of a kind the worse counts


def test_the_sample():
    caught = planted = 0
    for index in range(50):
        rng = np.random.default_rng([7, index])
        name = CLASS_NAMES[index % 25]
        drawn = render_sample(name, rng, 192)
        of = evidence_from_mask(drawn.image, drawn.mask, name)
        texts = write_texts(name, of.attributes, drawn.depth, rng)
        assert wrong(texts.t3, of) == [], texts.t3
        if set(texts.corrupted) - {"depth"}:
            planted += 1
            caught += bool(wrong(texts.t2, of))
    assert caught >= 0.95 * planted > 20


def test_real_masks(real_data):
    samples = [s for s in find_samples("default", real_data, skip_bad=True).samples if s.mask][::24]
    alarms = swapped = caught = 0
    for sample in samples:
        with Image.open(sample.path) as image, Image.open(sample.mask) as mask:
            of = evidence_from_mask(np.asarray(image.convert("L")), read_mask(mask, None), sample.class_name)
        text = template_sentence(sample.class_name, of.attributes)
        alarms += bool(wrong(text, of))
        tone = {"dark": "bright", "bright": "dark"}.get(of.attributes["polarity"])
        if tone and f" {of.attributes['polarity']} " in text and sample.class_name in ("Inclusion", "Patches"):
            swapped += 1
            caught += "polarity" in wrong(text.replace(f" {of.attributes['polarity']} ", f" {tone} "), of)
    assert len(samples) == 30
    assert alarms == 0
    assert caught == swapped > 5


def test_without_a_mask_the_class_speaks():
    of = evidence_from_class("Bright scratch")
    assert wrong("A dark mark runs along the strip.", of) == ["polarity"]
    assert wrong("A bright mark runs along the strip, in the upper left.", of) == []
    assert wrong("This is a case of inclusion.", of) == ["class"]
    assert wrong("A dark round mark.", evidence_from_class("spatter")) == []  # nothing is known of it


def test_without_a_mask_most_other_texts_speak():
    others = ["A mark in the upper left.", "It lies near the top left corner.", "A spot at the lower right."]
    of = evidence_from_class("Oil spot", others)
    assert wrong("A stain in the lower right.", of) == ["location"]
    assert wrong("A stain in the upper left.", of) == []
    assert wrong("A stain in the lower right.", evidence_from_class("Oil spot", others[:1])) == []


def test_names_that_may_mean_one_class():
    assert same_class("Inclusion", "Slag inclusion")
    assert same_class("Dark scratches", "scratch")
    assert not same_class("Oil spot", "Water spot")
    assert not same_class("Crazing", "weld_spatter")

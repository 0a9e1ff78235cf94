"""Attributes against a plain reference, real masks and drawn shapes; the template sentence's grammar."""

import re
import time
from collections import Counter
from fractions import Fraction
from itertools import cycle, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from steeldefectx.errors import DataError
from steeldefectx.language.attributes import CELLS, attributes_from_mask, template_sentence
from steeldefectx.language.mask_geometry import DIRECTIONS, DISTRIBUTIONS, SHAPES
from steeldefectx.taxonomy import CLASS_NAMES

SIDE = 200
ROW, COLUMN = np.mgrid[:SIDE, :SIDE]
RADIUS = np.hypot(ROW - 100, COLUMN - 100)
ANGLE = np.degrees(np.arctan2(ROW - 100, COLUMN - 100))
GREY = np.full((SIDE, SIDE), 128, dtype=np.uint8)

NUMBERS = ("one", "two", "three", "four", "five", "multiple")
SCALES = ("tiny", "small", "medium", "large", "extensive")
POLARITIES = ("dark", "bright", "neutral")
SALIENCIES = ("low", "medium", "high")


def reference(image, mask):
    """The exact attributes, pixel by pixel and in fractions."""
    height, width = mask.shape
    cell_row = [next(i for i in range(3) if r < (i + 1) * height // 3) for r in range(height)]
    cell_column = [next(j for j in range(3) if c < (j + 1) * width // 3) for c in range(width)]
    greys, inside, held = image.ravel().tolist(), 0, Counter()
    pixels = np.flatnonzero(mask).tolist()
    for pixel in pixels:
        inside += greys[pixel]
        held[CELLS[3 * cell_row[pixel // width] + cell_column[pixel % width]]] += 1
    share = Fraction(len(pixels), height * width)
    outside = height * width - len(pixels)
    difference = Fraction(inside, len(pixels)) - Fraction(sum(greys) - inside, outside) if outside else 0
    steps = zip((Fraction(1, 100), Fraction(3, 100), Fraction(1, 10)), SCALES, strict=False)
    components = flood_fill(pixels, width)
    return {
        "number": NUMBERS[min(components, 6) - 1],
        "position": [
            {"cell": cell, "fraction": held[cell] / len(pixels)}
            for cell in sorted(CELLS, key=lambda cell: (-held[cell], CELLS.index(cell)))
            if held[cell]
        ],
        "scale": next((name for bound, name in steps if share < bound), None)
        or ("large" if share <= Fraction(1, 4) else "extensive"),
        "polarity": "dark" if difference < -5 else "bright" if difference > 5 else "neutral",
        "saliency": "low" if abs(difference) < 10 else "medium" if abs(difference) <= 40 else "high",
    }


def flood_fill(pixels, width):
    """Number of 8-connected components of pixels in an image of this width."""
    wide = width + 2  # a column on either side, so that no neighbor wraps around
    todo = {pixel // width * wide + pixel % width + 1 for pixel in pixels}
    around = (-wide - 1, -wide, -wide + 1, -1, 1, wide - 1, wide, wide + 1)
    components = 0
    while todo:
        components += 1
        front = [todo.pop()]
        while front:
            pixel = front.pop()
            for step in around:
                if pixel + step in todo:
                    todo.remove(pixel + step)
                    front.append(pixel + step)
    return components


def assert_like_reference(image, mask, name=""):
    expected, found = reference(image, mask), attributes_from_mask(image, mask)
    assert {key: found[key] for key in expected} == expected, name
    assert found["shape"] in SHAPES
    assert found["direction"] in DIRECTIONS
    assert found["spatial_distribution"] in DISTRIBUTIONS
    assert (found["number"] == "one") == (found["spatial_distribution"] == "isolated")


@pytest.fixture(scope="module")
def real_masks(real_data):
    """Name, image and mask of NEU's inclusions, patches and scratches."""
    classes = {"In": "inclusion", "Pa": "patches", "Sc": "scratches"}
    found = []
    for path in sorted((real_data / "SD-saliency-900" / "Ground truth").glob("*.png")):
        prefix, number = path.stem.split("_")
        image = real_data / "NEU-DET" / "images" / classes[prefix] / f"{classes[prefix]}_{number}.jpg"
        with Image.open(image) as grey, Image.open(path) as mask:
            found.append((path.stem, np.asarray(grey.convert("L")), np.asarray(mask.convert("L")) > 127))
    return found


# Against the reference


@pytest.mark.integration
def test_exact_attributes_of_every_real_mask(real_masks):
    assert len(real_masks) > 100
    for name, image, mask in real_masks:
        assert_like_reference(image, mask, name)


def test_words_for_real_masks(real_masks):
    said = {"In": Counter(), "Pa": Counter(), "Sc": Counter()}
    for name, image, mask in real_masks:
        attributes = attributes_from_mask(image, mask)
        said[name[:2]].update({attributes["shape"]: 1, attributes["direction"]: 1, attributes["polarity"]: 1})
    total = len(real_masks) / 3
    assert said["In"]["elongated"] + said["In"]["linear"] > 0.9 * total
    assert said["Sc"]["linear"] > 0.9 * total
    assert said["Sc"]["vertical"] + said["Sc"]["horizontal"] > 0.9 * total
    assert said["Sc"]["bright"] > 0.9 * total
    assert said["Pa"]["linear"] == 0
    assert said["Pa"]["dark"] == total


def test_words_for_single_real_masks(real_masks):
    """Masks whose words were agreed on by looking at them."""
    seen = {
        "Sc_46": "linear horizontal isolated one",
        "Sc_4": "linear vertical isolated one",  # strands that touch
        "Sc_66": "linear vertical clustered two",
        "Sc_132": "linear diagonal scattered two",
        "In_4": "elongated vertical clustered multiple",
        "In_7": "elongated horizontal clustered four",
        "In_12": "elongated vertical scattered four",
        "Pa_39": "patch-like none isolated one",
        "Pa_29": "patch-like none clustered two",
        "Pa_66": "patch-like none scattered two",
        "Pa_19": "irregular none isolated one",
    }
    keys = ("shape", "direction", "spatial_distribution", "number")
    for name, image, mask in real_masks:
        found = attributes_from_mask(image, mask)
        assert seen.get(name) in (None, " ".join(found[key] for key in keys)), name


@st.composite
def images_with_masks(draw):
    shape = draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    image = draw(arrays(np.uint8, shape))
    threshold = draw(st.floats(0, 1))
    mask = np.random.default_rng(draw(st.integers(0, 2**32))).random(shape) < threshold
    mask.flat[draw(st.integers(0, mask.size - 1))] = True
    return image, mask


@settings(max_examples=150, deadline=None, derandomize=True)
@given(images_with_masks())
def test_exact_attributes_of_random_masks(drawn):
    assert_like_reference(*drawn)


@pytest.mark.parametrize(
    ("area", "scale"),
    [
        *((1, "tiny"), (99, "tiny"), (100, "small"), (299, "small"), (300, "medium"), (999, "medium")),
        *((1000, "large"), (2500, "large"), (2501, "extensive"), (9999, "extensive")),
    ],
)
def test_scale_at_its_thresholds(area, scale):
    mask = (np.arange(10_000) < area).reshape(100, 100)
    assert attributes_from_mask(np.zeros((100, 100), np.uint8), mask)["scale"] == scale


@pytest.mark.parametrize("area", [1, 3, 7, 4999])
@pytest.mark.parametrize(
    ("difference", "polarity", "saliency"),
    [
        *((0, "neutral", "low"), (5, "neutral", "low"), (6, "bright", "low"), (9, "bright", "low")),
        *((10, "bright", "medium"), (40, "bright", "medium"), (41, "bright", "high")),
        *((-5, "neutral", "low"), (-6, "dark", "low"), (-10, "dark", "medium"), (-41, "dark", "high")),
    ],
)
def test_contrast_at_its_thresholds(area, difference, polarity, saliency):
    mask = (np.arange(10_000) < area).reshape(100, 100)
    image = np.where(mask, 100 + difference, 100).astype(np.uint8)
    found = attributes_from_mask(image, mask)
    assert (found["polarity"], found["saliency"]) == (polarity, saliency)


def test_contrast_just_beyond_a_threshold():
    mask = (np.arange(10_000) < 5000).reshape(100, 100)
    image = np.where(mask, 105, 100).astype(np.uint8)
    image[0, 0] += 1  # the difference is 5.0002
    assert attributes_from_mask(image, mask)["polarity"] == "bright"


def test_full_mask_has_no_contrast_and_no_shape():
    image = np.arange(81, dtype=np.uint8).reshape(9, 9)
    found = attributes_from_mask(image, np.ones((9, 9), dtype=bool))
    assert (found["polarity"], found["saliency"], found["scale"]) == ("neutral", "low", "extensive")
    assert (found["shape"], found["direction"]) == ("unclear", "none")
    assert (found["number"], found["spatial_distribution"]) == ("one", "isolated")
    assert [entry["cell"] for entry in found["position"]] == list(CELLS)


def test_cell_borders_where_three_does_not_divide():
    cells, grey = [], np.zeros((8, 4), dtype=np.uint8)
    for row in range(8):  # rows 0-1, 2-4, 5-7
        mask = np.zeros((8, 4), dtype=bool)
        mask[row, 3] = True  # columns 0, 1, 2-3
        cells += [entry["cell"] for entry in attributes_from_mask(grey, mask)["position"]]
    assert cells == ["top-right"] * 2 + ["middle-right"] * 3 + ["bottom-right"] * 3


# Drawn shapes


def words(mask):
    found = attributes_from_mask(GREY, mask)
    return found["shape"], found["direction"], found["spatial_distribution"]


def dots(points, radius=3):
    return np.logical_or.reduce([np.hypot(ROW - row, COLUMN - column) < radius for row, column in points])


DRAWN = {
    "horizontal line": ((abs(ROW - 50) < 2) & (COLUMN > 20), "linear", "horizontal"),
    "one pixel wide": ((ROW == 3) & (COLUMN > 5) & (COLUMN < 100), "linear", "horizontal"),
    "diagonal": (abs(ROW - COLUMN) < 3, "linear", "diagonal"),
    "other diagonal": (abs(ROW + COLUMN - 199) < 3, "linear", "diagonal"),
    "bar": ((abs(ROW - 90) < 12) & (abs(COLUMN - 100) < 45), "elongated", "horizontal"),
    "disc": (RADIUS < 30, "circular", "none"),
    "ring": ((RADIUS < 40) & (RADIUS > 35), "circular", "none"),
    "dot": (RADIUS < 5, "spot-like", "none"),
    "pixel": (RADIUS < 1, "spot-like", "none"),
    "square": ((abs(ROW - 100) < 30) & (abs(COLUMN - 90) < 30), "patch-like", "none"),
    "half circle": ((RADIUS < 40) & (RADIUS > 36) & (ANGLE > 0), "curved", "horizontal"),
    "long arc": ((RADIUS < 40) & (RADIUS > 36) & (abs(ANGLE) < 135), "curved", "none"),
    "wave": (abs(ROW - 100 - 15 * np.sin(COLUMN / 20)) < 3, "curved", "horizontal"),
    "cross": ((RADIUS < 60) & ((abs(ROW - 100) < 3) | (abs(COLUMN - 100) < 3)), "irregular", "none"),
    "grid": ((ROW % 25 < 2) | (COLUMN % 25 < 2), "network-like", "none"),
    "upper half": (ROW < 100, "patch-like", "horizontal"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_shape(name):
    mask, shape, direction = DRAWN[name]
    assert words(mask) == (shape, direction, "isolated")


@pytest.mark.parametrize("name", DRAWN)
def test_turning_and_mirroring(name):
    mask, shape, direction = DRAWN[name]
    turned = {"horizontal": "vertical"}.get(direction, direction)
    assert words(np.rot90(mask)) == (shape, turned, "isolated")
    assert words(mask[:, ::-1]) == (shape, direction, "isolated")
    assert words(mask.T) == (shape, turned, "isolated")


@pytest.mark.parametrize("angle", [0, 20, 25, 65, 70, 90, 110, 115, 155, 160])
def test_direction_at_its_tolerance(angle):
    across = (ROW - 100) * np.cos(np.radians(angle)) + (COLUMN - 100) * np.sin(np.radians(angle))
    expected = "horizontal" if angle < 22 or angle > 158 else "vertical" if 68 < angle < 112 else "diagonal"
    assert words((abs(across) < 3) & (RADIUS < 80))[1] == expected


RNG = np.random.default_rng(0)
GROUPS = {
    "tight dots": (dots(RNG.uniform(80, 120, (10, 2)), 2), "spot-like", "none", "clustered"),
    "even dots": (dots(product(range(15, 200, 40), repeat=2)), "spot-like", "none", "scattered"),
    "random dots": (dots(RNG.uniform(5, 195, (30, 2))), "spot-like", "none", "scattered"),
    "three near": (dots([(50, 50), (50, 60), (60, 55)]), "spot-like", "none", "clustered"),
    "three far": (dots([(50, 50), (150, 160), (60, 155)]), "spot-like", "none", "scattered"),
    "two discs": (dots([(50, 50), (150, 150)], 30), "patch-like", "none", "scattered"),
    "dashes": ((abs(ROW - 60) < 2) & (COLUMN % 50 < 40) & (COLUMN < 99), "linear", "horizontal", "clustered"),
    "far lines": ((COLUMN % 60 > 56), "linear", "vertical", "scattered"),
}


@pytest.mark.parametrize("name", GROUPS)
def test_several_components(name):
    mask, *expected = GROUPS[name]
    assert words(mask) == tuple(expected)


def test_row_of_dots_has_its_direction():
    row = dots([(50, 20 + 20 * i) for i in range(8)])
    assert words(row)[:2] == ("spot-like", "horizontal")
    assert words(row.T)[:2] == ("spot-like", "vertical")


def test_direction_of_a_network_is_that_of_the_whole():
    broken = ((ROW % 20 < 2) & (COLUMN % 50 < 45)) | ((COLUMN % 50 == 20) & (ROW < 90)) | (COLUMN % 50 == 40)
    assert words(broken)[:2] == ("network-like", "none")


def test_specks_beside_a_dominant_component_do_not_change_its_shape():
    line = abs(ROW - 100) < 4
    assert words(line | dots([(20, 20), (30, 150), (160, 80)], 2))[:2] == ("linear", "horizontal")


def test_hundreds_of_components_are_fast():
    mask = np.zeros((128, 128), dtype=bool)
    mask[2:126:7, 2:126:7] = True
    grey = np.zeros((128, 128), dtype=np.uint8)
    begin = time.process_time()
    assert {attributes_from_mask(grey, mask)["number"] for _ in range(20)} == {"multiple"}
    assert time.process_time() - begin < 1  # 0.01 s where this was written


# Errors


@pytest.mark.parametrize(
    ("image", "mask", "said"),
    [
        (np.zeros((4, 5), np.uint8), np.ones((5, 4), bool), r"\(5, 4\).*\(4, 5\)"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), bool), "empty"),
        (np.zeros((0, 0), np.uint8), np.zeros((0, 0), bool), "empty"),
        (np.zeros((4, 5), np.uint8), np.ones((4, 5), np.uint8), "mask is uint8.*mask > 127"),
        (np.zeros((4, 5), np.uint8), np.ones((4, 5, 1), bool), r"mask .*\(4, 5, 1\)"),
        (np.zeros((4, 5, 3), np.uint8), np.ones((4, 5), bool), r"image .*\(4, 5, 3\)"),
        (np.zeros((4, 5), np.float32), np.ones((4, 5), bool), "image is float32"),
    ],
)
def test_what_cannot_be_measured(image, mask, said):
    with pytest.raises(DataError, match=said):
        attributes_from_mask(image, mask)


# Template

CENTER = [{"cell": "center", "fraction": 1.0}]
PLACES = {
    "at the bottom center": [("bottom-center", 0.95), ("center", 0.05)],
    "mainly at the top left": [("top-left", 0.6), ("center", 0.4)],
    "mainly at the top left and the center": [("top-left", 0.45), ("center", 0.4), ("top-center", 0.15)],
    "at the center and the middle left": [("center", 0.49), ("middle-left", 0.48), ("top-left", 0.03)],
    "down the center": [("center", 0.4), ("top-center", 0.3), ("bottom-center", 0.3)],
    "along the top": [("top-left", 0.4), ("top-right", 0.3), ("top-center", 0.2), ("center", 0.1)],
    "across the surface": [(cell, 1 / 9) for cell in CELLS],
}


def position(entries):
    return [{"cell": cell, "fraction": fraction} for cell, fraction in entries]


def attributes(**changes):
    plain = {"shape": "linear", "direction": "vertical", "spatial_distribution": "isolated", "number": "one"}
    plain |= {"position": CENTER, "scale": "tiny", "polarity": "bright", "saliency": "high"}
    return plain | changes


def test_template_sentence():
    place = position(PLACES["at the bottom center"])
    assert template_sentence("Bright scratch", attributes(position=place)) == (
        "A tiny bright scratch with a linear, vertical shape, isolated in one region at the bottom center; "
        "its contrast to the surface is high."
    )


@pytest.mark.parametrize("place", PLACES)
def test_place(place):
    sentence = template_sentence("Oil spot", attributes(position=position(PLACES[place])))
    assert re.search(rf"region,? {place};", sentence)


@pytest.mark.parametrize(
    ("name", "polarity", "begin", "end"),
    [
        ("Bright scratch", "bright", "A tiny bright scratch", "its contrast to the surface is high."),
        (
            "Bright scratch",
            "dark",
            "A tiny bright scratch",
            "it is darker than the surface, with high contrast.",
        ),
        ("Dark scratches", "dark", "Tiny dark scratches", "their contrast to the surface is high."),
        (
            "Dark scratches",
            "bright",
            "Tiny dark scratches",
            "they are brighter than the surface, with high contrast.",
        ),
        ("Inclusion", "dark", "A tiny dark inclusion", "its contrast to the surface is high."),
        ("Inclusion", "neutral", "A tiny inclusion", "its contrast to the surface is high."),
        ("White rust", "bright", "Tiny white rust", "it is brighter than the surface, with high contrast."),
        ("Crazing", "dark", "Tiny dark crazing", "its contrast to the surface is high."),
        ("Oxide scale of plate system", "dark", "Tiny dark oxide scale of plate system", "surface is high."),
        ("oil_spot", "neutral", "A tiny oil spot", "its contrast to the surface is high."),
        ("Tiny pits", "neutral", "Tiny pits", "their contrast to the surface is high."),
        ("Edge ring", "neutral", "A tiny edge ring", "its contrast to the surface is high."),
        ("Gloss", "neutral", "A tiny gloss", "its contrast to the surface is high."),
    ],
)
def test_template_of_names(name, polarity, begin, end):
    sentence = template_sentence(name, attributes(polarity=polarity))
    assert sentence.startswith(f"{begin} with a linear,")
    assert sentence.endswith(end)


def assert_grammatical(sentence):
    assert sentence[0].isupper(), sentence
    assert sentence.index(".") == len(sentence) - 1, sentence
    assert not re.search(r"  |\(s\)|\bnone\b|neutral| [,;.]|[,;]\S", sentence), sentence
    assert not re.search(r"\b(\w+) \1\b", sentence.lower()), sentence
    assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", sentence.lower()), sentence
    assert ("one region" in sentence) != ("regions" in sentence), sentence


def test_template_of_every_combination_of_values():
    names, places = cycle([*CLASS_NAMES, "Dent"]), cycle([position(entries) for entries in PLACES.values()])
    combinations = product(SHAPES, DIRECTIONS, DISTRIBUTIONS, NUMBERS, SCALES, POLARITIES, SALIENCIES)
    keys = ("shape", "direction", "spatial_distribution", "number", "scale", "polarity", "saliency")
    for values in combinations:
        named = dict(zip(keys, values, strict=True))
        sentence = template_sentence(next(names), {**named, "position": next(places)})
        assert_grammatical(sentence)
        assert f"{named['saliency']}" in sentence
        assert named["direction"] == "none" or named["direction"] in sentence
        assert f"{named['shape']}" in sentence


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_template_of_every_class(name):
    for scale, polarity, number in product(SCALES, POLARITIES, NUMBERS):
        sentence = template_sentence(name, attributes(scale=scale, polarity=polarity, number=number))
        assert_grammatical(sentence)
        assert name.lower() in sentence.lower()
        assert polarity == "neutral" or polarity in sentence.lower()
        assert scale in sentence.lower()


def test_sentences_tell_attributes_apart():
    different = [
        attributes(**{key: value})
        for key, values in {
            "shape": SHAPES,
            "direction": DIRECTIONS,
            "spatial_distribution": DISTRIBUTIONS,
            "number": NUMBERS,
            "scale": SCALES,
            "polarity": POLARITIES,
            "saliency": SALIENCIES,
        }.items()
        for value in values
        if attributes()[key] != value
    ]
    assert len({template_sentence("Dent", a) for a in different}) == len(different)

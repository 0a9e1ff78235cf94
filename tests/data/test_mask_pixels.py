"""Masks however they are drawn."""

import numpy as np
import pytest
from PIL import Image

from steeldefectx.data.sources.mask_pixels import COLOURS, NUMBERS, WHITE, mask_kind, read_mask
from tests.data.layouts.trees import found, image

SHAPE = np.zeros((16, 20), bool)
SHAPE[3:7, 4:15] = True
SHAPE[9, 2] = True
VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 128, 0, 128, 0, 128, 128, 128, 128, 128, 64, 0, 0]


def levels(*numbers, dtype=np.uint8):
    """The shape, its pixels with these levels in turn."""
    drawn = np.zeros(SHAPE.shape, dtype)
    drawn[SHAPE] = np.resize(numbers, SHAPE.sum())
    return drawn


def palette(indices, colours):
    picture = Image.fromarray(indices).convert("L")
    picture = Image.frombytes("P", picture.size, picture.tobytes())
    picture.putpalette(colours)
    return picture


def colours(*each):
    picture = np.zeros((*SHAPE.shape, 3), np.uint8)
    picture[SHAPE] = np.resize(np.array(each), (SHAPE.sum(), 3))
    return Image.fromarray(picture)


DRAWN = {
    "white on black": (Image.fromarray(levels(255)), WHITE),
    "one bit": (Image.fromarray(SHAPE), WHITE),
    "white in colour": (colours((255, 255, 255)), WHITE),
    "16 bits": (Image.fromarray(levels(65535, dtype=np.uint16)), WHITE),
    "zero and one": (Image.fromarray(levels(1)), NUMBERS),
    "class numbers": (Image.fromarray(levels(1, 2, 3)), NUMBERS),
    "class numbers of 16 bits": (Image.fromarray(levels(1, 2, dtype=np.uint16)), NUMBERS),
    "LOCO's levels": (Image.fromarray(levels(255, 254, 250)), WHITE),
    "VOC's palette": (palette(levels(1, 8), VOC), COLOURS),
    "a palette of numbers": (palette(levels(1, 2), [i // 3 for i in range(768)]), NUMBERS),
    "a black palette": (palette(levels(1, 2), [0] * 768), NUMBERS),
    "a palette of black and white": (palette(levels(1), [0, 0, 0, 255, 255, 255]), WHITE),
    "red": (colours((255, 0, 0)), COLOURS),
    "many colours, dark ones too": (colours((64, 0, 0), (0, 64, 0), (0, 0, 255)), COLOURS),
    "transparent": (colours((255, 0, 0)).convert("RGBA"), COLOURS),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_the_defect(name):
    picture, kind = DRAWN[name]
    np.testing.assert_array_equal(read_mask(picture, None), SHAPE)
    assert mask_kind(picture) == kind


@pytest.mark.parametrize("name", DRAWN)
def test_a_part_is_read_as_all_of_it_is(name):
    np.testing.assert_array_equal(read_mask(DRAWN[name][0], (2, 8, 9, 12)), SHAPE[8:12, 2:9])


def test_soft_edges_are_cut_in_the_middle():
    soft = np.linspace(0, 255, 320).reshape(16, 20).astype(np.uint8)
    np.testing.assert_array_equal(read_mask(Image.fromarray(soft), None), soft > 127)


def test_soft_edges_of_16_bits_are_cut_in_the_middle():
    soft = np.linspace(0, 65535, 320).reshape(16, 20).astype(np.uint16)
    np.testing.assert_array_equal(read_mask(Image.fromarray(soft), None), soft > 127 * 257)


def test_255_beside_class_numbers_is_to_be_ignored():
    drawn = levels(1, 2)
    drawn[0] = 255
    np.testing.assert_array_equal(read_mask(Image.fromarray(drawn), None), SHAPE)
    np.testing.assert_array_equal(read_mask(palette(drawn, VOC), None), SHAPE)


def test_it_is_said_how_masks_are_read(tmp_path):
    for name in ("scratch", "dent"):
        image(tmp_path / name / "1.png")
        (tmp_path / "masks" / name).mkdir(parents=True)
        DRAWN["zero and one"][0].save(tmp_path / "masks" / name / "1.png")
    listing, _ = found(tmp_path)
    assert any(note.startswith("2 masks are drawn in class numbers, not white on black") for note in listing.notes)

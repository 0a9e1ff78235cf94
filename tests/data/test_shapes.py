"""Masks that annotations draw, against drawings made pixel by pixel."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from steeldefectx.data.sources.shapes import (
    Circle,
    Line,
    Polygon,
    Rectangle,
    Shapes,
    bitmap,
    circle,
    run_lengths,
)

coordinates = st.one_of(st.integers(-5, 30).map(float), st.floats(-5, 30, width=32))


def inside(points, x, y):
    """Whether a point is inside a polygon: a ray to the left crosses its sides an odd number of times."""
    crossed = 0
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        if (y0 <= y) != (y1 <= y):
            crossed += x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x
    return crossed % 2 == 1


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8))
def test_a_polygon_is_the_pixels_whose_centres_it_encloses(points):
    expected = np.array([[inside(points, x + 0.5, y + 0.5) for x in range(25)] for y in range(20)])
    drawn = Shapes((25, 20), (Polygon(tuple(points)),)).mask()
    if expected.any():
        assert np.array_equal(drawn, expected)


def test_a_box_covers_its_own_pixels_and_no_more():
    for shape in (Polygon(((10, 5), (30, 5), (30, 12), (10, 12))), Rectangle(10, 5, 30, 12)):
        mask = Shapes((50, 40), (shape,)).mask()
        assert mask.sum() == 20 * 7
        assert mask[5:12, 10:30].all()


def test_a_scratch_thinner_than_a_pixel_is_drawn_all_the_same():
    mask = Shapes((50, 40), (Polygon(((5, 20.1), (45, 20.2), (45, 20.3), (5, 20.4))),)).mask()
    assert 38 <= mask.sum() <= 42


def test_what_leaves_the_image_is_cut():
    mask = Shapes((20, 10), (Polygon(((-5, -5), (5, -5), (5, 5), (-5, 5))), Rectangle(15, 5, 99, 99))).mask()
    assert mask.sum() == 5 * 5 + 5 * 5


def test_circles_and_lines():
    assert Shapes((100, 100), (circle((50, 50), (70, 50)),)).mask().sum() == pytest.approx(np.pi * 400, rel=0.01)
    assert Circle((50, 50), 20) == circle((50, 50), (50, 70))
    line = Shapes((100, 100), (Line(((10, 50), (90, 50)), width=10),)).mask()
    assert line.sum() == pytest.approx(80 * 10, rel=0.05)
    assert set(np.flatnonzero(line.any(axis=1))) <= set(range(44, 57))


def pack(counts):
    """Counts as COCO packs them, by its description: base 32 with a bit for more, differences from the third on."""
    text = ""
    for position, count in enumerate(counts):
        value = count - (counts[position - 2] if position > 2 else 0)
        while True:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)
            text += chr(48 + bits + 32 * more)
            if not more:
                break
    return text


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=5, max_size=5), st.integers(1, 40))
def test_run_lengths_packed_or_not(pixels, scale):
    mask = np.repeat(np.array(pixels), scale, axis=1)
    column_by_column = mask.T.ravel()
    counts, last = [0], False
    for pixel in column_by_column:
        if pixel != last:
            counts.append(0)
            last = pixel
        counts[-1] += 1
    size = (mask.shape[1], mask.shape[0])
    for given_counts in (counts, pack(counts)):
        assert np.array_equal(Shapes(size, (run_lengths(size, given_counts),)).mask(), mask)


@pytest.mark.parametrize("counts", [[3, 3], [-1, 13], "\x10", [1.5, 10.5], "zzzzzzzz"])
def test_run_lengths_of_something_else_are_refused(counts):
    with pytest.raises(ValueError, match="run-lengths"):
        run_lengths((4, 3), counts)


def test_a_bitmap_lies_at_its_place():
    buffer = io.BytesIO()
    Image.fromarray(np.array([[255, 0], [255, 255]], np.uint8)).save(buffer, "PNG")
    mask = Shapes((10, 8), (bitmap(4.0, 2.0, base64.b64encode(buffer.getvalue()).decode()),)).mask()
    assert sorted(zip(*np.nonzero(mask), strict=True)) == [(2, 4), (3, 4), (3, 5)]
    with pytest.raises(ValueError, match="no PNG"):
        bitmap(0, 0, "bm9uZQ==")

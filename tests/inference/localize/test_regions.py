"""Regions that a map marks: boxes, outlines, areas, and what is taken for one."""

import numpy as np
import pytest
from skimage.draw import polygon2mask

from steeldefectx.inference.localize.regions import described, find_regions, full_mask

SIZE = (79, 59)


def a_map(*parts):
    values = np.zeros((30, 40), np.float32)
    for rows, columns, value in parts:
        values[rows, columns] = value
    return values


def test_regions_have_boxes_areas_and_scores_in_pixels_of_the_frame():
    values = a_map((slice(5, 10), slice(8, 20), 0.9), (slice(20, 25), slice(30, 40), 0.7))
    values[7, 9] = 0.95
    first, second = find_regions(values, SIZE, 0.5)
    assert first.box == (16, 10, 40, 20)
    assert (first.area, first.score) == (5 * 12 * 4, pytest.approx((59 * 0.9 + 0.95) / 60))
    assert second.box == (60, 40, 79, 50)  # as far as the frame goes
    assert second.score == pytest.approx(0.7)


def test_what_is_marked_weakly_on_the_whole_is_no_region():
    values = a_map((slice(5, 10), slice(8, 20), 0.9), (slice(20, 25), slice(30, 40), 0.7))
    assert len(find_regions(values, SIZE, 0.5, 0.65)) == 2
    (region,) = find_regions(values, SIZE, 0.5, 0.8)
    assert region.box == (16, 10, 40, 20)


def test_an_outline_encloses_what_is_marked():
    values = np.zeros((60, 80), np.float32)
    rows, columns = np.mgrid[:60, :80]
    off = (rows - 30) ** 2 + (columns - 36) ** 2
    values[off < 280] = 1
    values[off < 36] = 0  # a ring: the outline is the outer one
    (region,) = find_regions(values, (160, 120), 0.5)
    drawn = polygon2mask((120, 160), np.array(region.polygon)[:, ::-1])
    disc = np.kron(off < 280, np.ones((2, 2), bool))
    assert (drawn & disc).sum() / (drawn | disc).sum() > 0.95
    assert region.area < drawn.sum()


def test_a_line_that_is_broken_for_a_cell_is_one_region_and_a_single_cell_none():
    values = a_map((slice(10, 12), slice(2, 15), 0.8), (slice(10, 12), slice(16, 30), 0.8), (25, 5, 1.0))
    (region,) = find_regions(values, SIZE, 0.5)
    assert region.box[0] == 4
    assert region.box[2] == 60
    assert find_regions(np.zeros((30, 40), np.float32), SIZE, 0.5) == []
    (all_over,) = find_regions(np.ones((30, 40), np.float32), SIZE, 0.5)
    assert all_over.box == (0, 0, *SIZE)


def test_a_mask_is_of_the_frames_own_size():
    values = a_map((slice(5, 10), slice(8, 20), 1.0))
    mask = full_mask(values, SIZE, 0.5)
    assert mask.shape == SIZE[::-1]
    expected = np.zeros(SIZE[::-1], bool)
    expected[10:20, 16:40] = True
    assert (mask & expected).sum() / (mask | expected).sum() > 0.9


def test_a_large_frame_is_described_at_a_coarser_resolution_in_the_same_words():
    values = np.zeros((240, 360), np.float32)
    values[20:28, 40:200] = 1
    grey = np.where(values > 0, 40, 180).astype(np.uint8)
    (region,) = find_regions(values, (720, 480), 0.5)
    full, coarse = described(region, grey), described(region, grey[::4, ::4], 4)
    assert coarse.sentence == full.sentence
    assert (coarse.attributes["shape"], coarse.attributes["direction"]) == ("linear", "horizontal")
    assert [place["cell"] for place in coarse.attributes["position"]] == ["top-left", "top-center"]

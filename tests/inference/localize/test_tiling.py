"""Frames as tiles, and maps of tiles as one map of the frame."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from steeldefectx.inference.localize.tiling import CELL, StitchedMap, enlarged, resized, tile_sides, tiles

SIZES = [(128, 128), (640, 480), (130, 500), (100, 60), (1, 1), (3, 900), (2048, 1000)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_tiles_cover_each_pixel_and_leave_the_frame_nowhere(size, overlap):
    for side in tile_sides(size, 128):
        covered = np.zeros((size[1], size[0]), bool)
        for tile in tiles(size, side, overlap):
            left, top, right, bottom = tile.box
            assert min(left, top) >= 0
            assert right <= size[0]
            assert bottom <= size[1]
            covered[top:bottom, left:right] = True
        assert covered.all()


def test_passes_get_coarser_until_a_tile_has_the_frames_shorter_side():
    assert tile_sides((128, 128), 128) == [128]
    assert tile_sides((640, 480), 128) == [128, 480]
    assert tile_sides((16384, 2048), 128) == [128, 512, 2048]
    assert tile_sides((50, 900), 128) == [50]


@pytest.mark.parametrize("size", [(640, 480), (258, 133), (2048, 1000)])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_what_was_cut_up_is_put_together_again(size, overlap):
    shape = -(-size[1] // CELL), -(-size[0] // CELL)
    frame = np.random.default_rng(0).random(shape).astype(np.float32)
    whole = StitchedMap(size)
    for tile in tiles(size, 128, overlap):
        rows, columns = (slice(start // CELL, -(-(start + 128) // CELL)) for start in (tile.top, tile.left))
        whole.add(tile, frame[rows, columns])
    np.testing.assert_allclose(whole.values(), frame, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (5, 11), (1, 1), (1, 6)])
def test_maps_are_enlarged_as_torch_does(shape):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    expected = F.interpolate(torch.from_numpy(values)[None, None], scale_factor=CELL, mode="bilinear")[0, 0].numpy()
    np.testing.assert_allclose(resized(values, expected.shape), expected, atol=1e-6)
    size = shape[1] * CELL - 1, shape[0] * CELL - 1  # a frame that ends within a cell
    parts = list(enlarged(values, size, rows_at_once=7))
    assert [rows.start for rows, _ in parts] == list(range(0, size[1], 7))
    np.testing.assert_allclose(np.concatenate([part for _, part in parts]), expected[:-1, :-1], atol=1e-6)


def test_a_map_that_is_made_smaller_keeps_its_mean():
    values = np.random.default_rng(0).random((12, 9)).astype(np.float32)
    smaller = resized(values, (5, 2))
    assert smaller.shape == (5, 2)
    assert smaller.mean() == pytest.approx(values.mean(), rel=1e-5)

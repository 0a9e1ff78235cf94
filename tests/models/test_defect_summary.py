"""What the map of a defect says of it as a whole."""

import numpy as np
import pytest
import torch

from steeldefectx.models.from_scratch import Sizes, learn_tokenizer, new_model
from steeldefectx.models.steel_clip import SUMMARY_GRID, measure_map

SCALARS = 2 * SUMMARY_GRID**2


def measured(mask, grey=None, local=None):
    mask = torch.as_tensor(np.asarray(mask, np.float32))[None]
    grey = torch.zeros(1, 1, *mask.shape[1:]) if grey is None else grey
    local = torch.zeros(1, 2, *mask.shape[1:]) if local is None else local
    return measure_map(grey, local, 20 * (2 * mask - 1))[0]


def bar(rows, columns):
    mask = np.zeros((24, 24))
    mask[rows, columns] = 1
    return mask


def test_area_and_middle_are_those_of_the_mask():
    found = measured(bar(slice(0, 6), slice(18, 24)))
    area, log, highest, x, y = found[SCALARS : SCALARS + 5].tolist()
    assert area == pytest.approx(36 / 576, rel=1e-3)
    assert log == pytest.approx(np.log(36 / 576), rel=1e-3)
    assert highest == pytest.approx(1)
    columns = np.linspace(-1, 1, 24)
    assert x == pytest.approx(columns[18:].mean(), abs=1e-3)
    assert y == pytest.approx(columns[:6].mean(), abs=1e-3)
    cells = found[SUMMARY_GRID**2 : SCALARS].reshape(SUMMARY_GRID, SUMMARY_GRID)  # shares of the area
    assert cells.sum() == pytest.approx(1, abs=1e-2)
    assert cells[:2, 4:].sum() > 0.85


def test_directions_have_opposite_signs():
    lying, standing = bar(slice(11, 13), slice(2, 22)), bar(slice(2, 22), slice(11, 13))
    spread, edges = SCALARS + 6, SCALARS + 8
    for index in (spread, edges):
        assert measured(lying)[index] == pytest.approx(-measured(standing)[index].item(), abs=1e-3)
        assert abs(measured(lying)[index]) > 0.5
    falling = np.eye(24)
    assert measured(falling)[SCALARS + 7] == pytest.approx(
        -measured(falling[::-1].copy())[SCALARS + 7].item(), abs=1e-3
    )
    assert abs(measured(falling)[SCALARS + 7]) > 0.4


def test_tone_is_the_difference_of_grey_within_and_outside():
    mask = bar(slice(4, 10), slice(4, 10))
    grey = torch.as_tensor(np.where(mask > 0, -2.0, 0.5).astype(np.float32))[None, None]
    within, outside, tone, brighter, darker = measured(mask, grey)[SCALARS + 13 : SCALARS + 18].tolist()
    assert (within, outside, tone) == (
        pytest.approx(-2, abs=1e-2),
        pytest.approx(0.5, abs=1e-2),
        pytest.approx(-2.5, abs=1e-2),
    )
    assert (brighter, darker) == (0, pytest.approx(2.5, abs=1e-2))


def test_an_empty_map_and_a_full_one_are_finite_with_finite_gradients():
    for value in (-40.0, 40.0):
        defect = torch.full((2, 8, 8), value, requires_grad=True)
        found = measure_map(torch.randn(2, 1, 32, 32), torch.randn(2, 3, 8, 8), defect)
        found.sum().backward()
        assert found.isfinite().all()
        assert defect.grad.isfinite().all()


def test_both_ways_to_embed_an_image_give_the_same_and_the_map_counts():
    sizes = Sizes(64, (8, 16), 12, 1, 3, 128, 8, dense=8)
    model = new_model(learn_tokenizer(["a"], 300, 128), sizes)
    pixels = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        alone = model.get_image_features(pixels).pooler_output
        torch.testing.assert_close(model.get_dense_features(pixels).image, alone)
        model.dense.defect.bias += 3
        assert not torch.allclose(model.get_image_features(pixels).pooler_output, alone)

import numpy as np
import pytest

from steeldefectx.inference.explain.scores import Scores, centre_map, mean_scores, random_map, score

RNG = np.random.default_rng(0)


def test_scores_are_those_of_the_formulas():
    saliency, mask = RNG.random((12, 9)).astype(np.float32), RNG.random((12, 9)) < 0.3
    cells = [(saliency[y, x], mask[y, x]) for y in range(12) for x in range(9)]
    top = max(value for value, _ in cells)
    found = score(saliency, mask, 0.6)
    assert found.energy == pytest.approx(
        sum(float(v) for v, inside in cells if inside) / sum(float(v) for v, _ in cells)
    )
    assert found.hit == next(float(inside) for value, inside in cells if value == top)
    both = sum(inside and value >= 0.6 * top for value, inside in cells)
    either = sum(inside or value >= 0.6 * top for value, inside in cells)
    assert found.iou == pytest.approx(both / either)


def test_a_map_that_is_the_mask_scores_full_and_one_beside_it_nothing():
    mask = np.zeros((8, 8), bool)
    mask[2:4, 5:] = True
    assert score(mask.astype(np.float32), mask) == Scores(1, 1, 1)
    assert score((~mask).astype(np.float32), mask) == Scores(0, 0, 0)


def test_a_map_without_preference_gets_the_masks_share():
    mask = np.zeros((10, 10), bool)
    mask[:3] = True
    for level in (0, 0.7):
        assert score(np.full((10, 10), level, np.float32), mask) == Scores(*[pytest.approx(0.3)] * 3)


def test_the_mean_energy_of_random_maps_is_the_masks_share():
    mask = np.zeros((64, 48), bool)
    mask[10:30, 8:20] = True
    found = mean_scores([score(random_map((64, 48), RNG), mask) for _ in range(300)])
    assert found.energy == pytest.approx(mask.mean(), rel=0.03)


def test_the_centre_map_prefers_the_centre():
    found = centre_map((40, 60))
    assert np.unravel_index(found.argmax(), found.shape) in [(19, 29), (19, 30), (20, 29), (20, 30)]
    assert found[20, 30] > 2 * found[20, 50]
    np.testing.assert_allclose(found, found[::-1, ::-1])

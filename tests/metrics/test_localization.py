"""Maps against masks, held against scikit-learn and against counting by hand."""

import evaluate
import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score

from steeldefectx import metrics
from steeldefectx.metrics.localization import LEVELS, PixelCounts, mean_iou, pixel_auroc, pixel_f1_max

RNG = np.random.default_rng(0)
MASKS = [RNG.random((20 + n, 31)) < 0.2 for n in range(4)]
MAPS = [np.clip(0.3 * mask + RNG.normal(0.4, 0.2, mask.shape), 0, 1) for mask in MASKS]


def test_they_agree_with_scikit_learn():
    scores, wanted = (np.concatenate([one.ravel() for one in many]) for many in (MAPS, MASKS))
    assert pixel_auroc(MAPS, MASKS) == pytest.approx(roc_auc_score(wanted, scores), abs=1e-4)
    precision, recall, _ = precision_recall_curve(wanted, scores)
    expected = np.nanmax(2 * precision * recall / (precision + recall))
    assert pixel_f1_max(MAPS, MASKS) == pytest.approx(expected, abs=1e-3)
    counts = PixelCounts()
    for one, mask in zip(MAPS, MASKS, strict=True):
        counts.add(one, mask)
    best, threshold = counts.f1_max()
    marked = scores >= threshold
    assert best == pytest.approx(2 * (marked & wanted).sum() / (marked.sum() + wanted.sum()))
    assert counts.inside.sum() + counts.outside.sum() == len(scores)
    assert counts.inside.nbytes == 8 * LEVELS  # however many images


def test_ties_count_half_and_nothing_to_find_is_no_number():
    assert pixel_auroc([np.full((2, 2), 0.5)], [np.eye(2)]) == 0.5
    assert pixel_auroc([np.eye(2)], [np.eye(2)]) == 1
    assert np.isnan(pixel_auroc([np.eye(2)], [np.zeros((2, 2))]))
    assert np.isnan(pixel_f1_max([np.eye(2)], [np.zeros((2, 2))]))


def test_iou_is_the_mean_over_images_and_a_sound_image_left_alone_is_right():
    maps = [[[0.9, 0.9], [0.1, 0.1]], [[0.0, 0.2], [0.3, 0.4]], [[0.0, 0.6], [0.0, 0.0]]]
    masks = [[[1, 0], [1, 0]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]
    assert mean_iou(maps, masks) == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert mean_iou(maps, masks, threshold=0.95) == pytest.approx((0 + 1 + 1) / 3)


@pytest.mark.parametrize(
    ("scores", "mask", "said"),
    [([[0.5]], [[1, 0]], "a mask of shape"), ([[1.5]], [[1]], "0 to 1"), ([[np.nan]], [[1]], "0 to 1")],
)
def test_what_cannot_be_compared_is_refused(scores, mask, said):
    with pytest.raises(ValueError, match=said):
        pixel_auroc([scores], [mask])


@pytest.mark.parametrize("function", [pixel_auroc, pixel_f1_max, mean_iou])
def test_evaluate_loads_them(function):
    name = function.__name__
    module = evaluate.load(metrics.path(name))
    found = module.compute(predictions=MAPS[:1], references=[MASKS[0].astype(float)])
    assert found[name] == pytest.approx(function(MAPS[:1], MASKS[:1]), abs=1e-4)

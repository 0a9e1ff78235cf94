"""The localizer: shapes, what is compared within an image, and a model that keeps all else."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from steeldefectx.errors import ModelError
from steeldefectx.models.clip import load_clip
from steeldefectx.models.localizer import ALIKE, DefectLocalizer, usualness
from steeldefectx.pretrain.localizer import with_localizer


@pytest.fixture(scope="module")
def embedded():
    return load_clip("embedded")


def test_usualness_is_that_of_the_most_alike_patches():
    features = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    found = usualness(features)
    assert found.shape == (2, len(ALIKE) + 1, 6, 7)
    unit = F.normalize(features, dim=1).flatten(2)[1].T.numpy()
    cosines = unit @ unit.T
    for place in (0, 17, 41):
        others = np.sort(cosines[place])[::-1]
        np.testing.assert_allclose(found[1].flatten(1)[:, place], [*others[list(ALIKE)], others.mean()], atol=1e-5)


def test_one_odd_patch_is_the_least_usual_one():
    features = torch.ones(1, 4, 8, 8) + 0.05 * torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    features[0, :, 2, 5] = torch.tensor([-1.0, 1, -1, 1])
    found = usualness(features)
    for channel in found[0]:
        assert int(channel.argmin()) == 2 * 8 + 5


@pytest.mark.parametrize("side", [128, 64])
def test_a_map_has_a_cell_for_two_pixels_and_does_not_hang_on_the_batch(side):
    torch.manual_seed(0)
    localizer = DefectLocalizer((8, 12, 16), 8).eval()
    stages = [torch.randn(3, size, side // 4 >> depth, side // 4 >> depth) for depth, size in enumerate((8, 12, 16))]
    grey = torch.randn(3, 1, side, side)
    with torch.inference_mode():
        logits = localizer(grey, stages)
        alone = localizer(grey[1:2], [stage[1:2] for stage in stages])
    assert logits.shape == (3, side // 2, side // 2)
    torch.testing.assert_close(logits[1:2], alone, atol=1e-5, rtol=1e-4)


def test_a_model_with_a_localizer_says_of_images_and_texts_what_it_said_before(embedded):
    model = with_localizer(embedded, 16)
    pixels = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before, after = (one.get_image_features(pixels).pooler_output for one in (embedded.model.float(), model))
        torch.testing.assert_close(before, after)
        assert model.get_dense_features(pixels, marked=True).marked.shape == (2, 64, 64)
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert trained
    assert all(name.startswith("localizer.") for name in trained)


def test_another_kind_of_model_gets_none():
    clip = load_clip("embedded")
    clip.model = torch.nn.Linear(1, 1)
    with pytest.raises(ModelError, match="has no localizer"):
        with_localizer(clip, 8)

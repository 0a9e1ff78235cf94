"""Maps of frames by a model's local features."""

import numpy as np
import pytest
import torch
from PIL import Image

from steeldefectx.errors import ModelError
from steeldefectx.inference.localize.maps import Localizer
from steeldefectx.inference.localize.tiling import CELL
from steeldefectx.models.clip import load_clip
from tests.inference.localize.new_models import new_clip


@pytest.fixture(scope="module")
def localizer():
    return Localizer(new_clip())


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width), np.uint8))


@pytest.mark.parametrize("size", [(64, 64), (130, 70), (30, 20), (1, 1), (9, 300)])
def test_a_frame_of_any_size_has_a_map_with_a_value_for_each_cell(localizer, size):
    for found in (localizer.defect_map(noise(*size)), localizer.text_map(noise(*size), "a dark spot")):
        assert found.shape == (-(-size[1] // CELL), -(-size[0] // CELL))
        assert ((found >= 0) & (found <= 1)).all()


def test_of_a_frame_of_the_models_size_it_is_the_models_own_map(localizer):
    frame = noise(64, 64)
    pixels = torch.from_numpy(localizer.clip.to_pixels(frame))[None]
    with torch.inference_mode():
        expected = localizer.clip.model.get_defect_maps(localizer.clip.normalize(pixels))[0].sigmoid()
    np.testing.assert_allclose(localizer.defect_map(frame), expected.numpy(), atol=1e-4)


def test_a_model_without_local_features_is_refused():
    with pytest.raises(ModelError, match="no local features"):
        Localizer(load_clip("tiny"))

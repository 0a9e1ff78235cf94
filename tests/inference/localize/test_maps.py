"""Maps of frames by a model's local features."""

import numpy as np
import pytest
import torch
from PIL import Image

from steeldefectx.errors import ModelError
from steeldefectx.inference.localize.maps import BATCH, BIAS, OF_MAP, OF_SOUND, Localizer
from steeldefectx.inference.localize.tiling import CELL
from steeldefectx.models.clip import load_clip
from steeldefectx.render.composed.compose import compose
from tests.inference.localize.new_models import new_clip


@pytest.fixture(scope="module")
def localizer():
    return Localizer(new_clip())


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width), np.uint8))


@pytest.mark.parametrize("size", [(64, 64), (130, 70), (30, 20), (1, 1), (9, 300)])
def test_a_frame_of_any_size_has_a_map_with_a_value_for_each_cell(localizer, size):
    for found in (localizer.defect_map(noise(*size))[0], localizer.text_map(noise(*size), "a dark spot")):
        assert found.shape == (-(-size[1] // CELL), -(-size[0] // CELL))
        assert ((found >= 0) & (found <= 1)).all()


def test_of_a_frame_of_the_models_size_it_is_the_models_own_map(localizer):
    frame = noise(64, 64)
    pixels = torch.from_numpy(localizer.clip.to_pixels(frame))[None]
    with torch.inference_mode():
        expected = (
            localizer.clip.model.get_dense_features(localizer.clip.normalize(pixels), marked=True).marked[0].sigmoid()
        )
    np.testing.assert_allclose(localizer.defect_map(frame)[0], expected.numpy(), atol=1e-4)


def test_what_is_too_large_for_one_tile_is_seen_in_windows_of_twice_the_side(localizer):
    for size, seen in (((128, 300), 64), ((129, 300), 128), ((640, 480), 128)):
        assert {tuple(some.shape[1:]) for some in localizer.tiles_of(noise(*size))} == {(1, seen, seen)}
    most = max(len(some) for some in localizer.tiles_of(noise(640, 480)))
    assert most * 128**2 <= BATCH * 64**2  # as much memory as for tiles of the model's size


def test_the_score_is_that_of_the_most_suspicious_tile(localizer):
    frame = noise(300, 300)
    scores = []
    for pixels in localizer.tiles_of(frame):
        with torch.inference_mode():
            found = localizer.clip.model.get_dense_features(localizer.clip.normalize(pixels))
            scores += (localizer.signs(found) @ torch.tensor([OF_MAP, -OF_SOUND]) + BIAS).sigmoid().tolist()
    assert len(scores) > 1
    assert localizer.defect_map(frame)[1] == pytest.approx(max(scores), abs=1e-5)


def test_rendered_sound_scenes_score_lower_than_ones_with_a_defect():
    rng = np.random.default_rng(7)
    scenes = [compose(rng, 128) for _ in range(60)]
    localizer = Localizer(load_clip("embedded"))
    scores = np.array([localizer.defect_map(Image.fromarray(scene.image))[1] for scene in scenes])
    faulty = np.array([scene.mask.any() for scene in scenes])
    assert 0 < scores.min() < scores.max() < 1
    assert (scores[faulty][:, None] > scores[~faulty]).mean() > 0.75


def test_a_model_without_local_features_is_refused():
    with pytest.raises(ModelError, match="no local features"):
        Localizer(load_clip("tiny"))

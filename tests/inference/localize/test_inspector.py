"""Inspecting frames."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import steeldefectx
from steeldefectx.errors import DataError
from steeldefectx.inference.localize.inspector import SteelDefectInspector, frame_score
from steeldefectx.inference.localize.maps import Localizer
from tests.inference.localize.new_models import new_clip


def surface(seed, size=(150, 100)):
    grey = np.random.default_rng(seed).normal(128, 8, size[::-1])
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def inspector():
    torch.manual_seed(0)
    return SteelDefectInspector(Localizer(new_clip()), {"Pit": ["a dark spot"], "Line": ["a line"]})


@pytest.fixture(scope="module")
def knowing(inspector):
    return inspector.fit_sound([surface(seed) for seed in range(12)], target_fpr=0.1)


def marked():
    frame = surface(100)
    ImageDraw.Draw(frame).rectangle((90, 30, 130, 70), fill=80)
    return frame


def test_what_sound_frames_do_not_show_is_found_where_it_is(knowing):
    found = knowing(marked())
    left, top, right, bottom = found.regions[0].box
    assert left < 110 < right
    assert top < 50 < bottom
    assert not found.sound
    assert found.score > max(inspection.score for inspection in knowing([surface(seed) for seed in range(50, 56)]))


def test_a_folders_odd_frame_is_found_without_any_known_as_sound(inspector):
    frames = [surface(seed) for seed in range(12)]
    frames[5] = marked()
    scores = [found.score for found in inspector.fit_batch(frames)(frames)]
    assert int(np.argmax(scores)) == 5


def test_a_region_says_what_it_looks_like(knowing):
    region = knowing(marked()).regions[0]
    assert "dark" in region.sentence
    assert region.attributes["polarity"] == "dark"
    assert 0 <= region.probability <= 1
    assert region.label in (None, "Pit", "Line")


def test_maps_and_masks_have_the_frames_own_size(knowing, inspector):
    for one in (knowing, inspector):
        for text in (None, "a dark spot"):
            found = one(marked(), text=text)
            assert found.heatmap.shape == found.mask.shape == (100, 150)
            assert (found.heatmap.dtype, found.mask.dtype) == (np.float32, np.bool_)
            assert not (found.mask & (found.heatmap < found.threshold)).any()
            assert found.mask.any() == (not found.sound)
            assert 0 <= found.score <= 1


def test_a_list_gives_a_list_and_files_are_read(knowing, tmp_path):
    frames = [surface(60), marked()]
    for number, frame in enumerate(frames):
        frame.save(tmp_path / f"{number}.png")
    of_files = knowing([tmp_path / "0.png", str(tmp_path / "1.png")])
    of_images = knowing(frames)
    assert [found.score for found in of_files] == [found.score for found in of_images]
    assert knowing([]) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (70, 9)])
def test_frames_of_any_size_and_mode(inspector, size):
    levels = np.random.default_rng(0).integers(0, 2**16, size[::-1]).astype(np.uint16)
    for frame in (surface(0, size), surface(0, size).convert("RGB"), Image.fromarray(levels)):
        found = inspector(frame)
        assert found.mask.shape == size[::-1]


def test_a_file_that_is_no_image_is_named(inspector, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"bad\.png"):
        inspector(tmp_path / "bad.png")


def test_a_frames_score_is_that_of_its_highest_cells():
    cells = np.zeros((10, 10), np.float32)
    cells[3, 4:6] = 0.8
    assert frame_score(cells, 0.02) == pytest.approx(0.8)
    assert frame_score(np.zeros((1, 1), np.float32), 0.02) == 0


def test_it_is_public():
    assert steeldefectx.SteelDefectInspector is SteelDefectInspector

"""RandAugment: what each operation does, against plain forms of it, and that shares of a draw are the whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from steeldefectx.features import randaugment
from steeldefectx.features.augmentation import draw_variation, variation_of, vary_light, vary_shape
from steeldefectx.features.randaugment import OPERATIONS, RandAugmentation, draw_randaugment

RANDOM = np.random.default_rng(0).integers(40, 200, (6, 24, 32, 3), dtype=np.uint8)
PIXELS = torch.from_numpy(RANDOM).permute(0, 3, 1, 2)


def nothing(n=6):
    """A draw that changes nothing."""
    tile = lambda row: np.tile(np.float32(row), (n, *[1] * np.ndim(row)))  # noqa: E731
    return RandAugmentation(tile([[1, 0, 0], [0, 1, 0]]), tile([1, 0, 1]), np.zeros(n, np.float32), tile([0, 0, 0, 0]))


def varied(**changes):
    return replace(nothing(), **changes).apply(PIXELS.float())


def test_nothing_drawn_changes_nothing():
    torch.testing.assert_close(varied(), PIXELS.float(), atol=1e-3, rtol=0)


def test_mirroring_is_exact():
    matrix = np.tile(np.float32([[-1, 0, 0], [0, 1, 0]]), (6, 1, 1))
    torch.testing.assert_close(varied(matrix=matrix), PIXELS.float().flip(3), atol=1e-2, rtol=0)


def test_rotation_is_pillows():
    """Clockwise, as y points down; in the middle, away from the border, where Pillow fills with black."""
    smooth = Image.fromarray(RANDOM[0]).resize((8, 8)).resize((96, 96), Image.Resampling.BICUBIC)
    angle = np.radians(15)
    matrix = np.float32([[[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0]]])
    image = torch.from_numpy(np.array(smooth)).permute(2, 0, 1)[None].float()
    found = replace(nothing(1), matrix=matrix).apply(image)[0].permute(1, 2, 0).numpy()
    expected = np.asarray(smooth.rotate(-15, Image.Resampling.BILINEAR), dtype=float)
    assert np.abs(found - expected)[24:72, 24:72].max() < 3


def test_tone_is_its_formula():
    tone = np.tile(np.float32([1.4, -20, 0.7]), (6, 1))
    moved = np.clip((PIXELS.numpy() - 128.0) * 1.4 + 128 - 20, 0, 255)
    np.testing.assert_allclose(varied(tone=tone).numpy(), (moved / 255) ** 0.7 * 255, atol=0.05)


def test_sharpness_below_0_blurs_and_above_sharpens():
    def roughness(images):
        return images.diff(dim=3).abs().mean(dim=(1, 2, 3))

    by = np.float32([-1, -0.5, 0, 0, 0.5, 1])
    found = roughness(varied(sharpness=by)) / roughness(PIXELS.float())
    assert (found[:2] < 0.9).all()
    assert found[2:4].tolist() == pytest.approx([1, 1], abs=1e-4)
    assert (found[4:] > 1.1).all()


def test_erased_is_a_rectangle_in_the_mean():
    erased = np.zeros((6, 4), np.float32)
    erased[1] = [0.25, 0.5, 0.5, 1.0]
    found = varied(erased=erased)
    assert torch.allclose(found[1, :, 12:, 8:16], PIXELS[1].float().mean(dim=(1, 2))[:, None, None], atol=0.1)
    found[1, :, 12:, 8:16] = PIXELS[1, :, 12:, 8:16].float()
    torch.testing.assert_close(found, PIXELS.float(), atol=1e-3, rtol=0)


def test_every_operation_is_drawn_and_strengths_stay_within_bounds():
    drawn = draw_randaugment(4_000, np.random.default_rng(0))
    changed = [drawn.tone[:, 0] != 1, drawn.tone[:, 1] != 0, drawn.tone[:, 2] != 1, drawn.sharpness != 0,
               drawn.erased[:, 2] > drawn.erased[:, 0]]  # fmt: skip
    for share in map(np.mean, changed):
        assert share == pytest.approx(1 - (1 - 1 / len(OPERATIONS)) ** randaugment.COUNT, abs=0.03)
    assert np.abs(drawn.tone[:, 1]).max() <= randaugment.COUNT * randaugment.BRIGHTNESS
    assert drawn.erased.min() >= 0
    assert drawn.erased.max() <= 1
    area = np.abs(np.linalg.det(drawn.matrix[:, :, :2]))
    assert area.mean() == pytest.approx((1 + randaugment.LEAST_AREA) / 2, abs=0.02)
    assert 0.45 < (np.linalg.det(drawn.matrix[:, :, :2]) < 0).mean() < 0.55, "half are mirrored once"


def test_images_stay_images():
    variation = draw_variation(6, "randaugment", np.random.default_rng(3))
    found = vary_light(vary_shape(PIXELS, variation), variation)
    assert found.shape == PIXELS.shape
    assert (found >= 0).all()
    assert (found <= 255).all()
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_grey_stays_grey():
    grey = PIXELS[:, :1].expand(-1, 3, -1, -1).float()
    found = draw_randaugment(6, np.random.default_rng(1)).apply(grey)
    torch.testing.assert_close(found[:, 0], found[:, 2], atol=1e-3, rtol=0)


def test_shares_of_a_draw_are_the_whole_and_a_view_depends_on_its_name_alone():
    drawn = draw_variation(6, "randaugment", np.random.default_rng(5))
    whole = vary_light(PIXELS, drawn)
    for first in range(2):
        share = slice(first, None, 2)
        torch.testing.assert_close(vary_light(PIXELS[share], drawn.part(share)), whole[share], atol=1e-3, rtol=0)
    together, alone = (variation_of("randaugment", names) for names in (["a", "b"], ["b"]))
    assert np.array_equal(together.matrix[1], alone.matrix[0])

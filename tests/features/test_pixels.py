"""Variation of images: what it may change, and that shares of it are the whole."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from steeldefectx.data.labelled import Split
from steeldefectx.features import pixels as images
from steeldefectx.features.augmentation import (
    MIN_CROP_AREA,
    Variation,
    draw_variation,
    variation_of,
    vary_light,
    vary_shape,
)
from steeldefectx.features.pixels import PixelStore
from steeldefectx.models.clip import load_clip


def channels_last(pixels):
    return pixels.contiguous(memory_format=torch.channels_last)


def ramps(n=16):
    """Grey rising from left to right, in byte images of 64 x 64."""
    ramp = torch.arange(64, dtype=torch.uint8)
    return channels_last(torch.stack([ramp.repeat(64, 1) + 90] * 3).expand(n, 3, 64, 64))


def varied(kind, seed, pixels=None):
    pixels = ramps() if pixels is None else pixels
    variation = draw_variation(len(pixels), kind, np.random.default_rng(seed))
    return vary_light(vary_shape(pixels, variation), variation)


def test_photometric_variation_keeps_every_place_where_it_is():
    found = varied("photometric", 0)
    assert found.shape == (16, 3, 64, 64)
    assert found.min() >= 0
    assert found.max() <= 255
    assert found.mean(dim=(1, 2, 3)).std() > 5, "images get different exposures"
    inside = (found > 0) & (found < 255)
    steps = found.diff(dim=3)[(inside[..., 1:] & inside[..., :-1])]
    assert (steps > 0).all(), "brighter stays brighter, on the same side"


def test_geometric_variation_mirrors_some():
    found = varied("geometric", 0)
    rising = (found[..., -1] > found[..., 0]).float().mean(dim=(1, 2))
    assert 0 < rising.round().sum() < 16


def test_crops_are_pillows():
    """The same part of the image, resized by an independent implementation."""
    rng = np.random.default_rng(1)
    pixels = torch.from_numpy(rng.integers(0, 255, (6, 48, 64, 3), dtype=np.uint8)).permute(0, 3, 1, 2)
    drawn = draw_variation(6, "geometric", rng)
    flat = Variation(drawn.crop, drawn.mirror, np.tile(np.float32([1, 0]), (6, 1)))
    found = vary_light(vary_shape(pixels, flat), flat).permute(0, 2, 3, 1).numpy()
    for n in range(6):
        side, left, top = drawn.crop[n]
        h, w = round(side * 48), round(side * 64)
        y, x = round(top * (48 - h)), round(left * (64 - w))
        image = Image.fromarray(pixels[n].permute(1, 2, 0).numpy()).crop((x, y, x + w, y + h))
        expected = np.asarray(image.resize((64, 48), Image.Resampling.BILINEAR))
        expected = expected[:: -1 if drawn.mirror[n, 0] else 1, :: -1 if drawn.mirror[n, 1] else 1]
        assert np.abs(found[n] - expected.astype(float)).max() <= 1


def test_crops_keep_at_least_the_smallest_area():
    crop = draw_variation(5_000, "geometric", np.random.default_rng(0)).crop
    assert MIN_CROP_AREA <= (crop[:, 0] ** 2).min() < MIN_CROP_AREA + 0.01
    assert 0.74 < (crop[:, 0] ** 2).mean() < 0.76


def test_no_variation_and_determinism():
    assert torch.equal(varied("none", 0), ramps().float())
    assert torch.equal(varied("geometric", 3), varied("geometric", 3))
    assert not torch.equal(varied("geometric", 3), varied("geometric", 4))


def test_shares_of_a_variation_are_the_whole():
    pixels = channels_last(torch.randint(0, 255, (10, 3, 32, 32), dtype=torch.uint8))
    drawn = draw_variation(10, "geometric", np.random.default_rng(5))
    whole = vary_light(vary_shape(pixels, drawn), drawn)
    for first in range(3):
        share = slice(first, None, 3)
        part = drawn.part(share)
        assert torch.equal(vary_light(vary_shape(pixels[share], part), part), whole[share])


def test_a_view_depends_on_its_name_alone():
    together = variation_of("geometric", ["a 1", "b 1", "c 1"])
    alone = variation_of("geometric", ["b 1"])
    assert np.array_equal(together.crop[1], alone.crop[0])
    assert np.array_equal(together.light[1], alone.light[0])
    assert not np.array_equal(variation_of("geometric", ["b 2"]).crop, alone.crop)
    assert variation_of("none", ["a"]) is None
    assert variation_of("photometric", ["a"]).crop is None


def stored(tmp_path, monkeypatch, pictures):
    """A store of some pictures, two decoded at a time, and its pixels."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    monkeypatch.setattr(images, "CHUNK", 2)
    files = []
    for picture in pictures:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        files.append(buffer.getvalue())
    count = len(files)
    split = Split([{"bytes": file, "path": None} for file in files], [str(hash(file)) for file in files],
                  np.arange(count), np.zeros(count, np.int64), {}, np.array(["NEU"] * count))  # fmt: skip
    clip = load_clip("tiny")
    found = PixelStore(split, clip).batch(np.arange(count))
    decoded = images.decode(split.column, split.rows, clip)
    return found, decoded, clip


@pytest.mark.parametrize("normalized", [True, False])
def test_grey_images_are_stored_with_one_channel_and_look_the_same_to_a_model(tmp_path, monkeypatch, normalized):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (70, 50), dtype=np.uint8) for _ in range(5)]
    found, decoded, clip = stored(tmp_path, monkeypatch, pictures)
    assert found.shape == (5, 1, 96, 96)
    clip.image_processor.do_normalize = normalized
    clip.image_processor.image_mean, clip.image_processor.image_std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    assert torch.equal(clip.normalize(found), clip.normalize(decoded))


def test_one_coloured_image_among_grey_ones_keeps_its_colours(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (70, 50), dtype=np.uint8) for _ in range(4)]
    pictures.append(rng.integers(0, 255, (70, 50, 3), dtype=np.uint8))
    found, decoded, _ = stored(tmp_path, monkeypatch, pictures)
    assert torch.equal(found, decoded)

"""What a model sees is what its image processor gives, whatever the image's mode and depth."""

import io
import logging

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoImageProcessor,
    BitImageProcessorPil,
    CLIPImageProcessorPil,
    ConvNextImageProcessorPil,
    EfficientNetImageProcessorPil,
    SiglipImageProcessorPil,
    ViTImageProcessorPil,
)

from steeldefectx.errors import ModelError
from steeldefectx.models.preprocessing import Preprocessing
from steeldefectx.utils import grey_levels
from steeldefectx.utils.grey_levels import declared_bits, to_rgb

SQUARE = {"size": {"height": 32, "width": 32}}
CROPPED = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
PROCESSORS = [
    CLIPImageProcessorPil(**CROPPED),
    CLIPImageProcessorPil(**CROPPED, do_normalize=False),
    CLIPImageProcessorPil(**CROPPED, do_rescale=False),
    SiglipImageProcessorPil(**SQUARE),
    ViTImageProcessorPil(**SQUARE, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4]),
    ViTImageProcessorPil(**SQUARE, rescale_factor=1 / 127.5),
    ConvNextImageProcessorPil(size={"shortest_edge": 64}),
    ConvNextImageProcessorPil(size={"shortest_edge": 384}),
    EfficientNetImageProcessorPil(**SQUARE),
    EfficientNetImageProcessorPil(**SQUARE, rescale_factor=1 / 127.5, rescale_offset=True, include_top=False),
    BitImageProcessorPil(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}),  # DINOv2's
]


def prepared(processor):
    model = Preprocessing()
    model.image_processor = processor
    return model


@pytest.mark.parametrize("processor", PROCESSORS, ids=[f"{type(p).__name__}-{n}" for n, p in enumerate(PROCESSORS)])
@pytest.mark.parametrize("size", [(40, 60), (60, 40), (33, 33)])
def test_pixels_are_those_of_transformers_for_every_supported_processor(processor, size, tmp_path):
    processor.save_pretrained(tmp_path)
    loaded = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    assert type(loaded) is type(processor)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
    model = prepared(loaded)
    expected = torch.as_tensor(loaded(images=image, return_tensors="np")["pixel_values"][0])
    found = model.normalize(torch.from_numpy(model.to_pixels(image))[None])[0]
    torch.testing.assert_close(found, expected.float(), atol=1e-6, rtol=1e-5)
    model.check_preprocessing("lab/model")


def test_a_processor_that_does_more_is_refused():
    class Inverting(CLIPImageProcessorPil):
        def normalize(self, image, mean, std, **kwargs):
            return -super().normalize(image, mean, std, **kwargs)

    with pytest.raises(ModelError, match=r"lab/model: its image processor \(Inverting\) does more"):
        prepared(Inverting(**CROPPED)).check_preprocessing("lab/model")


@pytest.mark.parametrize("edge", [64, 384])
def test_the_part_of_an_image_that_convnext_sees(edge):
    """Below 384 it crops, from there on it warps: a mark in the margin is seen or not."""
    model = prepared(ConvNextImageProcessorPil(size={"shortest_edge": edge}))
    left, top, right, bottom = model.seen((256, 256))
    margin = 16 if edge == 64 else 0
    assert (left, top, right, bottom) == pytest.approx((margin, margin, 256 - margin, 256 - margin), abs=1)
    marked = np.zeros((256, 256, 3), np.uint8)
    marked[:, :10] = 255
    assert (model.to_pixels(Image.fromarray(marked)).max() > 128) == (margin == 0)


def ramp(bits):
    return np.linspace(0, 2**bits - 1, 96).astype(np.uint16)[None].repeat(96, 0)


def tiff(values, **tags):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF", tiffinfo={getattr(grey_levels, tag): tags[tag] for tag in tags})
    return Image.open(buffer)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_grey_images_keep_the_bits_that_their_file_declares(bits):
    expected = np.linspace(0, 255, 96).astype(np.uint8)
    found = np.asarray(to_rgb(tiff(ramp(bits), MAX_SAMPLE_VALUE=2**bits - 1)))
    assert found.shape == (96, 96, 3)
    assert np.abs(found[0, :, 0].astype(int) - expected).max() <= 1


def test_a_neighbours_brightness_does_not_depend_on_the_brightest_pixel():
    """4095 against 4096 was half the brightness."""
    dark, darker = ramp(16), ramp(16)
    dark[0, 0], darker[...] = 4096, np.minimum(ramp(16), 4095)
    both = [np.asarray(to_rgb(Image.fromarray(values)))[1, :6, 0] for values in (dark, darker)]
    assert (both[0] == both[1]).all()


def test_a_file_of_twelve_bits_is_read_as_one():
    """Packed as cameras do, two grey levels in three bytes; Pillow cannot write such files."""
    values = ramp(12)
    pairs = values.reshape(-1, 2).astype(np.uint32)
    joined = pairs[:, 0] << 12 | pairs[:, 1]
    packed = np.stack([joined >> 16, joined >> 8 & 255, joined & 255], 1).astype(np.uint8).tobytes()
    entries = [(256, 3, 96), (257, 3, 96), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
               (278, 3, 96), (279, 4, len(packed))]  # fmt: skip
    header = b"II*\0" + (8 + len(packed)).to_bytes(4, "little")
    table = len(entries).to_bytes(2, "little") + b"".join(
        tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + (1).to_bytes(4, "little") + value.to_bytes(4, "little")
        for tag, kind, value in entries
    )
    image = Image.open(io.BytesIO(header + packed + table + bytes(4)))
    assert (image.mode, declared_bits(image)) == ("I;16", 12)
    assert np.asarray(to_rgb(image)).max() == 255


def png(values):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return Image.open(buffer)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_what_declares_no_depth_has_that_of_its_data_set_which_is_said(bits, caplog):
    model = prepared(ViTImageProcessorPil(size={"height": 96, "width": 96}))
    bright, dark = ramp(bits), ramp(bits) // 8
    with caplog.at_level(logging.WARNING):
        model.learn_grey_levels([png(dark), png(bright), Image.new("L", (4, 4))])
    assert f"read as {bits} bits" in caplog.text
    assert model.to_pixels(png(bright)).max() == 255
    assert model.to_pixels(png(dark)).max() == 31, "a dark image of the set stays dark"
    model.learn_grey_levels([png(dark)])
    assert model.grey_bits == bits, "and when it is asked about alone"


def test_a_checkpoint_remembers_the_depth_of_the_images_it_was_trained_on(tmp_path):
    model = prepared(ViTImageProcessorPil(size={"height": 96, "width": 96}))
    model.learn_grey_levels([png(ramp(12))])
    model.image_processor.save_pretrained(tmp_path)
    assert prepared(ViTImageProcessorPil.from_pretrained(tmp_path)).grey_bits == 12


def test_floating_point_levels_have_the_range_of_their_data_set_which_is_said_and_kept(tmp_path, caplog):
    model = prepared(ViTImageProcessorPil(size={"height": 96, "width": 96}))
    bright, dark = (Image.fromarray((ramp(8) / 255 * top).astype(np.float32)) for top in (0.9, 0.1))
    with caplog.at_level(logging.WARNING):
        model.learn_grey_levels([dark, bright, Image.new("L", (4, 4))])
    assert "0 is black, 1 white" in caplog.text
    assert model.grey_bits == 16, "integers are read as before"
    assert abs(int(model.to_pixels(bright).max()) - 230) <= 1
    assert abs(int(model.to_pixels(dark).max()) - 26) <= 1, "a dark image of the set stays dark"
    model.image_processor.save_pretrained(tmp_path)
    again = prepared(ViTImageProcessorPil.from_pretrained(tmp_path))
    assert again.grey_range == (0, 1)
    again.learn_grey_levels([Image.fromarray((ramp(8) / 255 * 0.01 - 3).astype(np.float32))])
    assert again.grey_range == (0, 1), "one odd image alone does not change what a model was trained with"
    again.learn_grey_levels([Image.fromarray(ramp(8).astype(np.float32))])
    assert again.grey_range == (0, 255), "images that no smaller range holds do"

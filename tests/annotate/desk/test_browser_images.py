"""What a browser is sent of a mask: orange where the defect is, stretched over its image."""

import io

import numpy as np
from PIL import Image

from steeldefectx.annotate.desk.browser_images import image_png, overlay_png


def test_a_mask_is_orange_over_its_image_and_opaque_along_its_outline(tmp_path):
    levels = np.full((10, 30), 127, np.uint8)
    levels[2:6, 3:9] = 128
    Image.fromarray(levels).save(tmp_path / "mask.png")
    Image.new("L", (60, 20)).save(tmp_path / "image.png")
    overlay = np.asarray(Image.open(io.BytesIO(overlay_png(tmp_path / "mask.png", tmp_path / "image.png"))))
    expected = np.zeros((20, 60), np.uint8)
    expected[4:12, 6:18] = 255
    expected[5:11, 7:17] = 70
    np.testing.assert_array_equal(overlay[..., 3], expected)
    assert (overlay[..., :3] == (255, 122, 26)).all()


def test_an_image_is_upright_and_its_numbers_are_scaled(tmp_path):
    levels = np.zeros((20, 30), np.float32)
    levels[:5, :5] = 1
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(levels))).save(tmp_path / "image.tif", exif=turned)
    shown = np.asarray(Image.open(io.BytesIO(image_png(tmp_path / "image.tif"))))
    np.testing.assert_array_equal(shown, levels * 255)

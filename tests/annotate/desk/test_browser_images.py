"""What a browser is sent of a mask: orange where the defect is, stretched over its image."""

import io

import numpy as np
from PIL import Image

from steeldefectx.annotate.desk.browser_images import overlay_png


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

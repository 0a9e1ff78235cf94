"""What a browser is sent: deep images by the depth of all of them, small pictures, masks in orange over their image."""

import io

import numpy as np
from PIL import Image

from steeldefectx.annotate.desk.browser_images import grey_depth, grey_levels, image_png, overlay_png, thumbnail_png
from steeldefectx.store.schema import AnnotatedImage


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


def stored(path):
    return AnnotatedImage(path.name, "Patches", "NEU", None, str(path), None, "0" * 64)


def opened(png):
    return Image.open(io.BytesIO(png))


def test_deep_images_are_read_by_the_depth_of_the_whole_store(tmp_path):
    """A dark image of 12 bits stays dark beside a bright one, as models see it."""
    files = {}
    for name, level in (("dark", 400), ("bright", 4000)):
        files[name] = tmp_path / f"{name}.png"
        Image.fromarray(np.full((4, 4), level, np.uint16)).save(files[name])
    images = [stored(file) for file in files.values()]
    assert grey_depth(images).bits == 12
    assert grey_levels(files["dark"], grey_depth(images))[0, 0] == 400 >> 4
    shown = opened(image_png(files["dark"], grey_depth(images)))
    assert (shown.mode, shown.getpixel((0, 0))) == ("L", 400 >> 4)
    assert opened(image_png(files["bright"], grey_depth(images))).getpixel((0, 0)) == 4000 >> 4


def test_a_store_of_ordinary_images_and_one_that_is_gone(tmp_path):
    Image.new("RGB", (6, 4), (200, 10, 30)).save(tmp_path / "a.jpg", quality=100)
    assert grey_depth([stored(tmp_path / "a.jpg"), stored(tmp_path / "gone.png")]).bits == 16
    assert grey_depth([]).bits == 16
    assert opened(image_png(tmp_path / "a.jpg")).mode == "RGB"


def test_a_thumbnail_keeps_the_shape_and_no_small_image_grows(tmp_path):
    Image.new("L", (1600, 400)).save(tmp_path / "long.png")
    Image.new("L", (60, 60)).save(tmp_path / "small.png")
    assert opened(thumbnail_png(tmp_path / "long.png")).size == (160, 40)
    assert opened(thumbnail_png(tmp_path / "small.png")).size == (60, 60)

"""Images of a data set as rows of the annotation store."""

from functools import partial

import numpy as np
from PIL import Image

from steeldefectx.annotate.pipeline import dataset_images


def test_the_sample_can_be_annotated(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_images, "SteelDefectXConfig", partial(dataset_images.SteelDefectXConfig, images=3))
    found, _ = dataset_images.find_images("sample", None, skip_bad=False)
    assert [image.image_id for image in found] == ["synthetic/00000", "synthetic/00001", "synthetic/00002"]
    with Image.open(found[0].path) as picture, Image.open(found[0].mask) as mask:
        assert picture.size == mask.size == (128, 128)
    assert found == dataset_images.find_images("sample", None, skip_bad=False)[0]


def test_masks_of_class_numbers_are_shown_white_on_black(tmp_path):
    levels = np.zeros((16, 20), np.uint8)
    levels[4:9, 3:7] = 2
    for name in ("dent", "scratch"):
        for folder in (tmp_path / name, tmp_path / "masks" / name):
            folder.mkdir(parents=True)
        Image.fromarray(np.arange(320, dtype=np.uint8).reshape(16, 20)).save(tmp_path / name / "1.png")
        Image.fromarray(levels).save(tmp_path / "masks" / name / "1.png")
    found, _ = dataset_images.find_images("class-folders", tmp_path, skip_bad=False)
    for image in found:
        with Image.open(image.mask) as mask:
            np.testing.assert_array_equal(np.asarray(mask.convert("L")), np.where(levels, 255, 0))


def test_a_mask_of_the_image_as_it_is_stored_is_upright_in_the_store(tmp_path):
    upright = np.zeros((20, 30), np.uint8)
    upright[:5, :9] = 255
    stored, turned = np.ascontiguousarray(np.rot90(upright)), Image.Exif()
    turned[0x0112] = 6
    (tmp_path / "scratch").mkdir()
    Image.fromarray(stored).save(tmp_path / "scratch" / "a.png", exif=turned)
    Image.fromarray(stored).save(tmp_path / "scratch" / "a_mask.png")
    (found,), _ = dataset_images.find_images("class-folders", tmp_path, skip_bad=False)
    assert found.path == str(tmp_path / "scratch" / "a.png")
    with Image.open(found.mask) as mask:
        np.testing.assert_array_equal(np.asarray(mask) > 0, upright > 0)


def test_a_chosen_page_is_a_file_of_its_own(tmp_path):
    (tmp_path / "scratch").mkdir()
    pages = [Image.new("L", (30, 20), 40 * (n + 1)) for n in range(3)]
    pages[0].save(tmp_path / "scratch" / "a.tif", save_all=True, append_images=pages[1:])
    (found,), _ = dataset_images.find_images("class-folders", tmp_path, skip_bad=False, page=2)
    with Image.open(found.path) as image:
        assert image.getextrema() == (120, 120)

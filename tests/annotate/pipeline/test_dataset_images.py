"""Images of a data set as rows of the annotation store."""

from functools import partial

from PIL import Image

from steeldefectx.annotate.pipeline import dataset_images


def test_the_sample_can_be_annotated(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_images, "SteelDefectXConfig", partial(dataset_images.SteelDefectXConfig, images=3))
    found, _ = dataset_images.find_images("sample", None, skip_bad=False)
    assert [image.image_id for image in found] == ["synthetic/00000", "synthetic/00001", "synthetic/00002"]
    with Image.open(found[0].path) as picture, Image.open(found[0].mask) as mask:
        assert picture.size == mask.size == (128, 128)
    assert found == dataset_images.find_images("sample", None, skip_bad=False)[0]

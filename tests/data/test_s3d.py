"""The reader of S3D, beside folders of other sources that look like its own."""

import numpy as np
import pytest
from PIL import Image

from steeldefectx.data.sources import find_samples

CLASSES = {
    "bright scratch": "Bright scratch",
    "dark scratches": "Dark scratches",
    "iron scale compression": "Iron scale compression",
    "secondary rust skin": "Secondary rust skin",
    "white rust": "White rust",
}


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(1, 255, (20, 20), dtype=np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    "spell", [str, str.upper, lambda s: s.title().replace(" ", "_"), lambda s: s.replace(" ", "-")]
)
def test_class_folders_in_any_spelling(tmp_path, spell):
    for name in CLASSES:
        image(tmp_path / "S3D" / "images" / spell(name) / "7.jpg")
    found = find_samples(tmp_path)
    assert {s.image_id: s.class_name for s in found.samples} == {f"S3D/{n}/7": c for n, c in CLASSES.items()}
    assert found.notes == ["S3D: 5 images found, 880 were published."]


def test_folders_of_others_are_left_to_them(tmp_path):
    image(tmp_path / "X-SDD" / "datas" / "surface scratch" / "1.jpg")
    image(tmp_path / "NEU" / "scratches" / "scratches_1.jpg")
    image(tmp_path / "S3D" / "dark scratches" / "1.jpg")
    assert [s.image_id for s in find_samples(tmp_path).samples] == [
        "NEU/scratches_1",
        "S3D/dark scratches/1",
        "X-SDD/surface scratch/1",
    ]


def test_a_file_named_like_another_sources_is_taken_once(tmp_path):
    image(tmp_path / "bright scratch" / "Sc_1.bmp")
    assert [s.image_id for s in find_samples(tmp_path).samples] == ["S3D/bright scratch/Sc_1"]

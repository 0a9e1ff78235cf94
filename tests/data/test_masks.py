"""Masks of any source: by their stem, thresholded, and what can be wrong with them."""

import numpy as np
import pytest
from PIL import Image

from steeldefectx.data.sources import class_folder_names, find_class_folders, find_images, find_samples
from steeldefectx.errors import DataError


def image(path, size=(20, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(1, 255, size[::-1], dtype=np.uint8)).save(path)
    return path


def mask(path, size=(20, 20), level=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(size[::-1], np.uint8)
    pixels[3:9] = level
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    "place", ["masks/a7.png", "white rust/a7_mask.png", "S3D/masks/white rust/a7.png", "white rust/gt/a7.png"]
)
def test_by_stem(tmp_path, place):
    image(tmp_path / "white rust" / "a7.jpg")
    image(tmp_path / "red iron" / "b7.jpg")
    file = mask(tmp_path / place)
    assert {s.image_id: s.mask for s in find_samples(tmp_path).samples} == {
        "S3D/white rust/a7": file,
        "X-SDD/red iron/b7": None,
    }


@pytest.mark.parametrize("place", ["masks/red iron/1.png", "datas/red iron/1_mask.png", "datas/red iron/masks/1.png"])
def test_of_images_with_the_same_name_that_of_the_folder(tmp_path, place):
    image(tmp_path / "datas" / "red iron" / "1.jpg")
    image(tmp_path / "datas" / "slag inclusion" / "1.jpg")
    file = mask(tmp_path / place)
    assert [s.mask for s in find_samples(tmp_path).samples] == [file, None]


def test_a_mask_of_any_of_several_images_is_named(tmp_path):
    image(tmp_path / "datas" / "red iron" / "1.jpg")
    image(tmp_path / "datas" / "slag inclusion" / "1.jpg")
    mask(tmp_path / "masks" / "1.png")
    with pytest.raises(DataError, match=r"1\.png: a mask of any of 2 images"):
        find_samples(tmp_path)


def test_masks_of_no_image_are_one_note(tmp_path):
    image(tmp_path / "white rust" / "a7.jpg")
    mask(tmp_path / "masks" / "a7.png")
    mask(tmp_path / "masks" / "a8.png")
    mask(tmp_path / "masks" / "a9.png")
    assert "2 of 3 masks belong to no image." in find_samples(tmp_path).notes


def test_bad_masks_are_all_named(tmp_path):
    for name in "abcdef":
        image(tmp_path / "white rust" / f"{name}.jpg")
    folder = tmp_path / "masks"
    mask(folder / "a.png")
    mask(folder / "b.png", level=127)
    mask(folder / "c.png", size=(20, 21))
    (folder / "d.png").write_text("not an image")
    (folder / "e.png").write_bytes(b"")
    Image.new("1", (30_000, 30_000)).save(folder / "f.png")
    with pytest.raises(DataError, match="5 of the files") as error:
        find_samples(tmp_path)
    for part in ("b.png: an empty mask", "c.png: a mask of another size", "d.png: not a readable image",
                 "e.png: an empty file", "f.png: not a readable image"):  # fmt: skip
        assert part in str(error.value)
    found = find_samples(tmp_path, skip_bad=True)
    assert len(found.problems) == 5
    assert len(found.samples) == 6, "a bad mask does not cost its image"
    assert [s.path.stem for s in found.samples if s.mask] == ["a"]


def test_masks_of_class_folders(tmp_path):
    image(tmp_path / "hole" / "1.png")
    black_and_white = mask(tmp_path / "scratch" / "1.png")
    file = mask(tmp_path / "masks" / "hole" / "1.png")
    assert class_folder_names(tmp_path) == ["hole", "scratch"]
    assert {s.path: s.mask for s in find_class_folders(tmp_path).samples} == {
        tmp_path / "hole" / "1.png": file,
        black_and_white: None,
    }


def test_images_of_any_kind_are_found_without_masks_hidden_files_and_what_unpacking_leaves(tmp_path):
    wanted = ["a.png", "deep/er/b.JPG", "folder.jpg/c.png", "x_y.png"]
    others = [
        *("masks/a.png", "Ground truth/In_7.png", "train_mask/a.png", "a_mask.png", "deep/er/b_gt.png"),
        *(".ipynb_checkpoints/a-checkpoint.png", "._a.png", "__MACOSX/a.png", ".hidden.png"),
    ]
    for name in [*wanted, *others]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 90).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    assert find_images(tmp_path) == sorted(tmp_path / name for name in wanted)
    assert find_images(tmp_path / "masks" / "a.png") == [tmp_path / "masks" / "a.png"], "a file that is named is taken"
    with pytest.raises(DataError, match="1 masks"):
        find_images(tmp_path / "train_mask")
    with pytest.raises(DataError, match="no such"):
        find_images(tmp_path / "none")


def test_predict_and_audit_see_the_same_real_images(real_data):
    assert len(find_images(real_data)) == len(find_samples(real_data).samples) == 2_532

"""Class folders as people have them: inside others, split in either order, with names in two forms."""

import unicodedata

import pytest

from steeldefectx.data.builder import resolved_config
from steeldefectx.data.sources import find_samples, read_own_images
from steeldefectx.errors import ConfigError, DataError
from tests.data.layouts.trees import found, image, split_counts


def fill(root, *folders, count=2):
    for folder in folders:
        for n in range(count):
            image(root / folder / f"{n}.png")


@pytest.mark.parametrize("around", ["NEU Metal Data", "a/b/c/d", "train", "dataset/train", "Images"])
def test_folders_around_the_class_folders_are_looked_through(tmp_path, around):
    fill(tmp_path, f"{around}/scratch", f"{around}/dent")
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 2, "dent": 2}
    assert f"Looked through {around}, which holds nothing but the class folders." in listing.notes
    assert {sample.split for sample in listing.samples} == {None}


def test_a_folder_around_with_a_picture_in_it(tmp_path):
    fill(tmp_path, "steel/scratch", "steel/dent")
    image(tmp_path / "steel" / "overview.png")
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 2, "dent": 2}
    assert any("overview.png" in note and "1 images lie in no class folder" in note for note in listing.notes)


def test_one_class_and_its_parts_are_one_class(tmp_path):
    fill(tmp_path, "scratch", "scratch/monday")
    assert found(tmp_path)[1] == {"scratch": 4}


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"), ("Training", "Testing"), ("TRAIN", "Valid"), ("train_images", "test_images"),
        ("train_set", "eval"), ("trainset", "testset"), ("images_train", "images_val"), ("训练集", "测试集"),
        ("train2017", "val2017"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["", "wrapped/"])
def test_splits_however_they_are_spelled(tmp_path, train, test, around):
    fill(tmp_path, *(f"{around}{part}/{name}" for part in (train, test) for name in ("scratch", "dent")))
    expected = {(part, name): 2 for part in ("train", "test") for name in ("scratch", "dent")}
    assert split_counts(found(tmp_path)[0]) == expected


def test_folders_between_the_splits_and_the_classes(tmp_path):
    fill(tmp_path, "NEU/train/images/scratch", "NEU/train/images/dent", "NEU/validation/images/scratch")
    assert split_counts(found(tmp_path)[0]) == {("train", "scratch"): 2, ("train", "dent"): 2, ("test", "scratch"): 2}


def test_splits_in_the_class_folders(tmp_path):
    fill(tmp_path, "scratch/train", "scratch/test", "dent/train", "dent/test", "dent/val")
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 4, "dent": 6}
    assert split_counts(listing)["train", "dent"] == 4
    assert any(note.startswith("2 validation images are added to train") for note in listing.notes)


def test_splits_beside_other_folders_are_classes_and_that_is_said(tmp_path):
    fill(tmp_path, "train/scratch", "test/scratch", "unlabelled/scratch")
    listing, classes = found(tmp_path, layout="class-folders")
    assert classes == {"train": 2, "test": 2, "unlabelled": 2}
    assert "The folders test, train are taken as classes: not all beside them are splits." in listing.notes


def test_images_alone_have_no_class(tmp_path):
    fill(tmp_path, "images")
    with pytest.raises(DataError, match="nothing that says their classes"):
        found(tmp_path)


def test_one_class_in_two_forms_of_unicode(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Kratzer größer ä") for form in ("NFC", "NFD"))
    fill(tmp_path, composed, "dent")
    image(tmp_path / decomposed / "0.png")
    image(tmp_path / decomposed / "7.png")
    listing, classes = found(tmp_path)
    assert classes == {composed: 4, "dent": 2}
    assert f"2 folders are the class {composed!r}: their names differ in Unicode's form." in listing.notes
    assert len({sample.image_id for sample in listing.samples}) == 6


def test_names_that_nearly_are_one_are_told_apart_aloud(tmp_path):
    fill(tmp_path, "Scratch", "scratch", "scratch ", "dent")
    listing, classes = found(tmp_path)
    assert classes == {"Scratch": 2, "scratch": 2, "scratch ": 2, "dent": 2}
    assert any("'Scratch' and 'scratch' and 'scratch ' are told apart" in note for note in listing.notes)


def test_which_level_the_classes_are_is_asked_where_both_may_be(tmp_path):
    fill(tmp_path, *(f"line {line}/{name}" for line in "AB" for name in ("scratch", "dent", "rust")))
    with pytest.raises(DataError) as error:
        found(tmp_path)
    assert "--layout class-folders: class folders (2 folders, such as 'line A'): line A 6, line B 6" in str(error.value)
    assert "--layout inner-folders: " in str(error.value)
    assert ": scratch 4, dent 4, rust 4" in str(error.value) or ": dent 4, rust 4, scratch 4" in str(error.value)
    assert found(tmp_path, layout="inner-folders")[1] == {"scratch": 4, "dent": 4, "rust": 4}
    assert found(tmp_path, layout="class-folders")[1] == {"line A": 6, "line B": 6}


@pytest.mark.parametrize("inner", [("2023", "2024"), ("part 1", "other"), ("images", "images")])
def test_inner_folders_that_say_no_class_are_not_asked_about(tmp_path, inner):
    fill(tmp_path, *(f"scratch/{name}" for name in inner), *(f"dent/{name}" for name in (inner[0], "x1")))
    assert set(found(tmp_path)[1]) == {"scratch", "dent"}


def test_what_is_found_is_said_before_an_image_is_decoded(tmp_path, caplog):
    fill(tmp_path, "scratch", "dent")
    (tmp_path / "dent" / "bad.png").write_bytes(b"\x89PNG")
    own = read_own_images(tmp_path)
    assert f"{tmp_path}: class folders (2 folders, such as 'dent'): dent 3, scratch 2." in caplog.messages
    with pytest.raises(DataError, match=r"bad\.png"):
        own.usable(skip_bad=False)


def test_an_unknown_layout_and_one_that_is_not_there(tmp_path):
    fill(tmp_path, "scratch")
    named = "layout='pascal' is unknown: choose one of auto, labelme, coco, cvat, label-studio, voc, yolo"
    with pytest.raises(ConfigError, match=named):
        found(tmp_path, layout="pascal")
    with pytest.raises(DataError, match=r"no Pascal VOC here. They look like this:\nVOC2007/JPEGImages"):
        found(tmp_path, layout="voc")
    with pytest.raises(ConfigError, match="boxes='crops'"):
        found(tmp_path, boxes="crops")


NEU = ("crazing", "inclusion", "patches")


@pytest.mark.parametrize("folder", ["train/images", "train/crazing", ""])
def test_known_sources_in_an_export_that_renamed_them(tmp_path, folder):
    for name in NEU:
        for copy in ("0a1b", "2c3d"):
            image(tmp_path / folder / f"{name}_1_jpg.rf.{copy}.jpg")
        image(tmp_path / folder / f"{name}_2_jpg.rf.ffff.jpg")
    ids = [sample.image_id for sample in find_samples(tmp_path).samples]
    assert sorted({image_id.split("::")[0] for image_id in ids}) == [f"NEU/{name}_{n}" for name in NEU for n in (1, 2)]
    assert ids.count("NEU/crazing_2") == 1, "an only copy is the image itself"
    assert len(ids) == 9


def test_the_config_of_a_folder_is_found_out_and_said(tmp_path, caplog):
    fill(tmp_path / "own", "scratch", "dent")
    image(tmp_path / "own" / "dent" / "crazing_1.png")
    for name in NEU:
        image(tmp_path / "raw" / f"{name}_1.jpg")
    for n in range(9):
        image(tmp_path / "raw" / "others" / f"{n}.png")
    assert resolved_config("auto", tmp_path / "own") == "class-folders"
    assert resolved_config("auto", str(tmp_path / "raw")) == "default"
    assert resolved_config("auto", None) == "default"
    assert resolved_config("sample", tmp_path) == "sample"
    said = [message for message in caplog.messages if "--config" in message]
    assert "1 of 5 images are called as those of NEU are: images of your own (--config class-folders)" in said[0]
    assert "images of known sources (NEU 3): --config default" in said[1]
    with pytest.raises(DataError, match=r"It holds class folders .*use the config class-folders"):
        find_samples_of_nothing_known(tmp_path)


def find_samples_of_nothing_known(tmp_path):
    (tmp_path / "own" / "dent" / "crazing_1.png").unlink()
    find_samples(tmp_path / "own")


def test_real_folders_as_they_lie(real_data, real_gc10, real_frames):
    assert resolved_config("auto", real_data) == "default"
    assert resolved_config("auto", real_gc10.parent) == "default"
    assert resolved_config("auto", real_frames) == "class-folders"

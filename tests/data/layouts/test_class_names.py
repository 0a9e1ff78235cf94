"""Classes by numbers, by ids, and in the files' own names."""

import json

import pytest

from steeldefectx.errors import DataError
from tests.data.layouts.trees import found, image, split_counts


def numbered(root, keys, per_class=2):
    for key in keys:
        for n in range(per_class):
            image(root / key / f"{n}.png")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "crazing\npatches\nscratch\n"),
        ("obj.names", "crazing\npatches\nscratch\n"),
        ("Class Names.TXT", "0 crazing\n1 patches\n2 scratch\n"),
        ("labels.json", json.dumps({"0": "crazing", "1": "patches", "2": "scratch"})),
        ("idx_to_class.json", json.dumps({"0": "crazing", "1": "patches", "2": "scratch"})),
        ("class_to_idx.json", json.dumps({"crazing": 0, "patches": 1, "scratch": 2})),
        ("labels.csv", "label;name\n0;crazing\n1;patches\n2;scratch\n"),
    ],
)
def test_folders_of_numbers(tmp_path, file, text):
    numbered(tmp_path, "012")
    (tmp_path / file).write_text(text)
    listing, classes = found(tmp_path)
    assert classes == {"crazing": 2, "patches": 2, "scratch": 2}
    assert f"named by {file}: 0 crazing, 1 patches, 2 scratch" in listing.notes[0]


def test_numbers_counted_from_one_and_written_with_zeros(tmp_path):
    numbered(tmp_path / "train", ("01", "02", "03"))
    numbered(tmp_path / "test", ("01", "02", "03"), per_class=1)
    (tmp_path / "classes.txt").write_text("crazing\npatches\nscratch\n")
    listing, _ = found(tmp_path)
    assert split_counts(listing) == {
        (split, name): count
        for split, count in (("train", 2), ("test", 1))
        for name in ("crazing", "patches", "scratch")
    }


def test_numbers_that_the_file_does_not_name_stay_numbers(tmp_path):
    numbered(tmp_path, "0125")
    (tmp_path / "classes.txt").write_text("crazing\npatches\nscratch\n")
    assert found(tmp_path)[1] == {"0": 2, "1": 2, "2": 2, "5": 2}


def test_folders_with_names_are_not_renamed(tmp_path):
    numbered(tmp_path, ("dent", "scratch"))
    (tmp_path / "classes.txt").write_text("other\nnames\n")
    assert found(tmp_path)[1] == {"dent": 2, "scratch": 2}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("LOC_synset_mapping.txt", "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n"),
        ("words.txt", "n01440764\ttench, Tinca tinca\nn01443537\tgoldfish\nn99999999\tother\n"),
        (
            "imagenet_class_index.json",
            json.dumps({"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}),
        ),
    ],
)
def test_ids_as_imagenet_has_them(tmp_path, file, text):
    numbered(tmp_path / "train", ("n01440764", "n01443537"))
    numbered(tmp_path / "val", ("n01440764", "n01443537"), per_class=1)
    (tmp_path / file).write_text(text)
    assert split_counts(found(tmp_path)[0]) == {
        ("train", "tench"): 2,
        ("train", "goldfish"): 2,
        ("test", "tench"): 1,
        ("test", "goldfish"): 1,
    }


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("{}_{:03d}", "scratch"),
        ("{} ({})", "scratch"),
        ("{}-{}", "rolled-in_scale"),
        ("{}{:04d}", "scratch"),
        ("{1:03d}_{0}", "rolled in scale"),
        ("{1}{0}", "scratch"),
        ("20240131_{1:02d}_{0}_{1}", "scratch"),
        ("{}_{:03d}", "划痕"),
    ],
)
def test_a_class_in_the_files_names(tmp_path, pattern, word):
    for name in (word, "dent"):
        for n in (1, 2, 3):
            image(tmp_path / (pattern.format(name, n) + ".png"))
    listing, classes = found(tmp_path)
    assert classes == {word: 3, "dent": 3}
    assert "classes in the files' names" in listing.notes[0]


def test_spellings_that_differ_by_case_are_one_class(tmp_path):
    for stem in ("scratch_1", "scratch_2", "Scratch_3", "dent_1", "dent_2"):
        image(tmp_path / f"{stem}.jpg")
    assert found(tmp_path)[1] == {"scratch": 3, "dent": 2}


def test_names_in_split_folders(tmp_path):
    for split, numbers in (("train", (1, 2)), ("test", (3,))):
        for name in ("dent", "scratch"):
            for n in numbers:
                image(tmp_path / split / f"{name}_{n}.png")
    assert split_counts(found(tmp_path)[0])["test", "dent"] == 1


def test_short_names_of_neu(tmp_path):
    for short in ("Cr", "In", "PS"):
        for n in (1, 2):
            image(tmp_path / f"{short}_{n}.bmp")
    assert found(tmp_path)[1] == {"Crazing": 2, "Inclusion": 2, "Pitted surface": 2}


@pytest.mark.parametrize(
    "stems",
    [
        ("IMG_0001", "IMG_0002", "DSC_0001", "DSC_0002"),
        ("0001", "0002", "0003"),
        ("scratch_1", "scratch_2", "logo"),
        ("a", "b", "c", "d"),
    ],
)
def test_names_that_say_no_class(tmp_path, stems):
    for stem in stems:
        image(tmp_path / f"{stem}.png")
    with pytest.raises(DataError, match=rf"such as {sorted(stems)[0]}\.png, do not fall into a few classes"):
        found(tmp_path)

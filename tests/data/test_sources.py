"""Readers, on small trees in the real layouts and on the real images."""

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from steeldefectx.data.sources import class_folder_names, find_class_folders, find_samples, folder_fingerprint
from steeldefectx.errors import DataError

NEU_CLASSES = ("crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches")
NEU_SHORT = ("Cr", "In", "Pa", "PS", "RS", "Sc")
NEU_UNIFIED = ("Crazing", "Inclusion", "Patches", "Pitted surface", "Rolled in scale", "Bright scratch")
X_SDD_UNIFIED = {
    "finishing roll printing": "Finishing roll printing",
    "iron sheet ash": "Iron sheet ash",
    "oxide scale of plate system": "Oxide scale of plate system",
    "oxide scale of temperature system": "Oxide scale of temperature system",
    "red iron": "Red iron sheet",
    "slag inclusion": "Slag inclusion",
    "surface scratch": "Dark scratches",
}


def image(path, size=(20, 20), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(1, 255, size[::-1], dtype=np.uint8)).save(path)
    return path


def neu_cls(root):
    for short in NEU_SHORT:
        for n in (1, 2):
            image(root / f"{short}_{n}.bmp")


def neu_det(root):
    for name in NEU_CLASSES:
        image(root / "train" / "images" / name / f"{name}_1.jpg")
        image(root / "validation" / "images" / name / f"{name}_2.jpg")
        (root / "train" / "annotations").mkdir(parents=True, exist_ok=True)
        (root / "train" / "annotations" / f"{name}_1.xml").write_text("<annotation/>")


def neu_flat(root):
    for name in NEU_CLASSES:
        for n in (1, 2):
            image(root / "IMAGES" / f"{name}_{n}.jpg")
    (root / "ANNOTATIONS").mkdir()
    (root / "ANNOTATIONS" / "crazing_1.xml").write_text("<annotation/>")


def x_sdd(root):
    for name in X_SDD_UNIFIED:
        image(root / "datas" / name / "1.jpg")
        image(root / "datas" / name / "2.png", size=(122, 128))


@pytest.mark.parametrize("layout", [neu_cls, neu_det, neu_flat])
@pytest.mark.parametrize("inside", ["", "NEU", "downloads/archive (1)/NEU surface"])
def test_neu_in_all_its_layouts(tmp_path, layout, inside):
    layout(tmp_path / inside)
    samples = find_samples(tmp_path).samples
    assert [s.image_id for s in samples] == [f"NEU/{c}_{n}" for c in NEU_CLASSES for n in (1, 2)]
    assert [s.class_name for s in samples] == [c for c in NEU_UNIFIED for _ in (1, 2)]
    assert {s.source for s in samples} == {"NEU"}


def test_x_sdd(tmp_path):
    x_sdd(tmp_path / "X-SDD")
    samples = find_samples(tmp_path).samples
    assert {s.image_id: s.class_name for s in samples} == {
        f"X-SDD/{label}/{n}": unified for label, unified in X_SDD_UNIFIED.items() for n in (1, 2)
    }
    assert {s.original_name for s in samples} == {"1.jpg", "2.png"}


def test_a_mix_with_everything_that_unpacking_leaves(tmp_path):
    neu_det(tmp_path / "a" / "NEU-DET")
    x_sdd(tmp_path / "b")
    image(tmp_path / "__MACOSX" / "datas" / "red iron" / "1.jpg")
    image(tmp_path / ".cache" / "crazing_9.jpg")
    (tmp_path / "b" / "datas" / "red iron" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "b" / "datas" / "red iron" / "._1.jpg").write_bytes(b"x")
    shutil.make_archive(str(tmp_path / "download"), "zip", tmp_path / "a")
    (tmp_path / "X-SDD.7z").write_bytes(b"x")
    (tmp_path / "b" / "Thumbs.db").write_bytes(b"x")
    found = find_samples(tmp_path)
    assert len(found.samples) == 12 + 14
    assert "NEU: 12 images found, 1,800 were published." in found.notes
    assert "X-SDD.7z is not read: unpack it, or pack it as a zip." in found.notes


def test_zips_are_read_as_if_unpacked(tmp_path):
    x_sdd(tmp_path / "b")
    neu_det(tmp_path / "a" / "NEU-DET")
    annotated = {s.image_id: s.path.read_bytes() for s in find_samples(tmp_path).samples}
    for name in "ab":
        shutil.make_archive(str(tmp_path / "zips" / name), "zip", tmp_path / name)
    for _ in range(2):
        found = find_samples(tmp_path / "zips")
        assert {s.image_id: s.path.read_bytes() for s in found.samples} == annotated
        assert not found.problems


def test_zipped_class_folders(tmp_path):
    image(tmp_path / "mine" / "train" / "scratch" / "a.png")
    image(tmp_path / "mine" / "test" / "weld spatter" / "b.png")
    shutil.make_archive(str(tmp_path / "zips" / "mine"), "zip", tmp_path / "mine")
    samples = find_class_folders(tmp_path / "zips").samples
    assert [(s.image_id, s.class_name, s.split) for s in samples] == [
        ("class-folders/test/weld spatter/b", "weld spatter", "test"),
        ("class-folders/train/scratch/a", "scratch", "train"),
    ]


def test_zips_that_no_honest_person_made(tmp_path):
    x_sdd(tmp_path)
    for name, members in {
        "up.zip": {"X-SDD/1.jpg": b"x", "../../evil.jpg": b"x"},
        "absolute.zip": {"/tmp/evil.jpg": b"x"},
        "windows.zip": {"C:\\evil.jpg": b"x"},
        "backslash.zip": {"..\\..\\evil.jpg": b"x"},
        "bomb.zip": {"1.png": b"0" * 5_000_000},
    }.items():
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4")
    before = sorted(tmp_path.parent.rglob("*"))
    with pytest.raises(DataError) as error:
        find_samples(tmp_path)
    for part in ("up.zip: an archive that holds a name that leads out of it: '../../evil.jpg'", "absolute.zip",
                 "windows.zip", "backslash.zip", "bomb.zip: an archive that unpacks to 5,000,000 bytes",
                 "link.zip: an archive that holds a link", "broken.zip: an archive that cannot be read",
                 "7 of the files"):  # fmt: skip
        assert part in str(error.value)
    assert len(find_samples(tmp_path, skip_bad=True).samples) == 14
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_case_and_separators_of_folder_names_do_not_matter(tmp_path):
    image(tmp_path / "X-SDD" / "Red_Iron" / "7.JPG")
    image(tmp_path / "X-SDD" / "SLAG-INCLUSION" / "8.Png")
    assert [s.class_name for s in find_samples(tmp_path).samples] == ["Red iron sheet", "Slag inclusion"]


@pytest.mark.parametrize("folder", ["Ground truth", "masks", "SD-900/anything"])
def test_masks_are_no_class_and_find_their_images(tmp_path, folder):
    neu_flat(tmp_path / "NEU")
    mask = np.zeros((20, 20), np.uint8)
    mask[5:9] = 255
    (tmp_path / folder).mkdir(parents=True)
    for name in ("In_1.png", "Sc_2.png"):
        Image.fromarray(mask).save(tmp_path / folder / name)
    samples = find_samples(tmp_path).samples
    assert len(samples) == 12
    assert {s.image_id: s.mask.name for s in samples if s.mask} == {
        "NEU/inclusion_1": "In_1.png",
        "NEU/scratches_2": "Sc_2.png",
    }


def bad_tree(root):
    x_sdd(root)
    folder = root / "datas" / "red iron"
    (folder / "3.jpg").write_bytes(b"")
    (folder / "4.png").write_text("not an image")
    whole = image(folder / "5.jpg", (60, 60)).read_bytes()
    (folder / "5.jpg").write_bytes(whole[: len(whole) // 2])
    image(folder / "1.png")
    image(root / "datas" / "unheard of" / "1.jpg")
    Image.new("1", (30_000, 30_000)).save(folder / "6.png")


def test_all_that_is_bad_is_named_at_once(tmp_path):
    bad_tree(tmp_path)
    with pytest.raises(DataError) as error:
        find_samples(tmp_path)
    message = str(error.value)
    for part in ("3.jpg: an empty file", "4.png: not a readable image", "5.jpg: not a readable image",
                 "red iron/1.png: the same image as", "unheard of: 1 images of no known class", "6.png",
                 "skip_bad"):  # fmt: skip
        assert part in message
    assert "6 of the files or folders" in message
    found = find_samples(tmp_path, skip_bad=True)
    assert len(found.samples) == 14
    assert len(found.problems) == 6


def test_links_out_of_the_folder_are_refused(tmp_path):
    outside = image(tmp_path / "outside" / "secret.jpg")
    x_sdd(tmp_path / "data")
    os.symlink(outside, tmp_path / "data" / "datas" / "red iron" / "9.jpg")
    with pytest.raises(DataError, match=r"9\.jpg: a link that leads out"):
        find_samples(tmp_path / "data")
    assert len(find_samples(tmp_path / "data", skip_bad=True).samples) == 14


def test_links_to_folders_are_not_followed(tmp_path):
    neu_flat(tmp_path / "outside")
    (tmp_path / "data").mkdir()
    os.symlink(tmp_path / "outside", tmp_path / "data" / "NEU")
    with pytest.raises(DataError, match=r"No images of a known source(.|\n)*NEU: a link that leads out"):
        find_samples(tmp_path / "data")
    x_sdd(tmp_path / "data")
    os.symlink(tmp_path / "data", tmp_path / "data" / "itself")
    with pytest.raises(DataError, match=r"(?s)^1 of the files.*NEU: a link that leads out"):
        find_samples(tmp_path / "data")
    assert len(find_samples(tmp_path / "data", skip_bad=True).samples) == 14


def test_a_link_to_itself_is_named(tmp_path):
    x_sdd(tmp_path)
    link = tmp_path / "datas" / "red iron" / "9.jpg"
    os.symlink(link, link)
    with pytest.raises(DataError, match=r"9\.jpg: not a readable image"):
        find_samples(tmp_path)


def test_names_that_are_not_utf8_are_named(tmp_path):
    x_sdd(tmp_path)
    folder = tmp_path / "datas" / "red iron"
    try:
        (folder / "1.jpg").rename(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg"))
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    with pytest.raises(DataError, match=r"xff\.jpg: a name that is not UTF-8|udcff\.jpg: a name") as error:
        find_samples(tmp_path)
    assert str(error.value).encode()
    assert len(find_samples(tmp_path, skip_bad=True).samples) == 13


def test_folders_that_cannot_be_listed_are_named(tmp_path, monkeypatch):
    x_sdd(tmp_path)
    list_folder = os.scandir

    def scandir(path):
        if os.path.basename(path) == "red iron":
            raise PermissionError(13, "Permission denied", path)
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"red iron: cannot be listed \(Permission denied\)"):
        find_samples(tmp_path)


def test_the_order_of_the_file_system_does_not_matter(tmp_path, monkeypatch):
    neu_det(tmp_path / "NEU-DET")
    x_sdd(tmp_path / "X-SDD")
    before, fingerprint = find_samples(tmp_path).samples, folder_fingerprint(tmp_path)
    list_folder = os.scandir

    class Reversed:
        def __init__(self, path):
            with list_folder(path) as entries:
                self.entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=True))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def __iter__(self):
            return self.entries

        def __next__(self):
            return next(self.entries)

    monkeypatch.setattr(os, "scandir", Reversed)
    assert next(os.walk(tmp_path))[1] == ["X-SDD", "NEU-DET"]
    assert find_samples(tmp_path).samples == before
    assert folder_fingerprint(tmp_path) == fingerprint


def test_images_that_are_of_no_class_are_not_dropped_silently(tmp_path):
    neu_det(tmp_path)
    image(tmp_path / "train" / "images" / "crazing" / "IMG_x.jpg")
    with pytest.raises(DataError, match=r"IMG_x\.jpg: no image of a known class of NEU"):
        find_samples(tmp_path)
    assert len(find_samples(tmp_path, skip_bad=True).samples) == 12


def test_other_folders_beside_a_flat_source_are_only_remarked(tmp_path):
    neu_cls(tmp_path / "NEU-CLS")
    image(tmp_path / "figures" / "plot.png")
    found = find_samples(tmp_path)
    assert len(found.samples) == 12
    assert found.problems == []
    assert any("1 images belong to no known source" in note and "plot.png" in note for note in found.notes)


def test_a_class_folder_counts_more_than_a_file_name_of_another_source(tmp_path):
    x_sdd(tmp_path)
    image(tmp_path / "datas" / "red iron" / "in_1.png")
    samples = find_samples(tmp_path).samples
    assert len(samples) == 15
    assert "X-SDD/red iron/in_1" in {s.image_id for s in samples}


def test_only_image_formats_are_opened(tmp_path):
    x_sdd(tmp_path)
    Image.new("L", (9, 9)).save(tmp_path / "datas" / "red iron" / "8.jpg", format="PCX")
    with pytest.raises(DataError, match=r"8\.jpg: not a readable image"):
        find_samples(tmp_path)


def test_the_folder_may_be_the_current_one(tmp_path, monkeypatch):
    x_sdd(tmp_path)
    monkeypatch.chdir(tmp_path / "datas" / "red iron")
    samples = find_samples(Path(".")).samples
    assert [s.image_id for s in samples] == ["X-SDD/red iron/1", "X-SDD/red iron/2"]


def test_a_mask_folder_of_any_name_may_begin_with_odd_masks(tmp_path):
    neu_flat(tmp_path / "NEU")
    mask = np.zeros((20, 20), np.uint8)
    mask[5:9] = 255
    (tmp_path / "anything").mkdir()
    (tmp_path / "anything" / "In_0.png").write_bytes(b"damaged")
    Image.new("L", (20, 20), 0).save(tmp_path / "anything" / "In_1.png")
    Image.fromarray(mask).save(tmp_path / "anything" / "In_2.png")
    found = find_samples(tmp_path, skip_bad=True)
    assert len(found.samples) == 12
    assert [s.mask.name for s in found.samples if s.mask] == ["In_2.png"]
    assert [p.path.name for p in found.problems] == ["In_1.png"]


def test_a_mask_of_another_size_is_named(tmp_path):
    neu_flat(tmp_path)
    (tmp_path / "masks").mkdir()
    Image.new("L", (19, 20), 255).save(tmp_path / "masks" / "Pa_1.png")
    (tmp_path / "masks" / "Pa_2.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"Pa_1\.png: a mask of another size(.|\n)*Pa_2\.png: an empty file"):
        find_samples(tmp_path)
    samples = find_samples(tmp_path, skip_bad=True).samples
    assert len(samples) == 12, "a bad mask does not cost its image"
    assert not any(s.mask for s in samples)


def test_two_copies_of_one_source_are_noticed(tmp_path):
    neu_cls(tmp_path / "NEU-CLS")
    neu_flat(tmp_path / "NEU-DET")
    with pytest.raises(DataError, match=r"12 of the files") as error:
        find_samples(tmp_path)
    assert "(NEU/crazing_1)" in str(error.value)


def test_a_long_list_is_cut(tmp_path):
    neu_flat(tmp_path)
    for n in range(100, 200):
        (tmp_path / "IMAGES" / f"crazing_{n}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="and 50 more"):
        find_samples(tmp_path)


def test_no_known_source_points_to_class_folders(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        find_samples(tmp_path / "missing")
    with pytest.raises(DataError, match="No images of a known source"):
        find_samples(tmp_path)
    image(tmp_path / "weld spatter" / "1.png")
    with pytest.raises(DataError, match="--config class-folders"):
        find_samples(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="not a folder"):
        find_samples(tmp_path / "file")


def test_class_folders(tmp_path):
    for path in ("scratch/a.png", "scratch/deep/er/b.jpg", "Überwalzung 1/c.bmp", "empty/readme.txt", "loose.png"):
        if path.endswith("txt"):
            (tmp_path / "empty").mkdir()
            (tmp_path / path).write_text("x")
        else:
            image(tmp_path / path)
    samples = find_class_folders(tmp_path).samples
    assert {s.image_id: s.class_name for s in samples} == {
        "class-folders/scratch/a": "scratch",
        "class-folders/scratch/deep/er/b": "scratch",
        "class-folders/Überwalzung 1/c": "Überwalzung 1",
    }
    assert class_folder_names(tmp_path) == ["scratch", "Überwalzung 1"]
    assert {s.split for s in samples} == {None}


@pytest.mark.parametrize("test_folder", ["test", "val"])
def test_class_folders_split_by_hand(tmp_path, test_folder):
    image(tmp_path / "train" / "scratch" / "a.png")
    image(tmp_path / test_folder / "scratch" / "a.png")
    image(tmp_path / test_folder / "hole" / "b.png")
    samples = find_class_folders(tmp_path).samples
    assert {(s.split, s.class_name, s.original_name) for s in samples} == {
        ("train", "scratch", "a.png"),
        ("test", "scratch", "a.png"),
        ("test", "hole", "b.png"),
    }
    assert class_folder_names(tmp_path) == ["hole", "scratch"]


@pytest.mark.parametrize("top", [("train", "test"), ("Train", "TEST"), ("train", "validation")])
def test_a_split_by_hand_is_seen_despite_case_and_loose_files(tmp_path, top):
    for folder in top:
        image(tmp_path / folder / "scratch" / f"{folder}.png")
    image(tmp_path / "preview.png")
    found = find_class_folders(tmp_path)
    assert sorted((s.split, s.class_name) for s in found.samples) == [("test", "scratch"), ("train", "scratch")]
    assert any("1 images lie in no class folder" in note for note in found.notes)


@pytest.mark.parametrize("inside", ["", "train"])
def test_class_folders_without_an_image_are_named(tmp_path, inside):
    for folder in ("train", "test"):
        image(tmp_path / (folder if inside else "") / "scratch" / f"{folder}.png")
    for empty in ("dent", ".hidden"):
        (tmp_path / inside / empty).mkdir()
    found = find_class_folders(tmp_path)
    assert any("1 class folders hold no image" in note and "dent" in note for note in found.notes)
    (tmp_path / inside / "dent").rmdir()
    assert not any("hold no image" in note for note in find_class_folders(tmp_path).notes)


def test_of_three_folders_validation_trains(tmp_path):
    for folder in ("train", "val", "test"):
        image(tmp_path / folder / "scratch" / f"{folder}.png")
    found = find_class_folders(tmp_path)
    assert {s.original_name: s.split for s in found.samples} == {
        "train.png": "train",
        "val.png": "train",
        "test.png": "test",
    }
    assert any("1 validation images are added to train" in note for note in found.notes)
    assert class_folder_names(tmp_path) == ["scratch"]


@pytest.mark.parametrize("classes", [("train", "test", "rail"), ("val", "test")])
def test_classes_may_be_called_as_splits_are(tmp_path, classes):
    for name in classes:
        image(tmp_path / name / "1" / "a.png")
    found = {(s.class_name, s.split) for s in find_class_folders(tmp_path).samples}
    assert found == {(name, None) for name in classes}


def test_the_fingerprint_sees_changes_and_nothing_else(tmp_path):
    one, other = tmp_path / "one", tmp_path / "somewhere" / "else"
    file = image(one / "a" / "1.png")
    image(one / "b" / "1.png")
    before = folder_fingerprint(one)
    other.parent.mkdir()
    os.rename(one, other)
    assert folder_fingerprint(other) == before, "where the folder lies does not matter"
    os.utime(other / "a" / "1.png", (1, 1))
    touched = folder_fingerprint(other)
    assert touched != before
    (other / "b" / "1.png").rename(other / "b" / "2.png")
    assert folder_fingerprint(other) != touched
    assert not file.exists()


def test_real_images(real_data):
    found = find_samples(real_data)
    assert sorted(found.notes) == [
        "NEU: 1,440 images found, 1,800 were published.",
        "X-SDD: 1,092 images found, 1,360 were published.",
    ]
    assert found.problems == []
    counts = {}
    for sample in found.samples:
        counts[sample.class_name] = counts.get(sample.class_name, 0) + 1
    assert len(found.samples) == 2532
    assert counts["Red iron sheet"] == 318
    assert counts["Bright scratch"] == 240
    assert len(counts) == 13
    masked = [sample for sample in found.samples if sample.mask]
    assert len(masked) == 720
    assert {sample.class_name for sample in masked} == {"Inclusion", "Patches", "Bright scratch"}
    assert all(s.mask.stem.split("_")[1] == s.path.stem.split("_")[1] for s in masked)
    assert find_samples(real_data / "NEU-DET" / "images").samples[0].image_id == "NEU/crazing_1"
    assert len(find_samples(real_data / "X-SDD" / "datas").samples) == 1092

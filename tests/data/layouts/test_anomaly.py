"""Public data sets of defects and sound surfaces, in small trees of their real layouts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from steeldefectx.data.builder import load_dataset
from steeldefectx.data.duplicates import photographs
from steeldefectx.data.sources import sample_mask
from steeldefectx.data.sources.layouts.choose import choose
from steeldefectx.data.sources.tree import read_tree
from steeldefectx.errors import DataError
from tests.data.layouts.trees import found, image, mask, split_counts


def pixels(listing):
    """Path without ending, and class -> pixels of its mask."""
    return {
        ("/".join(s.image_id.partition("::")[0].split("/")[1:]), s.class_name): int(sample_mask(s).sum())
        for s in listing.samples
        if s.mask is not None
    }


def mvtec(root, sound="good", defects=("broken_large", "contamination"), masked="{}_mask.png"):
    for n in range(3):
        image(root / "train" / sound / f"{n:03d}.png")
    for position, folder in enumerate((sound, *defects)):
        for n in range(2):
            image(root / "test" / folder / f"{n:03d}.png")
            if position:
                mask(root / "ground_truth" / folder / masked.format(f"{n:03d}"), 10 * position + n)


@pytest.mark.parametrize("inside", ["", "mvtec_anomaly_detection", "downloads/mvtec"])
def test_mvtec(tmp_path, inside):
    for name in ("bottle", "cable"):
        mvtec(tmp_path / inside / name)
    listing, classes = found(tmp_path)
    assert classes == {"sound": 10, "broken_large": 4, "contamination": 4}
    assert split_counts(listing) == {
        ("train", "sound"): 6,
        ("test", "sound"): 4,
        ("test", "broken_large"): 4,
        ("test", "contamination"): 4,
    }
    folders = f"{inside}/" if inside else ""
    assert pixels(listing) == {
        (f"{folders}{name}/test/{folder}/{n:03d}", folder): 10 * position + n
        for name in ("bottle", "cable")
        for position, folder in enumerate(("broken_large", "contamination"), 1)
        for n in range(2)
    }
    assert "The class 'sound' is the folder good." in listing.notes
    assert any("one name are one class" in note for note in listing.notes)


def test_one_object_of_mvtec_as_rows(tmp_path):
    mvtec(tmp_path)
    rows = load_dataset("class-folders", data_dir=str(tmp_path))
    assert rows["train"].features["label"].names == ["broken_large", "contamination", "sound"]
    assert {name: len(part) for name, part in rows.items()} == {"train": 3, "test": 6}
    drawn = {row["image_id"]: row["mask"] and int((np.asarray(row["mask"]) > 0).sum()) for row in rows["test"]}
    assert drawn["class-folders/test/broken_large/001"] == 11
    assert drawn["class-folders/test/good/000"] is None


def test_mvtec_without_masks(tmp_path):
    mvtec(tmp_path)
    for file in (tmp_path / "ground_truth").rglob("*.png"):
        file.unlink()
    assert found(tmp_path)[1] == {"sound": 5, "broken_large": 2, "contamination": 2}


def test_class_folders_that_happen_to_have_a_good_one_are_class_folders(tmp_path):
    for split in ("train", "test"):
        for name in ("good", "bad"):
            image(tmp_path / split / name / "1.png")
    listing, classes = found(tmp_path)
    assert classes == {"good": 2, "bad": 2}
    assert split_counts(listing)["train", "bad"] == 1


def test_btad(tmp_path):
    for name, ending in (("01", "bmp"), ("02", "png")):
        for part, folder, count in (("train", "ok", 3), ("test", "ok", 1), ("test", "ko", 2)):
            for n in range(count):
                image(tmp_path / name / part / folder / f"{n:04d}.{ending}")
        for n in range(2):
            mask(tmp_path / name / "ground_truth" / "ko" / f"{n:04d}.png", 7 + n)
    listing, classes = found(tmp_path)
    assert classes == {"sound": 8, "defect": 4}
    assert sorted(pixels(listing).values()) == [7, 7, 8, 8]


def test_mvtec_loco_has_several_masks_of_one_image(tmp_path):
    root = tmp_path / "breakfast_box"
    for part, folder in (("train", "good"), ("validation", "good"), ("test", "good"), ("test", "logical_anomalies")):
        for n in range(2):
            image(root / part / folder / f"{n:03d}.png")
    folder = root / "ground_truth" / "logical_anomalies"
    mask(folder / "000" / "000.png", 20, level=255)
    mask(folder / "000" / "001.png", 35, level=254)  # the levels tell kinds of anomalies; 20 of the pixels are shared
    mask(folder / "001" / "000.png", 9, level=253)
    (root / "defects_config.json").write_text('[{"defect_name": "missing_almonds", "pixel_value": 255}]')
    listing, classes = found(tmp_path)
    assert classes == {"sound": 6, "logical_anomalies": 2}
    assert split_counts(listing)["train", "sound"] == 4, "validation images are sound, and train"
    assert pixels(listing) == {
        ("breakfast_box/test/logical_anomalies/000", "logical_anomalies"): 35,
        ("breakfast_box/test/logical_anomalies/001", "logical_anomalies"): 9,
    }


def test_mvtec_ad_2(tmp_path):
    root = tmp_path / "can"
    for light in ("regular", "overexposed"):
        for part, folder in (
            ("train", "good"),
            ("validation", "good"),
            ("test_public", "good"),
            ("test_public", "bad"),
        ):
            image(root / part / folder / f"000_{light}.png")
        mask(root / "test_public" / "ground_truth" / "bad" / f"000_{light}_mask.png", 12)
        image(root / "test_private" / f"000_{light}.png")
    listing, classes = found(tmp_path)
    assert classes == {"sound": 6, "defect": 2}
    assert sorted(pixels(listing).values()) == [12, 12]
    assert "2 images whose class is not published are not used." in listing.notes


def visa(root, table=True, split=True):
    for name in ("candle", "pcb1"):
        data = root / name / "Data"
        for n in range(4):
            image(data / "Images" / "Normal" / f"{n:04d}.JPG")
        for n in range(3):
            image(data / "Images" / "Anomaly" / f"{n:03d}.JPG")
            mask(data / "Masks" / "Anomaly" / f"{n:03d}.png", 10 + n, level=n + 1)
        lines = ["image,label,mask"]
        lines += [f"{name}/Data/Images/Normal/{n:04d}.JPG,normal," for n in range(4)]
        kinds = ("scratch", "bent", '"bent,scratch"')
        lines += [
            f"{name}/Data/Images/Anomaly/{n:03d}.JPG,{kinds[n]},{name}/Data/Masks/Anomaly/{n:03d}.png" for n in range(3)
        ]
        if table:
            (root / name / "image_anno.csv").write_text("\n".join(lines))
    lines = ["object,split,label,image,mask"]
    for name in ("candle", "pcb1"):
        lines += [
            f"{name},{'train' if n < 3 else 'test'},normal,{name}/Data/Images/Normal/{n:04d}.JPG," for n in range(4)
        ]
        lines += [
            f"{name},test,anomaly,{name}/Data/Images/Anomaly/{n:03d}.JPG,{name}/Data/Masks/Anomaly/{n:03d}.png"
            for n in range(3)
        ]
    if split:
        (root / "split_csv").mkdir()
        (root / "split_csv" / "1cls.csv").write_text("\n".join(lines))


def test_visa(tmp_path):
    visa(tmp_path)
    listing, classes = found(tmp_path)
    assert classes == {"sound": 8, "scratch": 4, "bent": 4}
    assert split_counts(listing)["train", "sound"] == 6
    assert split_counts(listing)["test", "bent"] == 4
    assert pixels(listing) == {
        (f"{name}/Data/Images/Anomaly/{n:03d}", ("scratch", "bent")[n]): 10 + n
        for name in ("candle", "pcb1")
        for n in (0, 1)
    }
    assert len(photographs([s.image_id for s in listing.samples])) == 2, "two images with two defects each"
    assert "4 masks are drawn in class numbers" in "\n".join(listing.notes)


def test_visa_without_tables(tmp_path):
    visa(tmp_path, table=False, split=False)
    listing, classes = found(tmp_path)
    assert classes == {"sound": 8, "defect": 6}
    assert {s.split for s in listing.samples} == {None}


def encode(drawn):
    """Run-lengths of a mask as a loop over its pixels finds them, column by column, counted from 1."""
    runs, start = [], None
    flat = [bool(drawn[y, x]) for x in range(drawn.shape[1]) for y in range(drawn.shape[0])] + [False]
    for position, on in enumerate(flat, 1):
        if on and start is None:
            start = position
        elif not on and start is not None:
            runs += [start, position - start]
            start = None
    return " ".join(map(str, runs))


@pytest.fixture
def severstal(tmp_path):
    """Masks of Severstal's images: image -> class -> (H, W) bool."""
    draw = np.random.default_rng(0)
    masks = {
        "0002cc93b.jpg": {"1": draw.random((16, 20)) > 0.7},
        "000a4bcdd.jpg": {"1": draw.random((16, 20)) > 0.9, "3": draw.random((16, 20)) > 0.5},
        "000f6bf48.jpg": {"4": np.ones((16, 20), bool)},
    }
    for name in (*masks, "0000f269f.jpg", "000ccc2ac.jpg"):
        image(tmp_path / "train_images" / name)
    for name in ("004f40c73.jpg", "006f39c41.jpg"):
        image(tmp_path / "test_images" / name)
    (tmp_path / "sample_submission.csv").write_text("ImageId,EncodedPixels,ClassId\n004f40c73.jpg,1 1,1\n")
    return masks


@pytest.mark.parametrize("older", [False, True])
def test_severstal(tmp_path, severstal, older):
    if older:
        lines = ["ImageId_ClassId,EncodedPixels", *(f"0000f269f.jpg_{number}," for number in range(1, 5))]
        lines += [f"{n}_{k},{encode(c[k]) if k in c else ''}" for n, c in severstal.items() for k in "1234"]
    else:
        lines = ["ImageId,ClassId,EncodedPixels"]
        lines += [f"{name},{number},{encode(drawn)}" for name, c in severstal.items() for number, drawn in c.items()]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    listing, classes = found(tmp_path)
    assert classes == {"1": 2, "3": 1, "4": 1, "sound": 2}
    for sample in listing.samples:
        if sample.class_name != "sound":
            np.testing.assert_array_equal(sample_mask(sample), severstal[sample.path.name][sample.class_name])
    assert len(photographs([s.image_id for s in listing.samples])) == 1
    notes = "\n".join(listing.notes)
    assert "1 images have several classes" in notes
    assert "2 images without run-lengths, beside those with some, are sound." in notes
    assert "2 images in folders without any run-lengths are not used" in notes


def test_severstal_with_names(tmp_path, severstal):
    lines = [f"{name},{number},{encode(drawn)}" for name, c in severstal.items() for number, drawn in c.items()]
    (tmp_path / "train.csv").write_text("\n".join(["ImageId,ClassId,EncodedPixels", *lines]))
    (tmp_path / "classes.txt").write_text("pitted\ninclusion\nscratch\npatch\n")
    assert found(tmp_path)[1] == {"pitted": 2, "scratch": 1, "patch": 1, "sound": 2}


@pytest.mark.parametrize(
    ("runs", "why"),
    [("1 400", "a run up to pixel 400, of 20x16"), ("5 3 6 1", "after one up to 7"), ("1", ""), ("x 2", "")],
)
def test_run_lengths_that_cannot_be_drawn(tmp_path, severstal, runs, why):
    (tmp_path / "train.csv").write_text(f"ImageId,ClassId,EncodedPixels\n0002cc93b.jpg,1,{runs}\n000f6bf48.jpg,2,1 3\n")
    with pytest.raises(DataError, match=rf"0002cc93b\.jpg: its run-lengths cannot be drawn .*{why}"):
        found(tmp_path)


def test_magnetic_tile(tmp_path):
    for name in ("Blowhole", "Crack", "Free"):
        for n in (1, 2, 3):
            image(tmp_path / f"MT_{name}" / "Imgs" / f"exp1_num_{n}.jpg")
            mask(tmp_path / f"MT_{name}" / "Imgs" / f"exp1_num_{n}.png", n, level=0 if name == "Free" else 255)
    listing, classes = found(tmp_path)
    assert classes == {"Blowhole": 3, "Crack": 3, "sound": 3}
    assert pixels(listing) == {
        (f"MT_{name}/Imgs/exp1_num_{n}", name): n for name in ("Blowhole", "Crack") for n in (1, 2, 3)
    }


def test_kolektor(tmp_path):
    for piece in (1, 2, 10):
        for part in range(4):
            image(tmp_path / f"kos{piece:02d}" / f"Part{part}.jpg")
            mask(tmp_path / f"kos{piece:02d}" / f"Part{part}_label.bmp", 5 + piece, level=255 if part == 2 else 0)
    listing, classes = found(tmp_path)
    assert classes == {"sound": 9, "defect": 3}
    assert sorted(pixels(listing).values()) == [6, 7, 15]
    ids = [s.image_id for s in listing.samples]
    assert [len(group) for group in photographs(ids)] == [4, 4, 4], "the photographs of one piece stay together"


def test_kolektor_2(tmp_path):
    for split, count in (("train", 4), ("test", 3)):
        for n in range(count):
            image(tmp_path / split / f"1000{n}.png")
            mask(tmp_path / split / f"1000{n}_GT.png", 8, level=255 if n == 0 else 0)
    listing, classes = found(tmp_path)
    assert classes == {"sound": 5, "defect": 2}
    assert split_counts(listing)["test", "defect"] == 1
    assert "5 images whose mask is all black are of the class 'sound'." in listing.notes


def test_rsdds(tmp_path):
    for kind in ("Type-I RSDDs dataset", "Type-II RSDDs dataset"):
        for n in range(3):
            image(tmp_path / kind / "Rail surface images" / f"rail_{n}.jpg")
            mask(tmp_path / kind / "GroundTruth" / f"rail_{n}.png", 6)
    listing, classes = found(tmp_path)
    assert classes == {"defect": 6}
    assert len(pixels(listing)) == 6


def test_images_and_masks_in_two_folders(tmp_path):
    for n in range(4):
        image(tmp_path / "images" / f"{n}.png")
        mask(tmp_path / "labels" / f"{n}.png", n, level=1)
    image(tmp_path / "images" / "9.png")
    listing, classes = found(tmp_path)
    assert classes == {"sound": 1, "defect": 3}
    assert pixels(listing) == {(f"images/{n}", "defect"): n for n in (1, 2, 3)}
    assert any(note.startswith("1 images without a mask are not used") for note in listing.notes)


def test_dagm(tmp_path):
    for texture in ("Class1", "Class2"):
        for part in ("Train", "Test"):
            for n in range(3):
                image(tmp_path / texture / part / f"{n:04d}.PNG")
            mask(tmp_path / texture / part / "Label" / "0001_label.PNG", 30)
            (tmp_path / texture / part / "Label" / "Labels.txt").write_text("1\n0\t0\t0\t0\t0000.PNG\t\t\n")
    listing, classes = found(tmp_path)
    assert classes == {"sound": 8, "Class1": 2, "Class2": 2}
    assert split_counts(listing)["test", "Class2"] == 1
    assert set(pixels(listing).values()) == {30}


def test_masks_beside_the_images_of_class_folders_change_no_class(tmp_path):
    for name in ("scratch", "dent"):
        for n in (1, 2):
            image(tmp_path / name / f"{n}.jpg")
            mask(tmp_path / name / f"{n}.png", 4)
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 2, "dent": 2}
    assert set(pixels(listing).values()) == {4}
    assert choose(read_tree(tmp_path))[0].name == "class-folders"


def test_two_photographs_of_one_name_are_no_image_and_mask(tmp_path):
    for name in ("scratch", "dent"):
        image(tmp_path / name / "1.jpg", (40, 40))
        image(tmp_path / name / "2.png", (40, 40))
        image(tmp_path / name / "1.bmp", (40, 40))
    with pytest.raises(DataError, match="the same image as"):
        found(tmp_path)


@pytest.mark.parametrize("name", ["good", "OK", "no_defect", "Normal"])
def test_black_masks_of_sound_images_are_no_problem(tmp_path, name):
    for folder, level in ((name, 0), ("scratch", 255)):
        image(tmp_path / folder / "1.png")
        mask(tmp_path / "masks" / folder / "1.png", 5, level=level)
    listing, classes = found(tmp_path)
    assert classes == {name: 1, "scratch": 1}
    assert {s.class_name: s.mask is not None for s in listing.samples} == {name: False, "scratch": True}


def test_a_black_mask_of_a_defect_is_one(tmp_path):
    for folder in ("dent", "scratch"):
        image(tmp_path / folder / "1.png")
        mask(tmp_path / "masks" / folder / "1.png", 5, level=255 if folder == "dent" else 0)
    with pytest.raises(DataError, match="an empty mask"):
        found(tmp_path)


def test_real_images_in_mvtecs_layout(tmp_path, real_data):
    """Real images and their real masks, laid out anew, are read with the same masks."""
    originals = sorted((real_data / "SD-saliency-900").rglob("*.png"))[:4]
    drawn = [file for file in originals if set(np.unique(np.asarray(Image.open(file).convert("L")))) <= {0, 255}]
    if not drawn:
        pytest.skip("no real masks among the first files")
    for n, file in enumerate(drawn):
        with Image.open(file) as real:
            image(tmp_path / "test" / "scratch" / f"{n:03d}.png", real.size)
        target = tmp_path / "ground_truth" / "scratch" / f"{n:03d}_mask.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(file).read_bytes())
    image(tmp_path / "train" / "good" / "000.png")
    listing, _ = found(tmp_path)
    for sample in listing.samples:
        if sample.mask is not None:
            expected = np.asarray(Image.open(drawn[int(sample.path.stem)]).convert("L")) > 127
            np.testing.assert_array_equal(sample_mask(sample), expected)


def test_masks_of_the_nearest_folder(tmp_path):
    for split in ("train", "test"):
        for name in ("scratch", "dent"):
            image(tmp_path / split / "images" / name / "1.png")
            mask(tmp_path / split / "masks" / name / "1.png", 3 if split == "train" else 9)
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 2, "dent": 2}
    assert {(s.split, int(sample_mask(s).sum())) for s in listing.samples} == {("train", 3), ("test", 9)}

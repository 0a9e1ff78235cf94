"""All 25 classes from the four sources in their own layouts, as rows."""

import os

import numpy as np
import pytest
from PIL import Image

import steeldefectx
from steeldefectx.errors import ConfigError
from steeldefectx.language.lexicon.reading import find_entry
from steeldefectx.taxonomy import CLASSES, GC10, NEU, S3D, X_SDD

PLACES = {
    NEU: "NEU-DET/IMAGES/{short}_{n}.jpg",
    GC10: "GC10-DET/{short}/img_01_{short}{n:05d}.jpg",
    X_SDD: "X-SDD/datas/{name}/{n}.jpg",
    S3D: "S3D/{name}/{n}.jpg",
}


def image(path, size=(64, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(1, 255, size[::-1], dtype=np.uint8)).save(path)
    return path


def annotation(path, objects, size):
    corners = ("xmin", "ymin", "xmax", "ymax")
    boxes = "".join(
        f"<object><name>{name}</name><bndbox>"
        + "".join(f"<{corner}>{value}</{corner}>" for corner, value in zip(corners, box, strict=True))
        + "</bndbox></object>"
        for name, box in objects
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>{boxes}</annotation>")


@pytest.fixture
def four_sources(tmp_path):
    """Of each class, its label + 2 images from each source that has it; the counts by label."""
    counts = np.zeros(25, int)
    for label, c in enumerate(CLASSES):
        for source, spellings in c.source_labels.items():
            short = spellings[-1] if source == GC10 else spellings[0].replace(" ", "_")
            for n in range(label + 2):
                image(tmp_path / "raw" / PLACES[source].format(short=short, name=spellings[0], n=n))
            counts[label] += label + 2
    return tmp_path / "raw", counts


def load(folder, tmp_path, **settings):
    return steeldefectx.load_dataset(data_dir=os.fspath(folder), cache_dir=os.fspath(tmp_path / "cache"), **settings)


def test_label_and_count_of_each_class(four_sources, tmp_path):
    folder, counts = four_sources
    rows = load(folder, tmp_path)
    train, test = (np.bincount(rows[split]["label"], minlength=25) for split in ("train", "test"))
    assert (train + test).tolist() == counts.tolist()
    assert train.tolist() == [-(-7 * count // 10) for count in counts.tolist()]
    for row in rows["train"].remove_columns(["image", "mask"]):
        assert row["source"] in CLASSES[row["label"]].source_labels
        assert row["image_id"].startswith(row["source"])
        assert (row["T2"], row["T3"], row["attributes"], row["template"]) == (None,) * 4


@pytest.fixture
def gc10(tmp_path):
    file = image(tmp_path / "gc10" / "images" / "img_1.png", (2048, 1000))
    annotation(
        tmp_path / "gc10" / "lable" / "img_1.xml",
        [("1_chongkong", (100, 200, 140, 240)), ("6_siban", (1000, 300, 1400, 700))],
        (2048, 1000),
    )
    mask = np.zeros((1000, 2048), np.uint8)
    mask[210:230, 110:130] = 200
    mask[400:500, 1100:1200] = 128
    mask[600:, 1100:1200] = 127
    (tmp_path / "gc10" / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "gc10" / "masks" / "img_1.png")
    return file, mask


def test_gc10_crops_are_the_classes(gc10, tmp_path):
    file, mask = gc10
    rows = load(tmp_path / "gc10", tmp_path, split="all")
    assert [row["image_id"] for row in rows] == ["GC10/img_1/punching", "GC10/img_1/silk_spot"]
    boxes = [(0, 92, 256, 348), (950, 250, 1450, 750)]
    with Image.open(file) as whole:
        for row, (left, top, right, bottom) in zip(rows, boxes, strict=True):
            assert np.array_equal(np.asarray(row["image"]), np.asarray(whole)[top:bottom, left:right])
            part = mask[top:bottom, left:right] > 127
            assert np.array_equal(np.asarray(row["mask"]), np.where(part, 255, 0))
            assert row["attributes"]["number"] == "one"
            assert row["template"]


def test_gc10_whole(gc10, tmp_path):
    rows = load(tmp_path / "gc10", tmp_path, split="all", gc10="whole")
    assert [rows.features["label"].int2str(row["label"]) for row in rows] == ["Punching", "Silk spot"]
    assert {row["image"].size for row in rows} == {row["mask"].size for row in rows} == {(2048, 1000)}
    assert [row["attributes"]["number"] for row in rows] == ["two", "two"]
    with pytest.raises(ConfigError, match=r"gc10='crops'.*crop, whole"):
        load(tmp_path / "gc10", tmp_path, gc10="crops")


@pytest.mark.parametrize("config", ["msd-cls", "cgfsds-9"])
def test_transfer_targets_are_class_folders(tmp_path, config):
    for name in ("dirty_spot", "jet_flow", "bump"):
        for n in range(10):
            image(tmp_path / "target" / name / f"{n}.png")
    rows = load(tmp_path / "target", tmp_path, config=config)
    assert rows["train"].features["label"].names == ["bump", "dirty_spot", "jet_flow"]
    assert {name: len(split) for name, split in rows.items()} == {"train": 21, "test": 9}
    row = rows["test"][0]
    assert row["source"] == config
    assert row["image_id"].startswith(f"{config}/bump/")
    assert row["T0"] == "A photo of steel surface defect: bump."
    assert row["T1"] == f"A photo of steel surface defect: bump, {find_entry('bump').looks[0]}."


def test_real_gc10_images(real_gc10, tmp_path):
    rows = load(real_gc10, tmp_path, split="all")
    assert len(rows) == 27
    assert {row["image"].mode for row in rows} == {"L"}
    assert max(max(row["image"].size) for row in rows) <= 2048

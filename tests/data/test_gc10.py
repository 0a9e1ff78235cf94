"""The reader of GC10-DET, on small trees in its layouts and on its real files."""

from collections import Counter

import datasets
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import steeldefectx
from steeldefectx.cli.app import app
from steeldefectx.data.export import build
from steeldefectx.data.labelled import load_data
from steeldefectx.data.sources import find_samples
from steeldefectx.data.sources.crops import CONTEXT, MIN_SIDE, with_context
from steeldefectx.data.splits import stratified_split
from steeldefectx.errors import DataError

PINYIN = {
    "chongkong": "Punching",
    "hanfeng": "Welding line",
    "yueyawan": "Crescent gap",
    "shuiban": "Water spot",
    "youban": "Oil spot",
    "siban": "Silk spot",
    "yiwu": "Inclusion",
    "yahen": "Rolled pit",
    "zhehen": "Crease",
    "yaozhe": "Waist folding",
}
SIZE = (400, 300)


def image(path, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size[::-1], 90, np.uint8)).save(path)
    return path


def annotation(path, *objects, size=SIZE):
    boxes = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>"
        f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
        for name, box in objects
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>{boxes}</annotation>")
    return path


def ids(found):
    return [sample.image_id for sample in found.samples]


@pytest.mark.parametrize("names", [list(map(str, range(1, 11))), list(PINYIN), list(PINYIN.values())])
def test_class_folders_alone(tmp_path, names):
    for name, number in zip(names, range(10), strict=True):
        image(tmp_path / name / f"img_01_{number:04d}.jpg")
    samples = find_samples(tmp_path).samples
    assert [s.class_name for s in samples] == list(PINYIN.values())
    assert {s.source for s in samples} == {"GC10"}
    assert {s.box for s in samples} == {None}


def test_folders_of_numbers_with_other_files_are_not_taken(tmp_path):
    image(tmp_path / "1" / "photo.jpg")
    with pytest.raises(DataError, match="No images of a known source"):
        find_samples(tmp_path)


@pytest.mark.parametrize("labels", ["lable", "label", "labels", "Annotations"])
@pytest.mark.parametrize("folder", ["1", "chongkong", "images"])
def test_the_annotation_gives_a_sample_for_each_class(tmp_path, labels, folder):
    file = image(tmp_path / folder / "img_01_1.jpg")
    annotation(
        tmp_path / labels / "img_01_1.xml",
        ("1_chongkong", (10, 20, 30, 40)),
        ("10_yaozhed", (200, 100, 240, 120)),
        ("1_chongkong", (50, 20, 60, 45)),
        ("10_yaozhe", (250, 100, 260, 130)),
    )
    samples = find_samples(tmp_path).samples
    assert [(s.image_id, s.class_name, s.path) for s in samples] == [
        ("GC10/img_01_1/punching", "Punching", file),
        ("GC10/img_01_1/waist_folding", "Waist folding", file),
    ]
    assert samples[0].box == with_context((10, 20, 60, 45), SIZE) == (0, 0, 256, 256)
    assert samples[1].box == with_context((200, 100, 260, 130), SIZE)
    assert {s.box for s in find_samples(tmp_path, crops=False).samples} == {None}


def test_the_annotation_beats_the_folder_and_the_folder_helps_without_one(tmp_path):
    image(tmp_path / "1" / "img_1.jpg")
    annotation(tmp_path / "lable" / "img_1.xml", ("6_siban", (0, 0, 9, 9)))
    image(tmp_path / "2" / "img_2.jpg")
    image(tmp_path / "3" / "img_3.jpg")
    annotation(tmp_path / "lable" / "img_3.xml")
    assert ids(find_samples(tmp_path)) == ["GC10/img_1/silk_spot", "GC10/img_2/welding_line", "GC10/img_3/crescent_gap"]


def test_an_image_in_two_class_folders(tmp_path):
    for folder in ("1", "2"):
        image(tmp_path / folder / "img_1.jpg")
    assert ids(find_samples(tmp_path)) == ["GC10/img_1/punching", "GC10/img_1/welding_line"]
    annotation(tmp_path / "lable" / "img_1.xml", ("2_hanfeng", (0, 0, 9, 9)))
    assert ids(find_samples(tmp_path)) == ["GC10/img_1/welding_line"]


def test_context_makes_a_square_inside_the_image():
    assert with_context((1000, 400, 1400, 500), (2048, 1000)) == (950, 200, 1450, 700)
    assert with_context((0, 990, 10, 1000), (2048, 1000)) == (0, 1000 - MIN_SIDE, MIN_SIDE, 1000)
    assert with_context((0, 300, 2048, 700), (2048, 1000)) == (0, 0, 2048, 1000)
    assert round(400 * (1 + CONTEXT)) == 500


def test_strays_are_one_note(tmp_path):
    image(tmp_path / "images" / "img_1.jpg")
    annotation(tmp_path / "lable" / "img_1.xml", ("1_chongkong", (0, 0, 9, 9)), ("d", (0, 0, 5, 5)))
    for n in range(2, 9):
        annotation(tmp_path / "lable" / f"img_{n}.xml", ("1_chongkong", (0, 0, 9, 9)), ("d", (0, 0, 5, 5)))
    found = find_samples(tmp_path)
    assert found.problems == []
    summary = "GC10: 7 of 8 annotation files have no image; objects of no known class were left out: 'd' (8)."
    assert summary in found.notes
    assert len(found.notes) == 2


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>'


def bad_tree(root):
    good = ("1_chongkong", (10, 10, 20, 20))
    for n in range(9):
        image(root / "images" / f"img_{n}.jpg")
    labels = root / "lable"
    annotation(labels / "img_0.xml", good)
    annotation(labels / "img_1.xml", ("11_unheard", (1, 1, 5, 5)))
    (labels / "img_2.xml").write_text(BOMB)
    (labels / "img_3.xml").write_bytes(BOMB.encode("utf-16"))
    (labels / "img_4.xml").write_text("<annotation><object>")
    annotation(labels / "img_5.xml", ("1_chongkong", (20, 10, 20, 20)))
    annotation(labels / "img_6.xml", good, size=(2048, 1000))
    annotation(labels / "img_7.xml", ("1_chongkong", ("x", 1, 2, 3)))
    whole = (root / "images" / "img_0.jpg").read_bytes()
    annotation(labels / "img_9.xml", good, ("2_hanfeng", (1, 1, 5, 5)))
    (root / "images" / "img_9.jpg").write_bytes(whole[: len(whole) // 2])


def test_all_that_is_bad_is_named_at_once(tmp_path):
    bad_tree(tmp_path)
    with pytest.raises(DataError) as error:
        find_samples(tmp_path)
    for part in ("img_1.jpg: no known class in its annotation (11_unheard)",
                 "img_2.xml: not a readable annotation",
                 "img_3.xml: not a readable annotation", "img_4.xml: not a readable", "an empty box of 1_chongkong",
                 "img_6.jpg: 400x300 pixels, its annotation is of 2048x1000", "img_7.xml", "img_8.jpg: neither",
                 "img_9.jpg: not a readable image"):  # fmt: skip
        assert part in str(error.value)
    assert "9 of the files" in str(error.value)
    found = find_samples(tmp_path, skip_bad=True)
    assert ids(found) == ["GC10/img_0/punching"]
    assert len(found.problems) == 9


def test_a_huge_annotation_is_not_read(tmp_path):
    image(tmp_path / "images" / "img_1.jpg")
    annotation(tmp_path / "lable" / "img_1.xml", *[("1_chongkong", (1, 1, 5, 5))] * 10_000)
    with pytest.raises(DataError, match=r"more than 1,000,000 bytes"):
        find_samples(tmp_path)


def test_real_files(real_gc10):
    found = find_samples(real_gc10)
    assert found.problems == []
    assert len({s.path for s in found.samples}) == 18
    summary = [note for note in found.notes if "annotation files" in note]
    assert len(summary) == 1
    assert "2,262 of 2,280 annotation files have no image" in summary[0]
    assert "'d' (1)" in summary[0]
    expected = Counter()
    for file in (real_gc10 / "images").iterdir():
        text = (real_gc10 / "lable" / f"{file.stem}.xml").read_text()
        names = {line.partition("_")[2].partition("<")[0] for line in text.split("<name>")[1:]}
        expected.update(PINYIN[name.removesuffix("d")] for name in names)
    assert Counter(s.class_name for s in found.samples) == expected
    for s in found.samples:
        left, top, right, bottom = s.box
        assert 0 <= left < right <= 2048
        assert 0 <= top < bottom <= 1000
        assert right - left >= MIN_SIDE <= bottom - top


@pytest.mark.parametrize(
    "declared", ['<!DOCTYPE annotation SYSTEM "file:///etc/hostname">', "<!DOCTYPE annotation [<!ELEMENT object ANY>]>"]
)
def test_no_document_type_at_all(tmp_path, declared):
    image(tmp_path / "1" / "img_1.jpg")
    file = annotation(tmp_path / "lable" / "img_1.xml", ("1_chongkong", (0, 0, 9, 9)))
    file.write_text(declared + file.read_text())
    with pytest.raises(DataError, match=r"img_1\.xml: not a readable annotation \(a document type"):
        find_samples(tmp_path)


def test_an_annotation_outside_of_the_folder_is_not_read(tmp_path):
    image(tmp_path / "data" / "1" / "img_1.jpg")
    outside = annotation(tmp_path / "outside.xml", ("2_hanfeng", (0, 0, 9, 9)))
    (tmp_path / "data" / "lable").mkdir()
    (tmp_path / "data" / "lable" / "img_1.xml").symlink_to(outside)
    with pytest.raises(DataError, match=r"img_1\.xml: a link that leads out"):
        find_samples(tmp_path / "data")


@pytest.fixture
def sheets(tmp_path):
    """Sixty photographs, most with defects of two or three classes, and forty images of NEU."""
    rng, classes = np.random.default_rng(0), list(PINYIN)[:4]
    folder = tmp_path / "sheets"
    (folder / "NEU").mkdir(parents=True)
    for n in range(60):
        pixels = rng.integers(0, 255, SIZE[::-1], np.uint8)
        file = image(folder / "images" / f"img_{n:02d}.png")
        Image.fromarray(pixels).save(file)
        names = rng.choice(classes, rng.integers(1, 4), replace=False)
        boxes = [(name, (20 * k + 5, 5, 20 * k + 15, 20)) for k, name in enumerate(names)]
        annotation(folder / "lable" / f"img_{n:02d}.xml", *boxes)
    for n in range(40):
        Image.fromarray(rng.integers(0, 255, (64, 64), np.uint8)).save(folder / "NEU" / f"crazing_{n}.png")
    return folder


def photographs_of(rows):
    return {image_id.rsplit("/", 1)[0] for image_id in rows["image_id"] if image_id.startswith("GC10/")}


@pytest.mark.parametrize("part", ["crop", "whole"])
@pytest.mark.parametrize("split_by", ["rule", "grouped"])
def test_samples_of_one_photograph_are_on_one_side_and_all_else_is_split_as_before(sheets, tmp_path, part, split_by):
    rows = steeldefectx.load_dataset(data_dir=str(sheets), gc10=part, split_by=split_by, cache_dir=str(tmp_path / "c"))
    assert not photographs_of(rows["train"]) & photographs_of(rows["test"])
    counts = {name: Counter(split["label"]) for name, split in rows.items()}
    for label in counts["train"]:
        total = counts["train"][label] + counts["test"][label]
        assert abs(counts["train"][label] - 0.7 * total) <= 2
    crazing = [row_id for row_id in rows["train"]["image_id"] if "crazing" in row_id]
    ids = [f"NEU/crazing_{n}" for n in range(40)]
    ruled = stratified_split(ids, ["Crazing"] * 40)
    assert sorted(crazing) == sorted(i for i, side in zip(ids, ruled, strict=True) if side == "train")


def test_a_validation_draw_parts_no_photograph(sheets):
    data = load_data("default", str(sheets), validation=0.3)
    train, validation = (photographs_of({"image_id": data.split(name).image_ids}) for name in ("train", "test"))
    assert train
    assert validation
    assert not train & validation


def test_near_duplicates_are_held_out_together(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for n in range(10):
            grey = Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).resize((64, 64))
            (tmp_path / "mine" / "train" / name).mkdir(parents=True, exist_ok=True)
            grey.save(tmp_path / "mine" / "train" / name / f"{n}.png")
            grey.save(tmp_path / "mine" / "train" / name / f"{n}-again.jpg", quality=70)
    image(tmp_path / "mine" / "test" / "a" / "0.png")
    train = load_data("class-folders", str(tmp_path / "mine")).split("train")
    held_out = train.held_out(0.3, 0)
    assert 0 < held_out.sum() < len(train)
    numbers = np.array(["/".join(image_id.split("/")[-2:]).removesuffix("-again") for image_id in train.image_ids])
    assert not set(numbers[held_out]) & set(numbers[~held_out])


def test_how_many_are_kept_together_is_said(sheets, tmp_path, caplog):
    remark = "photographs are kept together: none is in train and in test."
    done = CliRunner().invoke(app, ["audit", str(sheets), "--out", str(tmp_path / "audit")])
    assert done.exit_code == 0, done.output
    assert remark in " ".join(done.output.split())
    assert remark in (tmp_path / "audit" / "audit.html").read_text()
    with caplog.at_level("WARNING", logger="datasets"):
        datasets.logging.enable_propagation()
        build(tmp_path / "out", sheets)
        datasets.logging.disable_propagation()
    assert any(remark in record.message for record in caplog.records)
    assert "such samples show the same sheet, and are on one side" in (tmp_path / "out" / "README.md").read_text()

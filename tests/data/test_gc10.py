"""The reader of GC10-DET, on small trees in its layouts and on its real files."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

import steeldefectx
from steeldefectx.data.sources import find_samples
from steeldefectx.data.sources.gc10 import CONTEXT, MIN_SIDE, with_context
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


def test_the_grouped_split_keeps_the_samples_of_an_image_together(tmp_path):
    for n in range(12):
        file = image(tmp_path / "GC10" / "images" / f"img_{n:02d}.png")
        noise = np.random.default_rng(n).integers(0, 255, SIZE[::-1], dtype=np.uint8)
        Image.fromarray(noise).save(file)
        boxes = ("1_chongkong", (10, 10, 40, 40)), ("6_siban", (300, 200, 390, 290))
        annotation(tmp_path / "GC10" / "lable" / f"img_{n:02d}.xml", *boxes)
    sides = {}
    for split_by in ("rule", "grouped"):
        rows = steeldefectx.load_dataset(
            data_dir=str(tmp_path / "GC10"), cache_dir=str(tmp_path / "cache"), split_by=split_by
        )
        images = {s: {i.split("/")[1] for i in rows[s]["image_id"]} for s in ("train", "test")}
        sides[split_by] = images["train"] & images["test"]
        assert (len(rows["train"]), len(rows["test"])) == (18, 6)
    assert sides["rule"]
    assert not sides["grouped"]

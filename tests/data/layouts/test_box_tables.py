"""Tables with a row for each box."""

import numpy as np
import pytest
from PIL import Image

from tests.data.layouts.trees import found, image, split_counts

BOXES = {
    "a.jpg": [("scratch", (10, 20, 60, 80))],
    "b.jpg": [("scratch", (0, 0, 30, 30)), ("dent", (300, 200, 390, 290))],
}


def with_images(root, names=("a.jpg", "b.jpg")):
    for name in names:
        image(root / name, (400, 300))


def union(first, second):
    return (*map(min, first[:2], second[:2]), *map(max, first[2:], second[2:]))


def rows(headings):
    for name, boxes in BOXES.items():
        for label, box in boxes:
            cells = {"filename": name, "width": 400, "height": 300, "class": label}
            cells |= dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
            yield ",".join(str(cells[heading]) for heading in headings)


@pytest.mark.parametrize(
    "headings",
    [
        ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"),
        ("class", "ymax", "xmax", "ymin", "xmin", "filename"),
    ],
)
def test_crops_and_whole_images(tmp_path, headings):
    with_images(tmp_path)
    (tmp_path / "boxes.csv").write_text("\n".join([",".join(headings), *rows(headings)]))
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 2, "dent": 1}
    for sample in listing.samples:
        inner = dict(BOXES[sample.original_name])[sample.class_name]
        assert sample.box == union(sample.box, inner), "the crop holds the box"
    whole, classes = found(tmp_path, boxes="whole")
    assert classes == {"scratch": 2, "dent": 1}
    assert {sample.box for sample in whole.samples} == {None}


def test_a_heading_is_not_needed_and_an_empty_row_is_sound(tmp_path):
    with_images(tmp_path / "images", ("a.jpg", "b.jpg", "c.jpg"))
    text = "images/a.jpg,10,20,60,80,scratch\nimages/b.jpg,1,2,30,40,dent\nimages/c.jpg,,,,,\n"
    (tmp_path / "annotations.csv").write_text(text)
    assert found(tmp_path)[1] == {"scratch": 1, "dent": 1, "sound": 1}


def test_a_table_in_each_splits_folder(tmp_path):
    headings = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")
    for split in ("train", "valid", "test"):
        with_images(tmp_path / split)
        (tmp_path / split / "_annotations.csv").write_text("\n".join([",".join(headings), *rows(headings)]))
    assert split_counts(found(tmp_path)[0]) == {
        ("train", "scratch"): 4,
        ("train", "dent"): 2,
        ("test", "scratch"): 2,
        ("test", "dent"): 1,
    }


def test_boxes_are_of_the_upright_image(tmp_path):
    """A box on the right of a photograph that is stored turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400), dtype=np.uint8))
    stored.save(tmp_path / "a.jpg", exif=exif)
    image(tmp_path / "b.jpg", (300, 400))
    text = "filename,class,xmin,ymin,xmax,ymax\na.jpg,scratch,250,350,299,399\nb.jpg,dent,1,1,20,20\n"
    (tmp_path / "boxes.csv").write_text(text)
    listing, _ = found(tmp_path)
    assert next(s for s in listing.samples if s.class_name == "scratch").box[2:] == (300, 400)

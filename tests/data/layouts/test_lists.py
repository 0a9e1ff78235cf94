"""Lists of images and classes, as people write and export them."""

import json

import openpyxl
import pytest

from steeldefectx.data.sources.layouts.choose import choose
from steeldefectx.data.sources.tree import read_tree
from steeldefectx.errors import DataError
from tests.data.layouts.trees import found, image, mask, split_counts

NAMES = ("a.png", "b.png", "c.png", "d.png")
CLASSES = ("scratch", "scratch", "dent", "dent")
PAIRS = tuple(zip(NAMES, CLASSES, strict=True))


def images(root, names=NAMES):
    for name in names:
        image(root / name)


def expected(listing):
    return {sample.original_name: sample.class_name for sample in listing.samples}


@pytest.mark.parametrize(
    "file_heading", ["filename", "File Name", "image", "img", "path", "image_id", "name", "文件名"]
)
@pytest.mark.parametrize("class_heading", ["label", "Class", "category", "defect", "type", "target", "类别"])
def test_headings_in_the_usual_words(tmp_path, file_heading, class_heading):
    images(tmp_path / "images")
    rows = [(file_heading, class_heading), *zip(NAMES, CLASSES, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 2, "dent": 2}
    assert expected(listing) == dict(zip(NAMES, CLASSES, strict=True))
    assert f"labels.csv (image: {file_heading}, class: {class_heading})" in listing.notes[0]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("heading", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_separators_encodings_and_no_heading(tmp_path, separator, heading, encoding):
    images(tmp_path)
    rows = [("image", "label")] * heading + list(zip(NAMES, CLASSES, strict=True))
    (tmp_path / "list.csv").write_bytes("\r\n".join(map(separator.join, rows)).encode(encoding))
    assert expected(found(tmp_path)[0]) == dict(zip(NAMES, CLASSES, strict=True))


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", ("划痕", "夹杂")),
        ("cp1252", ("Riß", "Einschluß")),
        ("cp1252", ("Größe", "éraflure")),
        ("cp1251", ("царапина", "трещина")),
        ("shift_jis", ("傷", "へこみ")),
    ],
)
def test_encodings_that_do_not_say_what_they_are(tmp_path, encoding, names):
    images(tmp_path)
    rows = [("file", "class"), ("a.png", names[0]), ("b.png", names[0]), ("c.png", names[1]), ("d.png", names[1])]
    (tmp_path / "labels.csv").write_bytes("\n".join(map(",".join, rows)).encode(encoding))
    assert found(tmp_path)[1] == {names[0]: 2, names[1]: 2}


@pytest.mark.parametrize(
    "prefix", ["D:\\Projects\\Line 3\\2024\\", "\\\\server\\share\\", "/home/anna/data/", "file:///C:/x/", "./", ""]
)
def test_paths_of_another_machine(tmp_path, prefix):
    for folder in ("left", "right"):
        images(tmp_path / "photos" / folder, ("1.png", "2.png"))
    slash = "\\" if "\\" in prefix else "/"
    lines = [f"{prefix}{folder}{slash}{n}.PNG,{folder} defect" for folder in ("left", "right") for n in (1, 2)]
    (tmp_path / "labels.csv").write_text("path,class\n" + "\n".join(lines))
    listing, classes = found(tmp_path)
    assert classes == {"left defect": 2, "right defect": 2}
    assert all(sample.path.parent.name == sample.class_name.split()[0] for sample in listing.samples)


def test_a_name_that_several_images_have_is_a_problem(tmp_path):
    images(tmp_path / "x", ("1.png", "2.png"))
    images(tmp_path / "y", ("1.png", "3.png"))
    (tmp_path / "labels.csv").write_text("file,class\n1.png,a\n2.png,b\n3.png,b\n")
    with pytest.raises(DataError, match=r"1\.png may be any of 2 images"):
        found(tmp_path)


def test_excel(tmp_path):
    images(tmp_path / "images")
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [
        ("Image", "Remark", "Defect"),
        *((n, "x", c) for n, c in zip(NAMES, CLASSES, strict=True)),
        (None,) * 3,
    ]:
        sheet.append(row)
    book.create_sheet("Other").append(("a.png", "ignored"))
    book.save(tmp_path / "Liste.xlsx")
    assert expected(found(tmp_path)[0]) == dict(zip(NAMES, CLASSES, strict=True))


def test_class_numbers_of_excel_are_whole(tmp_path):
    images(tmp_path)
    book = openpyxl.Workbook()
    for row in [("file", "label"), *zip(NAMES, (0.0, 0.0, 1.0, 1.0), strict=True)]:
        book.active.append(row)
    book.save(tmp_path / "labels.xlsx")
    (tmp_path / "classes.txt").write_text("scratch\ndent\n")
    assert found(tmp_path)[1] == {"scratch": 2, "dent": 2}


def test_a_file_that_is_no_workbook_is_a_problem(tmp_path):
    images(tmp_path / "scratch")
    images(tmp_path / "dent")
    (tmp_path / "labels.xlsx").write_text("not one")
    (tmp_path / "labels.csv").write_text("file,class\nscratch/a.png,s\ndent/a.png,d\n")
    with pytest.raises(DataError, match=r"labels\.xlsx: not a readable table"):
        found(tmp_path)


def test_a_split_column(tmp_path):
    images(tmp_path)
    rows = zip(NAMES, CLASSES, ("Training", "test", "train", "TEST"), strict=True)
    (tmp_path / "labels.csv").write_text("image,label,split\n" + "\n".join(map(",".join, rows)))
    assert split_counts(found(tmp_path)[0]) == {
        ("train", "scratch"): 1,
        ("test", "scratch"): 1,
        ("train", "dent"): 1,
        ("test", "dent"): 1,
    }


def test_automl_rows_have_the_split_first_and_no_heading(tmp_path):
    images(tmp_path)
    rows = zip(("TRAIN", "VALIDATION", "TRAIN", "TEST"), NAMES, CLASSES, strict=True)
    (tmp_path / "all.csv").write_text("\n".join(f"{s},gs://bucket/steel/{n},{c}" for s, n, c in rows))
    assert split_counts(found(tmp_path)[0]) == {
        ("train", "scratch"): 2,
        ("train", "dent"): 1,
        ("test", "dent"): 1,
    }


def test_marks_in_a_column_for_each_class(tmp_path):
    """Roboflow's multi-class export: a table in each split's folder, with spaces before the headings."""
    for split, names in (("train", ("a.jpg", "b.jpg")), ("valid", ("c.jpg", "d.jpg"))):
        images(tmp_path / split, names)
        text = f"filename, dent, scratch\n{names[0]}, 1, 0\n{names[1]}, 1, 1\n"
        (tmp_path / split / "_classes.csv").write_text(text)
    listing, classes = found(tmp_path)
    assert classes == {"dent": 4, "scratch": 2}
    assert split_counts(listing)["test", "scratch"] == 1
    assert "2 images have several classes: each is a sample of each of its classes." in listing.notes
    assert len({sample.image_id.partition("::")[0] for sample in listing.samples}) == 4, "one photograph each"


@pytest.mark.parametrize("bar", ["|", ";", ","])
def test_several_classes_in_a_cell(tmp_path, bar):
    images(tmp_path)
    rows = (("a.png", "scratch"), ("b.png", "dent"), ("c.png", f'"scratch{bar} dent"'), ("d.png", "dent"))
    (tmp_path / "labels.csv").write_text("file,label\n" + "\n".join(map(",".join, rows)))
    assert found(tmp_path)[1] == {"scratch": 2, "dent": 3}


def test_a_bar_always_parts_classes(tmp_path):
    images(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na.png,scratch|rust\nb.png,dent\nc.png,dent\nd.png,dent\n")
    assert found(tmp_path)[1] == {"scratch": 1, "rust": 1, "dent": 3}


def test_a_comma_in_the_name_of_a_class_is_part_of_it(tmp_path):
    images(tmp_path)
    text = 'file,label\na.png,"scale, rolled in"\nb.png,"scale, rolled in"\nc.png,dent\nd.png,dent\n'
    (tmp_path / "labels.csv").write_text(text)
    assert found(tmp_path)[1] == {"scale, rolled in": 2, "dent": 2}


@pytest.mark.parametrize("headings", ["image,label,class_name", "image,class,type", "file,category_id,category"])
def test_numbers_beside_names(tmp_path, headings):
    images(tmp_path)
    rows = zip(NAMES, "0011", CLASSES, strict=True)
    (tmp_path / "labels.csv").write_text(f"{headings}\n" + "\n".join(map(",".join, rows)))
    assert found(tmp_path)[1] == {"scratch": 2, "dent": 2}


def test_rows_without_image_and_images_without_row_are_counted(tmp_path):
    images(tmp_path)
    text = "file,label\na.png,scratch\nb.png,dent\nc.png,\nlost.png,dent\ngone.png,dent\n"
    (tmp_path / "labels.csv").write_text(text)
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 1, "dent": 1}
    notes = "\n".join(listing.notes)
    assert "2 rows of lists name images that are not there, such as lost.png." in notes
    assert "1 rows of lists give no class" in notes
    assert "2 images are in no class and are not used" in notes or "2 images" in notes


def test_formulas_are_text(tmp_path):
    images(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\na.png,=1+1\nb.png,=1+1\nc.png,@x\nd.png,@x\n")
    assert found(tmp_path)[1] == {"=1+1": 2, "@x": 2}


def test_predictions_and_submissions_are_no_labels(tmp_path):
    for name, folder in zip(NAMES, CLASSES, strict=True):
        image(tmp_path / folder / name)
    (tmp_path / "out.csv").write_text("file,rank,class,probability\n" + "\n".join(f"{n},1,{n[0]},0.9" for n in NAMES))
    (tmp_path / "sample_submission.csv").write_text("file,class\n" + "\n".join(f"{n},y" for n in NAMES))
    assert choose(read_tree(tmp_path))[0].name == "class-folders"


def test_a_list_beats_folders(tmp_path):
    for name, folder in zip(NAMES, ("monday", "monday", "tuesday", "tuesday"), strict=True):
        image(tmp_path / folder / name)
    (tmp_path / "labels.csv").write_text("a.png,scratch\nb.png,dent\nc.png,scratch\nd.png,dent\n")
    assert found(tmp_path)[1] == {"scratch": 2, "dent": 2}
    assert found(tmp_path, layout="class-folders")[1] == {"monday": 2, "tuesday": 2}


def test_two_lists_that_disagree_are_a_problem(tmp_path):
    images(tmp_path)
    for name, last in (("v1", "dent"), ("v2", "scratch")):
        rows = "\n".join(map(",".join, zip(NAMES, (*CLASSES[:3], last), strict=True)))
        (tmp_path / f"{name}.csv").write_text("file,label\n" + rows)
    with pytest.raises(DataError, match=r"d\.png: dent in v1\.csv, but scratch in v2\.csv"):
        found(tmp_path)


@pytest.mark.parametrize("suffix", ["", "_list"])
def test_lines_of_path_and_number(tmp_path, suffix):
    """As for Caffe (train.txt) and PaddleX (train_list.txt, labels.txt)."""
    for folder in ("red iron", "dent"):
        images(tmp_path / folder, ("1.png", "2.png", "3.png"))
    lines = [f"{folder}/{n}.png {number}" for number, folder in enumerate(("red iron", "dent")) for n in (1, 2, 3)]
    (tmp_path / f"train{suffix}.txt").write_text("\n".join(lines[:2] + lines[3:5]))
    (tmp_path / f"val{suffix}.txt").write_text("\n".join(lines[2::3]))
    (tmp_path / "labels.txt").write_text("Red iron\nDent\n")
    assert split_counts(found(tmp_path)[0]) == {
        ("train", "Red iron"): 2,
        ("train", "Dent"): 2,
        ("test", "Red iron"): 1,
        ("test", "Dent"): 1,
    }


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "scratch\ndent\n"),
        ("labels.txt", "0 scratch\n1 dent\n"),
        ("class_names.txt", "0: scratch\n1: dent\n"),
        ("labels.json", json.dumps({"0": "scratch", "1": "dent"})),
        ("class_indices.json", json.dumps({"scratch": 0, "dent": 1})),
        ("classes.json", json.dumps(["scratch", "dent"])),
        ("classes.csv", "id,name\n0,scratch\n1,dent\n"),
    ],
)
def test_class_numbers_and_the_file_that_names_them(tmp_path, file, text):
    images(tmp_path)
    rows = zip(NAMES, ("0", "0", "1", "1"), strict=True)
    (tmp_path / "train.csv").write_text("image,target\n" + "\n".join(map(",".join, rows)))
    (tmp_path / file).write_text(text)
    assert found(tmp_path)[1] == {"scratch": 2, "dent": 2}


def test_numbers_without_names_stay_numbers(tmp_path):
    images(tmp_path)
    (tmp_path / "train.csv").write_text("a.png,1\nb.png,1\nc.png,2\nd.png,2\n")
    listing, classes = found(tmp_path)
    assert classes == {"1": 2, "2": 2}
    assert any("classes.txt" in note for note in listing.notes)


def test_names_without_endings(tmp_path):
    images(tmp_path, ("0001.png", "0002.png", "0003.png"))
    (tmp_path / "labels.csv").write_text("id,label\n0001,scratch\n0002,dent\n0003,dent\n")
    assert found(tmp_path)[1] == {"scratch": 1, "dent": 2}


def test_a_mask_column_and_masks_of_the_images_names(tmp_path):
    images(tmp_path / "images")
    for name in NAMES[:2]:
        mask(tmp_path / "drawn" / "gt" / f"m{name}")
    mask(tmp_path / "masks" / NAMES[2])
    rows = zip(NAMES, CLASSES, ("ma.png", "mb.png", "", ""), strict=True)
    (tmp_path / "labels.csv").write_text("image,label,mask\n" + "\n".join(map(",".join, rows)))
    listing, _ = found(tmp_path)
    assert {s.original_name: s.mask and s.mask.name for s in listing.samples} == {
        "a.png": "ma.png",
        "b.png": "mb.png",
        "c.png": "c.png",
        "d.png": None,
    }


def test_annotations_of_single_images_are_no_lists(tmp_path):
    for folder in ("scratch", "dent"):
        images(tmp_path / folder)
        for name in NAMES:
            (tmp_path / folder / name).with_suffix(".txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert choose(read_tree(tmp_path))[0].name != "list"


def test_a_list_of_other_images_is_named_where_nothing_else_is_known(tmp_path):
    images(tmp_path)
    (tmp_path / "labels.csv").write_text("file,label\nD:\\x\\1.jpg,scratch\nD:\\x\\2.jpg,dent\n")
    with pytest.raises(DataError, match="nothing that says their classes") as error:
        found(tmp_path)
    assert "labels.csv lists 2 images, none of which is here, such as D:\\x\\2.jpg." in str(error.value)


def test_a_table_of_something_else_is_not_read_and_said(tmp_path):
    for folder in ("scratch", "dent"):
        images(tmp_path / folder, (f"{folder}1.png", f"{folder}2.png"))
    rows = [f"{folder}{n}.png,2024-01-0{n},1,0" for folder in ("scratch", "dent") for n in (1, 2)]
    (tmp_path / "meta.csv").write_text("\n".join(["image,date,blurred,dark", *rows]))
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 2, "dent": 2}
    remark = "meta.csv names 4 images, but no column is called class or label: image, date, blurred, dark."
    assert any(note.startswith(remark) for note in listing.notes)


def test_names_in_another_form_of_unicode_are_one_class(tmp_path):
    images(tmp_path)
    text = "file,label\na.png,e\u0301raflure\nb.png,\u00e9raflure\nc.png,rolled  in\nd.png,rolled in\n"
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    assert found(tmp_path)[1] == {"\u00e9raflure": 2, "rolled in": 2}


def test_an_older_workbook_is_named_with_what_helps(tmp_path):
    images(tmp_path)
    (tmp_path / "labels.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(DataError, match=r"\.xls \(1 in .*: save them as \.xlsx or CSV\)"):
        found(tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("labels.json", json.dumps(dict(zip(NAMES, CLASSES, strict=True)))),
        (
            "labels.json",
            json.dumps([{"file": n, "size": [1, 2], "label": c} for n, c in zip(NAMES, CLASSES, strict=True)]),
        ),
        (
            "metadata.jsonl",
            "\n".join(json.dumps({"file_name": n, "label": c}) for n, c in zip(NAMES, CLASSES, strict=True)),
        ),
    ],
)
def test_rows_in_json(tmp_path, file, text):
    images(tmp_path)
    (tmp_path / file).write_text(text)
    assert found(tmp_path)[1] == {"scratch": 2, "dent": 2}


def test_texts_of_images_are_no_list(tmp_path):
    for folder in ("scratch", "dent"):
        images(tmp_path / folder, (f"{folder}1.png", f"{folder}2.png"))
    lines = [
        {"image_id": f"class-folders/{c}/{c}{n}", "class_name": "x" + c, "T2": "y"} for c in CLASSES for n in (1, 2)
    ]
    (tmp_path / "annotations.jsonl").write_text("\n".join(map(json.dumps, lines)))
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 2, "dent": 2}
    assert not any("annotations.jsonl" in note for note in listing.notes)

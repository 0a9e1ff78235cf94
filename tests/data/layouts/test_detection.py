"""Boxes and polygons of YOLO, COCO, Pascal VOC and labelme: the same images, annotated in each of them."""

import base64
import io
import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from steeldefectx.data.sources import sample_mask
from steeldefectx.data.sources.find import read_own_images
from steeldefectx.errors import DataError
from tests.data.layouts.trees import found, image, split_counts

SIZE = (640, 480)
NAMES = ("scratch", "dent", "oil spot")
TRIANGLE = ((100, 100), (160, 100), (100, 140))
SQUARE = ((400, 300), (420, 300), (420, 330), (400, 330))
TRUTH = {
    ("train", "0001"): [("scratch", TRIANGLE), ("dent", SQUARE)],
    ("train", "0002"): [("oil spot", SQUARE), ("oil spot", TRIANGLE)],
    ("train", "0003"): [],
    ("test", "0004"): [("dent", TRIANGLE)],
}
"""(Split, name) -> objects, each a class and its corners."""
CLASSES = {"scratch": 1, "dent": 2, "oil spot": 2, "sound": 1}
SPLITS = {("train", "scratch"): 1, ("train", "dent"): 1, ("train", "oil spot"): 2, ("train", "sound"): 1,
          ("test", "dent"): 1}  # fmt: skip


def box(points):
    x, y = zip(*points, strict=True)
    return min(x), min(y), max(x), max(y)


def drawn(*shapes, size=SIZE):
    """A mask, pixel by pixel: a centre is inside where a ray to the left crosses the sides an odd number of times."""
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    mask = np.zeros(size[::-1], bool)
    for points in shapes:
        crossed = np.zeros(size[::-1], bool)
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            if y0 != y1:
                crossed ^= ((y0 <= y) != (y1 <= y)) & (x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x)
        mask |= crossed
    return mask


def yolo_line(name, points, polygons):
    if polygons:
        shares = [share for x, y in points for share in (x / SIZE[0], y / SIZE[1])]
    else:
        left, top, right, bottom = box(points)
        shares = [(left + right) / 2 / SIZE[0], (top + bottom) / 2 / SIZE[1],
                  (right - left) / SIZE[0], (bottom - top) / SIZE[1]]  # fmt: skip
    return " ".join([str(NAMES.index(name)), *(f"{share:.8f}" for share in shares)])


def yolo(root, image_folder="{split}/images", label_folder="{split}/labels", names="data.yaml", polygons=False):
    for (split, stem), objects in TRUTH.items():
        image(root / image_folder.format(split=split) / f"{stem}.jpg", SIZE)
        text(root / label_folder.format(split=split) / f"{stem}.txt",
             "\n".join(yolo_line(*each, polygons) for each in objects))  # fmt: skip
    if names.endswith(".yaml"):
        text(root / names, f"path: /content/steel\ntrain: train/images\nnc: 3\nnames: {json.dumps(NAMES)}\n")
    elif names:
        text(root / names, "\n".join(NAMES))


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def coco_of(split, segmentation=None, prefix=""):
    stems = [stem for part, stem in TRUTH if part == split]
    annotations = []
    for stem in stems:
        for name, points in TRUTH[split, stem]:
            left, top, right, bottom = box(points)
            annotations.append(
                {"id": len(annotations) + 1, "image_id": int(stem), "category_id": NAMES.index(name) + 1,
                 "bbox": [left, top, right - left, bottom - top], "iscrowd": int(segmentation is not None),
                 "segmentation": segmentation(points) if segmentation else [[float(n) for p in points for n in p]]}
            )  # fmt: skip
    images = [{"id": int(stem), "file_name": f"{prefix}{stem}.jpg", "width": SIZE[0], "height": SIZE[1]}
              for stem in stems]  # fmt: skip
    categories = [{"id": 0, "name": "defects"}, *({"id": n + 1, "name": name} for n, name in enumerate(NAMES))]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def coco(root, image_folder="{split}", file="annotations/instances_{split}.json", **settings):
    for split, stem in TRUTH:
        image(root / image_folder.format(split=split) / f"{stem}.jpg", SIZE)
    for split in ("train", "test"):
        text(root / file.format(split=split), json.dumps(coco_of(split, **settings)))


def voc_xml(stem, objects, size=SIZE):
    parts = "".join(
        f"<object><name>{name}</name><difficult>0</difficult><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
        f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for name, b in ((name, box(points)) for name, points in objects)
    )
    return (
        f"<annotation><filename>{stem}.jpg</filename><size><width>{size[0]}</width><height>{size[1]}</height>"
        f"<depth>1</depth></size>{parts}</annotation>"
    )


def voc(root, images="JPEGImages", labels="Annotations", sets=True):
    for (split, stem), objects in TRUTH.items():
        image(root / images.format(split=split) / f"{stem}.jpg", SIZE)
        text(root / labels.format(split=split) / f"{stem}.xml", voc_xml(stem, objects))
        if sets:
            with text(root / "ImageSets" / "Main" / "readme.txt", "").with_name(f"{split}.txt").open("a") as file:
                file.write(f"{stem}\n")


def labelme_json(stem, objects, size=SIZE, path=None):
    shapes = [{"label": name, "points": [list(p) for p in points], "shape_type": "polygon", "group_id": None}
              for name, points in objects]  # fmt: skip
    return json.dumps({"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": path or f"{stem}.jpg",
                       "imageData": None, "imageWidth": size[0], "imageHeight": size[1]})  # fmt: skip


def labelme(root, images="{split}", labels="{split}", path="{stem}.jpg"):
    for (split, stem), objects in TRUTH.items():
        image(root / images.format(split=split) / f"{stem}.jpg", SIZE)
        text(root / labels.format(split=split) / f"{stem}.json",
             labelme_json(stem, objects, path=path.format(stem=stem)))  # fmt: skip


LAYOUTS = {
    "yolo: train/images": (yolo, {}),
    "yolo: images/train": (yolo, {"image_folder": "images/{split}", "label_folder": "labels/{split}"}),
    "yolo: beside the images": (yolo, {"label_folder": "{split}/images", "names": "classes.txt"}),
    "yolo: darknet": (yolo, {"image_folder": "obj_{split}_data", "label_folder": "obj_{split}_data",
                             "names": "obj.names"}),
    "yolo: polygons": (yolo, {"polygons": True, "names": "steel.yaml"}),
    "coco": (coco, {}),
    "coco: folders by year": (coco, {"image_folder": "{split}2017", "file": "annotations/instances_{split}2017.json"}),
    "coco: beside the images": (coco, {"file": "{split}/_annotations.coco.json"}),
    "coco: file names with folders": (coco, {"prefix": "some/where\\"}),
    "voc": (voc, {}),
    "voc: inside VOCdevkit": (lambda root: voc(root / "VOCdevkit" / "VOC2007"), {}),
    "voc: beside the images": (voc, {"images": "{split}", "labels": "{split}", "sets": False}),
    "voc: two folders a split": (voc, {"images": "{split}/images", "labels": "{split}/annotations", "sets": False}),
    "labelme: beside the images": (labelme, {}),
    "labelme: in a folder of their own": (
        labelme, {"images": "{split}/images", "labels": "{split}/json", "path": "..\\images\\{stem}.jpg"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_is_read_as_what_it_is(tmp_path, name):
    write, settings = LAYOUTS[name]
    write(tmp_path / "steel", **settings)
    listing, classes = found(tmp_path / "steel")
    assert classes == CLASSES
    assert split_counts(listing) == SPLITS
    assert listing.problems == []
    for sample in listing.samples:
        if sample.class_name == "sound":
            assert (sample.box, sample.mask) == (None, None)
            continue
        split = next(split for split, stem in TRUTH if stem == sample.path.stem)
        objects = [points for label, points in TRUTH[split, sample.path.stem] if label == sample.class_name]
        left, top, right, bottom = sample.box
        assert 0 <= left < right <= SIZE[0]
        assert 0 <= top < bottom <= SIZE[1]
        assert (right - left, bottom - top) == (240, 240), "half the shorter side, so that the surroundings are seen"
        inside = [b for b in map(box, objects) if left <= b[0] and top <= b[1] and b[2] <= right and b[3] <= bottom]
        assert inside
        has_polygons = "polygons" in name or name.startswith(("coco", "labelme"))
        if has_polygons:
            assert np.array_equal(sample_mask(sample), drawn(*objects)[top:bottom, left:right])
        else:
            assert sample.mask is None
    assert name.split(":")[0] in listing.notes[0].lower()
    whole, classes = found(tmp_path / "steel", boxes="whole")
    assert classes == CLASSES | {"oil spot": 1}
    assert {sample.box for sample in whole.samples} == {None}
    assert len({sample.image_id for sample in whole.samples}) == len(whole.samples)


def test_crops_of_a_frame_stay_together_and_rows_have_their_masks(tmp_path):
    for n in range(12):
        image(tmp_path / "frames" / f"{n}.jpg", SIZE)
        text(tmp_path / "frames" / f"{n}.json", labelme_json(n, TRUTH["train", "0001"]))
    rows = datasets.load_dataset("steeldefectx", "class-folders", data_dir=str(tmp_path), cache_dir=str(tmp_path / "c"))
    frames = [{row["image_id"].split("::")[0] for row in rows[part]} for part in ("train", "test")]
    assert len(frames[0]) + len(frames[1]) == 12
    assert not frames[0] & frames[1]
    names = rows["train"].features["label"].names
    assert names == ["dent", "scratch"]
    for row in rows["train"]:
        points = dict(TRUTH["train", "0001"])[names[row["label"]]]
        assert (np.asarray(row["mask"]) > 127).sum() == drawn(points).sum()
        assert row["image"].size == row["mask"].size == (240, 240)
        assert row["attributes"]["number"]


def rle(points):
    pixels = drawn(points).T.ravel()
    ends = np.flatnonzero(np.diff(np.concatenate([[False], pixels, [False]])))
    counts = np.diff([0, *ends, len(pixels)]) if len(ends) % 2 == 0 else []
    return {"size": [SIZE[1], SIZE[0]], "counts": [int(n) for n in counts]}


def test_coco_run_lengths_of_crowds(tmp_path):
    coco(tmp_path, segmentation=rle)
    listing, classes = found(tmp_path)
    assert classes == CLASSES
    masks = {s.image_id: sample_mask(s, whole=True).sum() for s in listing.samples if s.mask}
    assert masks["class-folders/train/0001::dent 1"] == 20 * 30
    assert masks["class-folders/train/0002::oil spot 1"] == 20 * 30 + drawn(TRIANGLE).sum()


def test_coco_without_names_calls_classes_by_number(tmp_path):
    image(tmp_path / "a.jpg", SIZE)
    content = coco_of("test") | {"categories": [{"id": 2}, {"id": 7, "name": "dent"}]}
    content["images"][0]["file_name"] = "a.jpg"
    text(tmp_path / "labels.json", json.dumps(content))
    listing, classes = found(tmp_path)
    assert classes == {"2": 1}
    assert any("does not name its categories 2" in note for note in listing.notes)


def test_all_shapes_of_labelme(tmp_path):
    picture = io.BytesIO()
    Image.fromarray(np.full((6, 4), 255, np.uint8)).save(picture, "PNG")
    shapes = [
        ("polygon", [[10, 10], [30, 10], [30, 20], [10, 20]], 200, 0),
        ("rectangle", [[60, 40], [50, 30]], 100, 0),
        ("circle", [[100, 100], [100, 110]], np.pi * 100, 5),
        ("line", [[200, 100], [300, 100]], 1000, 40),
        ("linestrip", [[200, 200], [300, 200], [300, 300]], 2000, 60),
        ("point", [[400, 400]], np.pi * 25, 6),
        ("mask", [[500, 400], [503, 405]], 24, 0),
    ]
    for kind, points, *_ in shapes:
        image(tmp_path / "images" / f"{kind}.jpg", SIZE)
        entry = {"label": kind, "points": points, "shape_type": kind}
        if kind == "mask":
            entry["mask"] = base64.b64encode(picture.getvalue()).decode()
        content = {"shapes": [entry], "imagePath": f"../images/{kind}.jpg"}
        text(tmp_path / "json" / f"{kind}.json", json.dumps(content))
    listing, _ = found(tmp_path)
    assert listing.problems == []
    for sample in listing.samples:
        expected, tolerance = next((area, t) for kind, _, area, t in shapes if kind == sample.class_name)
        assert sample_mask(sample, whole=True).sum() == pytest.approx(expected, abs=tolerance + 1e-6), sample.class_name
        assert sample_mask(sample).sum() == sample_mask(sample, whole=True).sum(), "all of it is in the crop"


def test_rectangles_alone_are_boxes(tmp_path):
    image(tmp_path / "a.jpg", SIZE)
    entry = {"label": "dent", "points": [[10, 10], [30, 30]], "shape_type": "rectangle"}
    text(tmp_path / "a.json", json.dumps({"shapes": [entry], "imagePath": "a.jpg"}))
    assert found(tmp_path)[0].samples[0].mask is None


def test_shapes_of_a_group_are_one_object(tmp_path):
    image(tmp_path / "a.jpg", SIZE)
    content = json.loads(labelme_json("a", [("dent", TRIANGLE), ("dent", SQUARE)]))
    for shape in content["shapes"]:
        shape["group_id"] = 3
    text(tmp_path / "a.json", json.dumps(content))
    (sample,) = found(tmp_path)[0].samples
    assert sample_mask(sample).sum() == drawn(TRIANGLE, SQUARE).sum()


def test_one_object_without_a_name_is_none_of_the_image(tmp_path):
    for stem in "ab":
        image(tmp_path / f"{stem}.jpg", SIZE)
    text(tmp_path / "a.json", labelme_json("a", [("oil  spot", TRIANGLE), ("oil spot", SQUARE)]))
    text(tmp_path / "b.json", labelme_json("b", [("dent", TRIANGLE), ("", SQUARE)]))
    listing = read_own_images(tmp_path)
    assert [sample.image_id for sample in listing.samples] == [
        "class-folders/a::oil spot 1",
        "class-folders/a::oil spot 2",
    ]
    assert [problem.reason for problem in listing.problems] == ["an object without a name"]


BAD_YOLO = {
    "nan": ("0 nan 0.5 0.1 0.1", "is nan"),
    "beyond": ("7 0.5 0.5 0.1 0.1", "class 7, data.yaml has 3 names"),
    "outside": ("0 1.5 0.5 0.1 0.1", "lies outside of the image"),
    "empty": ("0 0.5 0.5 0 0.1", "an empty box of scratch"),
    "pixels": ("0 320 240 60 40", "no shares of the image"),
    "short": ("0 0.5 0.5", "2 numbers after the class"),
    "words": ("scratch 0.5 0.5 0.1 0.1", "no number for a class"),
}


def test_all_that_is_bad_in_yolo_labels_is_listed_a_line_a_file(tmp_path):
    yolo(tmp_path)
    for name, (line, _) in BAD_YOLO.items():
        image(tmp_path / "train" / "images" / f"{name}.jpg", SIZE)
        text(tmp_path / "train" / "labels" / f"{name}.txt", line)
    text(tmp_path / "train" / "labels" / "gone.txt", "0 0.5 0.5 0.1 0.1")
    text(tmp_path / "old" / "labels" / "0001.txt", "1 0.5 0.5 0.1 0.1")
    image(tmp_path / "train" / "images" / "forgotten.jpg", SIZE)
    with pytest.raises(DataError) as error:
        found(tmp_path)
    for name, (_, reason) in BAD_YOLO.items():
        (line,) = [line for line in str(error.value).splitlines() if f"{name}.txt" in line]
        assert reason in line
    assert "gone.txt: its image gone is not here" in str(error.value)
    assert "0001.txt: 0001.jpg is annotated twice, here and in old/labels/0001.txt" in str(error.value)
    listing, classes = found(tmp_path, skip_bad=True)
    assert classes == {"oil spot": 2, "sound": 1, "dent": 1}
    assert any("1 images are not annotated" in note and "forgotten.jpg" in note for note in listing.notes)


def test_annotations_that_do_not_fit_their_image(tmp_path):
    voc(tmp_path)
    image(tmp_path / "JPEGImages" / "0001.jpg", (320, 240))
    text(tmp_path / "Annotations" / "0002.xml", '<!DOCTYPE a [<!ENTITY x "y">]><annotation/>')
    text(tmp_path / "Annotations" / "0004.xml", voc_xml("0004", [("dent", ((600, 400), (700, 500)))]))
    with pytest.raises(DataError) as error:
        found(tmp_path)
    assert "0001.xml: it is of 640x480 pixels, the image 0001.jpg has 320x240" in str(error.value)
    assert "0002.xml: not a readable annotation (a document type, entities" in str(error.value)
    assert "2 of the files" in str(error.value)
    listing, classes = found(tmp_path, skip_bad=True)
    assert classes == {"sound": 1, "dent": 1}
    assert any(note.startswith("1 boxes or shapes reach over the edge") for note in listing.notes)
    assert next(s.box for s in listing.samples if s.class_name == "dent")[2:] == SIZE


def test_coco_that_is_incomplete(tmp_path):
    coco(tmp_path)
    (tmp_path / "train" / "0002.jpg").unlink()
    with pytest.raises(DataError, match=r"instances_train.json: 1 of its 3 images are not here.*0002.jpg"):
        found(tmp_path)
    assert found(tmp_path, skip_bad=True)[1] == {"scratch": 1, "dent": 2, "sound": 1}


def test_boxes_lie_on_the_upright_image(tmp_path):
    """An image that a camera has stored sideways: the annotation is of what people see."""
    tmp_path.mkdir(exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # is shown turned by a quarter
    Image.fromarray(np.full((64, 200), 90, np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    text(tmp_path / "a.json", labelme_json("a", [("dent", ((10, 150), (30, 150), (30, 190), (10, 190)))], (64, 200)))
    (sample,) = found(tmp_path)[0].samples
    assert sample_mask(sample).sum() == 20 * 40
    text(tmp_path / "a.json", labelme_json("a", [("dent", ((10, 10), (20, 10), (20, 20)))], (200, 64)))
    with pytest.raises(DataError, match=r"it is of 200x64 pixels, the image a\.jpg has 64x200"):
        found(tmp_path)


def test_two_readings_that_differ_are_an_error_that_names_both(tmp_path):
    yolo(tmp_path)
    for (split, stem), objects in TRUTH.items():
        others = [("rust", points) for _, points in objects]
        text(tmp_path / split / "labels" / f"{stem}.xml", voc_xml(stem, others))
    with pytest.raises(DataError) as error:
        found(tmp_path)
    message = str(error.value)
    assert "can be read in 2 ways" in message
    assert "--layout voc: Pascal VOC (4 XML files of an image each): rust 5, sound 1" in message
    assert "--layout yolo: YOLO labels (data.yaml, 3 names; 4 label files): " in message
    assert found(tmp_path, layout="voc")[1] == {"rust": 5, "sound": 1}
    assert found(tmp_path, layout="yolo")[1] == CLASSES


def test_two_readings_that_agree_are_none(tmp_path):
    yolo(tmp_path)
    for (split, stem), objects in TRUTH.items():
        text(tmp_path / split / "images" / f"{stem}.json", labelme_json(stem, objects))
    listing, classes = found(tmp_path)
    assert classes == CLASSES
    assert "labelme" in listing.notes[0]
    assert all(sample.mask for sample in listing.samples if sample.box)


def test_annotations_beat_folders_and_copies_of_an_export_stay_together(tmp_path):
    """As Roboflow exports images with augmentation: three copies of each, with hashes in their names."""
    for n in range(10):
        for copy in ("0a1b2c", "3d4e5f", "ffffff"):
            name = f"coil_{n}_jpg.rf.{copy}"
            part = "valid" if n == 3 and copy == "ffffff" else "train"
            image(tmp_path / part / "images" / f"{name}.jpg", (200, 200))
            text(tmp_path / part / "labels" / f"{name}.txt", "0 0.5 0.5 0.2 0.2")
    text(tmp_path / "data.yaml", "names:\n  0: scratch\n")
    own = read_own_images(tmp_path)
    assert len({sample.image_id.split("::")[0] for sample in own.samples}) == 10
    rows = datasets.load_dataset("steeldefectx", "class-folders", data_dir=str(tmp_path), cache_dir=str(tmp_path / "c"))
    assert set(rows) == {"train"}, "a copy of what is trained on does not test it"
    assert len(rows["train"]) == 30


def test_a_sample_of_a_tree_is_read_without_the_rest(tmp_path):
    from dataclasses import replace

    from steeldefectx.data.sources.layouts.choose import choose
    from steeldefectx.data.sources.tree import read_tree

    labelme(tmp_path)
    tree = read_tree(tmp_path)
    folder = tmp_path / "train"
    part = replace(tree, folders={folder: [folder / "0001.jpg"]}, texts=[folder / "0001.json"])
    layout, _ = choose(part)
    assert [sample.class_name for sample in layout.read(part)] == ["scratch", "dent"]
    assert part.problems == []


OTHER_FORMATS = {
    "project.json": ([{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}], "a Label Studio file without an"),
    "tasks.json": ([{"data": {"image": "a.jpg"}, "predictions": [{"result": []}]}], "a Label Studio file without an"),
    "min.json": ([{"image": "a.jpg", "annotator": 1, "label": []}], "a Label Studio file of another kind"),
    "via.json": ({"a.jpg123": {"filename": "a.jpg", "size": 123, "regions": []}}, "a VIA"),
    "a.jpg.json": ({"description": "", "tags": [], "size": {"height": 1, "width": 1}, "objects": []}, "a Supervisely"),
    "createml.json": ([{"image": "a.jpg", "annotations": [{"label": "x", "coordinates": {}}]}], "a CreateML"),
}


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_a_format_that_is_not_read_is_named(tmp_path, name):
    image(tmp_path / "images" / "a.jpg")
    content, called = OTHER_FORMATS[name]
    text(tmp_path / name, json.dumps(content))
    with pytest.raises(DataError, match=f"{name} is {called}.*not read: export it as COCO"):
        found(tmp_path)


def test_video_of_cvat_and_open_images_are_named(tmp_path):
    image(tmp_path / "images" / "a.jpg")
    text(tmp_path / "annotations.xml", "<annotations><version>1.1</version><track id='0' label='a'/></annotations>")
    with pytest.raises(DataError, match=r"a CVAT annotation \(XML for video"):
        found(tmp_path)
    (tmp_path / "annotations.xml").unlink()
    text(tmp_path / "boxes.csv", "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,/m/01,1,0,1,0,1\n")
    with pytest.raises(DataError, match="an OpenImages annotation"):
        found(tmp_path)


def test_real_frames_as_they_lie(real_frames):
    own = read_own_images(real_frames)
    truth = {}
    for file in Path(real_frames).rglob("*.json"):
        for shape in json.loads(file.read_text())["shapes"]:
            truth[shape["label"]] = truth.get(shape["label"], 0) + 1
    names = [sample.class_name for sample in own.samples]
    assert {name: names.count(name) for name in set(names)} == truth
    assert own.problems == []
    assert all(sample.mask is not None for sample in own.samples)
    sample = next(s for s in own.samples if s.image_id.endswith("/1::zhen_kong 1"))
    shapes = json.loads(next(Path(real_frames).rglob("1.json")).read_text())["shapes"]
    points = [s["points"] for s in shapes if s["label"] == "zhen_kong"]
    assert np.array_equal(sample_mask(sample, whole=True), drawn(*points))


def test_voc_masks_in_colours(tmp_path):
    voc(tmp_path)
    for stem, shapes in {"0001": (TRIANGLE, SQUARE), "0002": (SQUARE, TRIANGLE), "0004": (TRIANGLE,)}.items():
        levels = np.zeros(SIZE[::-1], np.uint8)
        for number, shape in enumerate(shapes, 1):
            levels[drawn(shape)] = number
        levels[0, :5] = 255  # VOC's "to be ignored"
        picture = Image.frombytes("P", SIZE, levels.tobytes())
        picture.putpalette([0, 0, 0, *np.random.default_rng(0).integers(64, 255, 765).tolist()])
        for folder in ("SegmentationClass", "SegmentationObject"):
            (tmp_path / folder).mkdir(exist_ok=True)
            picture.save(tmp_path / folder / f"{stem}.png")
    listing, classes = found(tmp_path)
    assert classes == CLASSES
    sums = {s.image_id: sample_mask(s, whole=True).sum() for s in listing.samples if s.mask is not None}
    assert sums == {
        "class-folders/JPEGImages/0002::oil spot 1": drawn(SQUARE, TRIANGLE).sum(),
        "class-folders/JPEGImages/0002::oil spot 2": drawn(SQUARE, TRIANGLE).sum(),
        "class-folders/JPEGImages/0004::dent 1": drawn(TRIANGLE).sum(),
    }
    assert any(note.startswith("1 masks are of images with several classes") for note in listing.notes)


@pytest.mark.parametrize("layout", ["yolo", "yolo: images first", "voc", "labelme", "coco"])
def test_images_of_one_name_in_two_folders_have_their_own_annotations(tmp_path, layout):
    folders = ("images/{}", "labels/{}") if "first" in layout else ("{}/images", "{}/labels")
    for split, name in (("train", "scratch"), ("valid", "dent")):
        images, labels = (tmp_path / folder.format(split) for folder in folders)
        image(images / "1.jpg", SIZE)
        if layout.startswith("yolo"):
            text(labels / "1.txt", yolo_line(name, TRIANGLE, polygons=False))
        elif layout == "voc":
            text(labels / "1.xml", voc_xml("1", [(name, TRIANGLE)]))
        elif layout == "labelme":
            text(labels / "1.json", labelme_json("1", [(name, TRIANGLE)]))
        else:
            content = coco_of("test") | {"categories": [{"id": 2, "name": name}]}
            content["images"][0]["file_name"] = f"{split}/images/1.jpg"
            text(tmp_path / f"instances_{split}.json", json.dumps(content))
    text(tmp_path / "classes.txt", "\n".join(NAMES))
    listing, _ = found(tmp_path)
    assert split_counts(listing) == {("train", "scratch"): 1, ("test", "dent"): 1}
    assert {sample.path.parts[-3 if "first" not in layout else -2] for sample in listing.samples} == {"train", "valid"}


def test_whole_images_are_whole_whenever_a_builder_lists_them(tmp_path):
    yolo(tmp_path / "steel")
    builder = datasets.load_dataset_builder(
        "steeldefectx", "class-folders", data_dir=str(tmp_path / "steel"), boxes="whole", cache_dir=str(tmp_path / "c")
    )
    for _ in range(2):
        rows = builder.as_streaming_dataset("train")
        assert [row["image"].size for row in rows] == [SIZE] * 4

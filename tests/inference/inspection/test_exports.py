"""Regions in the formats of annotation tools: what is read back is what was written."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from steeldefectx.data.sources.find import read_own_images
from steeldefectx.data.sources.shapes import Polygon
from steeldefectx.errors import ConfigError
from steeldefectx.inference.inspection.exports import FORMATS, export_records
from steeldefectx.inference.inspection.records import unreadable

SIZE = (160, 120)
SHAPES = {
    "a.png": [
        ("Dent", [(10.0, 12.0), (41.5, 10.0), (44.0, 30.0), (20.0, 36.5)]),
        ("unknown", [(100.0, 60.0), (140.0, 61.0), (139.0, 119.0), (120.0, 90.0), (101.0, 119.0)]),
    ],
    "line 3/b.png": [("Dent", [(0.0, 0.0), (30.0, 0.0), (0.0, 50.0)])],
    "line 3/sound.png": [],
}


def record(name, shapes):
    regions = []
    for label, points in shapes:
        x, y = np.array(points).T
        box = [int(np.floor(x.min())), int(np.floor(y.min())), int(np.ceil(x.max())), int(np.ceil(y.max()))]
        about = {"class": label, "polygon": [list(point) for point in points], "box": box, "area_px": 100}
        regions.append(about | {"score": 0.9, "probability": 0.8, "sentence": "A <dark> spot."})
    about = {"file": name, "width": SIZE[0], "height": SIZE[1], "score": 0.5, "sound": not regions}
    return about | {"error": None, "regions": regions}


RECORDS = [*(record(name, shapes) for name, shapes in SHAPES.items()), unreadable("bad.jpg", "no image")]


@pytest.fixture
def frames(tmp_path):
    folder = tmp_path / "frames"
    for name in SHAPES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise(SIZE, 30).save(folder / name)
    return folder


def drawn(points):
    mask = np.zeros(SIZE[::-1], bool)
    Polygon(tuple(map(tuple, points))).draw(mask)
    return mask


def of_class(name, label):
    return np.logical_or.reduce([drawn(points) for each, points in SHAPES[name] if each == label])


def assert_read_back(folder, layout, masks=True):
    """The same classes, crops and masks as were written, to a pixel."""
    samples = read_own_images(folder, layout=layout).samples
    found = [(sample.path.name, sample.class_name) for sample in samples]
    names = {name.rpartition("/")[2]: name for name in SHAPES}
    wanted = [(each, label) for each, name in names.items() for label, _ in SHAPES[name] or [("sound", None)]]
    assert sorted(found) == sorted(wanted)
    for sample in samples:
        if sample.class_name == "sound":
            continue
        of_region = of_class(names[sample.path.name], sample.class_name)
        if not masks:
            rows, columns = np.nonzero(of_region)
            left, top, right, bottom = sample.box
            assert left <= columns.min() + 1
            assert right >= columns.max()
            assert top <= rows.min() + 1
            assert bottom >= rows.max()
            continue
        read = np.zeros(SIZE[::-1], bool)
        for shape in sample.mask.shapes:
            shape.draw(read)
        assert not (read & ~binary_dilation(of_region, np.ones((3, 3)))).any()
        assert not (of_region & ~binary_dilation(read, np.ones((3, 3)))).any()


def beside(frames, name):
    """The frames with what was written of them, in one folder, as a person has them who corrected it."""
    shutil.copytree(frames.parent / "report" / name, frames, dirs_exist_ok=True)
    return frames


@pytest.mark.parametrize("name", ["coco", "cvat", "labelme"])
def test_what_was_written_is_read_back(frames, name):
    export_records(RECORDS, frames, frames.parent / "report", [name])
    assert_read_back(beside(frames, name), name)


@pytest.mark.parametrize(("kind", "masks"), [("segment", True), ("detect", False)])
def test_yolo_is_read_back(frames, kind, masks):
    export_records(RECORDS, frames, frames.parent / "report", ["yolo"])
    shutil.copytree(frames, frames.parent / "report" / "yolo" / kind / "images")
    assert_read_back(frames.parent / "report" / "yolo" / kind, "yolo", masks)


def test_coco_is_what_its_own_tools_read(frames):
    coco = pytest.importorskip("pycocotools.coco")
    (file,) = export_records(RECORDS, frames, frames.parent / "report", ["coco"])
    read = coco.COCO(str(file))
    of_a = read.loadAnns(read.getAnnIds(imgIds=[1]))
    for annotation, (label, points) in zip(of_a, SHAPES["a.png"], strict=True):
        assert read.loadCats(annotation["category_id"])[0]["name"] == label
        overlap = read.annToMask(annotation).astype(bool)
        assert (overlap & drawn(points)).sum() / (overlap | drawn(points)).sum() > 0.95


def test_label_studio_has_tasks_with_predictions_in_percent(frames):
    (file,) = export_records(RECORDS, frames, frames.parent / "report", ["label-studio"])
    tasks = json.loads(file.read_text())
    assert [task["data"]["image"] for task in tasks] == [f"/data/local-files/?d={name}" for name in SHAPES]
    first = tasks[0]["predictions"][0]["result"][0]
    assert (first["original_width"], first["original_height"]) == SIZE
    points = [(x * SIZE[0] / 100, y * SIZE[1] / 100) for x, y in first["value"]["points"]]
    np.testing.assert_allclose(points, SHAPES["a.png"][0][1])
    assert '<Label value="Dent"/>' in (file.parent / "interface.xml").read_text()


def test_predictions_that_a_person_accepts_in_label_studio_are_read_back(frames):
    (file,) = export_records(RECORDS, frames, frames.parent / "report", ["label-studio"])
    tasks = json.loads(file.read_text())
    for number, task in enumerate(tasks, 1):
        (prediction,) = task["predictions"]
        about = {"id": number, "completed_by": 1, "was_cancelled": False, "updated_at": "2024-05-07T16:27:17.914777Z"}
        task |= {"id": number, "annotations": [about | {"result": prediction["result"], "parent_prediction": 1}]}
    file.write_text(json.dumps(tasks))
    assert_read_back(beside(frames, "label-studio"), "label-studio")


def test_frames_that_would_have_one_file_are_refused(frames):
    twins = [record("a.png", []), record("a.jpg", [])]
    with pytest.raises(ConfigError, match=r"a\.png and a\.jpg"):
        export_records(twins, frames, frames.parent / "report", ["labelme"])
    assert not (frames.parent / "report").exists()


def test_an_unknown_format_is_named_with_those_there_are(frames):
    with pytest.raises(ConfigError, match=", ".join(FORMATS)):
        export_records(RECORDS, frames, frames.parent / "report", ["voc"])

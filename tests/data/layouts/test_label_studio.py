"""Label Studio's JSON: its regions as masks, whose annotation counts, and what cannot be read of it."""

import json
from urllib.parse import quote

import numpy as np
import pytest

from steeldefectx.data.sources import sample_mask
from steeldefectx.data.sources.brush import brush_mask
from steeldefectx.errors import DataError
from tests.data.layouts.test_cvat import SPOT, ellipse
from tests.data.layouts.test_detection import CLASSES, SIZE, SPLITS, SQUARE, TRIANGLE, TRUTH, box, drawn, text
from tests.data.layouts.trees import found, image, split_counts


def percent(points):
    return [[100 * x / SIZE[0], 100 * y / SIZE[1]] for x, y in points]


def region(kind, labels, value, size=SIZE, **more):
    about = {"original_width": size[0], "original_height": size[1], "image_rotation": 0}
    names = {"id": f"r{kind}", "from_name": "label", "to_name": "image", "type": kind, "origin": "manual"}
    return about | names | {"value": value | {kind: labels}} | more


def polygon(label, points, **more):
    return region("polygonlabels", [label], {"points": percent(points), "closed": True}, **more)


def rectangle(label, points, rotation=0, **more):
    ((left, top), (right, bottom)) = percent([box(points)[:2], box(points)[2:]])
    value = {"x": left, "y": top, "width": right - left, "height": bottom - top, "rotation": rotation}
    return region("rectanglelabels", [label], value, **more)


def choice(*names, **more):
    return {
        "value": {"choices": list(names)},
        "id": "c1",
        "from_name": "c",
        "to_name": "image",
        "type": "choices",
    } | more


def annotation(*result, updated="2024-05-07T16:27:17.914777Z", **more):
    about = {"id": 1552, "completed_by": 1, "was_cancelled": False, "ground_truth": False, "prediction": {}}
    return about | {"created_at": updated, "updated_at": updated, "result": list(result)} | more


def task(name, *annotations, key="image", **more):
    about = {"id": 7, "drafts": [], "predictions": [], "meta": {}, "inner_id": 1, "project": 7}
    return (
        about | {"file_upload": name.rpartition("/")[2], "data": {key: name}, "annotations": list(annotations)} | more
    )


def project(root, *tasks):
    return text(root / "project-7-at-2024-05-07.json", json.dumps(tasks))


ADDRESSES = {
    "an upload": ("/data/upload/1/0a1b2c3d-{stem}.jpg", "images/{split}/{stem}.jpg"),
    "an upload as it is stored": ("/data/upload/1/0a1b2c3d-{stem}.jpg", "images/{split}/0a1b2c3d-{stem}.jpg"),
    "a local file": ("/data/local-files/?d=steel/{split}/{stem}.jpg", "{split}/{stem}.jpg"),
    "a local file of Windows": ("/data/local-files/?d=steel%5C{split}%5C{stem}.jpg", "{split}/{stem}.jpg"),
    "a bucket": ("s3://plant/{split}/{stem}.jpg", "images/{split}/{stem}.jpg"),
    "the web": ("https://example.com/a/{stem}.jpg?X-Amz-Signature=0a&d=1#x", "images/{split}/{stem}.jpg"),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_each_way_to_name_an_image(tmp_path, name):
    address, file = ADDRESSES[name]
    tasks = []
    for (split, stem), objects in TRUTH.items():
        image(tmp_path / file.format(split=split, stem=stem), SIZE)
        given = address.format(split=split, stem=stem)
        tasks.append(task(given, annotation(*(polygon(*each) for each in objects))))
    project(tmp_path, *tasks)
    listing, classes = found(tmp_path)
    assert classes == CLASSES
    assert split_counts(listing) == SPLITS
    assert listing.problems == []
    assert "Label Studio JSON (project-7-at-2024-05-07.json)" in listing.notes[0]
    assert len(listing.notes) == 1
    for sample in listing.samples:
        if sample.class_name == "sound":
            assert (sample.box, sample.mask) == (None, None)
            continue
        stem = sample.path.stem.removeprefix("0a1b2c3d-")
        split = next(split for split, each in TRUTH if each == stem)
        objects = [points for label, points in TRUTH[split, stem] if label == sample.class_name]
        left, top, right, bottom = sample.box
        assert (right - left, bottom - top) == (240, 240)
        assert np.array_equal(sample_mask(sample), drawn(*objects)[top:bottom, left:right])


@pytest.mark.parametrize("name", ["Blech Nr. 3 (ü).jpg", "100%41.jpg"])
@pytest.mark.parametrize("written", [quote, str])
def test_names_with_signs_that_addresses_write_in_another_way(tmp_path, name, written):
    image(tmp_path / name, SIZE)
    project(tmp_path, task(f"/data/local-files/?d={written(name)}", annotation(polygon("dent", TRIANGLE))))
    assert found(tmp_path)[1] == {"dent": 1}


def test_only_uploads_have_something_before_their_name(tmp_path):
    image(tmp_path / "a.jpg", SIZE)
    project(tmp_path, task("/data/local-files/?d=steel/0a1b2c3d-a.jpg", annotation(polygon("dent", TRIANGLE))))
    with pytest.raises(DataError, match=r"1 of its 1 images are not here.*0a1b2c3d-a\.jpg"):
        found(tmp_path)


def test_the_image_is_whatever_data_names_one(tmp_path):
    image(tmp_path / "a.jpg", SIZE)
    data = {"frame": "/data/upload/1/0a1b2c3d-a.jpg", "line": "coil 7", "speed": 3.5}
    project(tmp_path, task("a.jpg", annotation(polygon("dent", TRIANGLE)), data=data))
    assert found(tmp_path)[1] == {"dent": 1}


def test_boxes_alone_are_no_masks(tmp_path):
    tasks = []
    for (split, stem), objects in TRUTH.items():
        image(tmp_path / split / f"{stem}.jpg", SIZE)
        tasks.append(task(f"{split}/{stem}.jpg", annotation(*(rectangle(*each) for each in objects))))
    project(tmp_path, *tasks)
    listing, classes = found(tmp_path)
    assert classes == CLASSES
    assert {sample.mask for sample in listing.samples} == {None}


def brush(pixels, single=False):
    """Bytes in red, green, blue and alpha as runs: of up to 16 words, each written or one repeated."""
    bits = [f"{pixels.size * 4:032b}", f"{7:05b}", *(f"{length - 1:04b}" for length in (1, 2, 3, 4))]
    for row in pixels:
        for on in row:
            words = [f"{n:08b}" for n in ((200, 0, 40, 127) if on else (0, 0, 0, 0))]
            if on or single:
                bits += ["0", "11", f"{3:04b}", *words]
            else:
                bits += ["1", "01", f"{3:02b}", words[0]]
    joined = "".join(bits)
    joined += "0" * (-len(joined) % 8)
    return [int(joined[at : at + 8], 2) for at in range(0, len(joined), 8)]


@pytest.mark.parametrize("single", [True, False])
def test_brush_marks_are_decoded(single):
    assert np.array_equal(brush_mask(brush(SPOT, single), (4, 3)), SPOT)


def test_all_shapes(tmp_path):
    spot = np.pad(SPOT, ((400, 77), (600, 36)))
    oval = {"x": 300 / 6.4, "y": 200 / 4.8, "radiusX": 60 / 6.4, "radiusY": 20 / 4.8, "rotation": 30}
    shapes = {
        "polygon": (polygon("polygon", TRIANGLE), drawn(TRIANGLE)),
        "box": (rectangle("box", SQUARE), drawn(SQUARE)),
        "turned": (
            rectangle("turned", ((100, 200), (140, 200), (140, 210), (100, 210)), 90),
            drawn(((100, 200), (100, 240), (90, 240), (90, 200))),
        ),
        "ellipse": (region("ellipselabels", ["ellipse"], oval), ellipse((300, 200), (60, 20), 30)),
        "brush": (region("brushlabels", ["brush"], {"format": "rle", "rle": brush(spot)}), spot),
    }
    for name in shapes:
        image(tmp_path / "images" / f"{name}.jpg", SIZE)
    project(tmp_path, *(task(f"{name}.jpg", annotation(shape)) for name, (shape, _) in shapes.items()))
    listing, classes = found(tmp_path)
    assert listing.problems == []
    assert classes == dict.fromkeys(shapes, 1)
    for sample in listing.samples:
        wanted = shapes[sample.class_name][1]
        assert np.array_equal(sample_mask(sample, whole=True), wanted), sample.class_name
        assert sample_mask(sample).sum() == wanted.sum(), "all of it is in the crop"
    assert any(note.startswith("1 boxes are turned") for note in listing.notes)


@pytest.mark.parametrize("kind", ["labels", "choices"])
def test_shapes_and_labels_in_two_results_of_one_id(tmp_path, kind):
    image(tmp_path / "a.jpg", SIZE)
    shape = polygon("", TRIANGLE, type="polygon", id="r1")
    del shape["value"]["polygonlabels"]
    label = region(kind, ["dent"], shape["value"], id="r1")
    project(tmp_path, task("a.jpg", annotation(shape, label)))
    (sample,) = found(tmp_path)[0].samples
    assert sample.class_name == "dent"
    assert sample_mask(sample).sum() == drawn(TRIANGLE).sum()


def test_choices_are_classes_of_whole_images(tmp_path):
    for name in "abcd":
        image(tmp_path / f"{name}.jpg", SIZE)
    project(
        tmp_path,
        task("a.jpg", annotation(choice("rust"))),
        task("b.jpg", annotation(choice("rust", "dent"))),
        task("c.jpg", annotation(choice("blurred"), polygon("dent", TRIANGLE))),
        task("d.jpg", annotation({"type": "textarea", "id": "t", "value": {"text": ["clean"]}})),
    )
    listing, classes = found(tmp_path)
    assert classes == {"rust": 2, "dent": 2, "sound": 1}
    assert [sample.box is None for sample in listing.samples if sample.path.stem != "c"] == [True] * 4
    assert len({sample.image_id for sample in listing.samples}) == 5
    assert any(note.startswith("1 images have choices beside their regions") for note in listing.notes)
    assert "Results of these kinds are not read: textarea." in listing.notes


SAYS_SOMETHING = {
    "shape": (region("labels", ["dent"], {"points": percent(TRIANGLE)}), "a label without a shape"),
    "kind": (polygon("dent", TRIANGLE, type=None), "a label without a shape"),
    "taxonomy": (
        region("taxonomy", [["rust", "red"]], {}),
        "no region and no class, but a result of the kind taxonomy",
    ),
    "choices": (choice(), "no region and no class, but a result of the kind choices"),
}


@pytest.mark.parametrize("name", SAYS_SOMETHING)
def test_what_says_something_that_is_not_read_is_never_sound(tmp_path, name):
    result, reason = SAYS_SOMETHING[name]
    for stem in "ab":
        image(tmp_path / f"{stem}.jpg", SIZE)
    project(tmp_path, task("a.jpg", annotation(result)), task("b.jpg", annotation(polygon("dent", TRIANGLE))))
    with pytest.raises(DataError, match=f"a.jpg: its annotation in .* cannot be used: {reason}"):
        found(tmp_path)
    assert found(tmp_path, skip_bad=True)[1] == {"dent": 1}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2024-05-08T10:00:00Z", "2024-05-08T10:00:00.500000Z"),
        ("2024-05-08T10:00:00+02:00", "2024-05-08T09:00:00Z"),
        ("2024-05-08T08:00:00", "2024-05-08T09:00:00Z"),
        ("some day", "2024-05-08T09:00:00Z"),
    ],
)
def test_last_updated_is_by_time_and_not_by_its_spelling(tmp_path, earlier, later):
    image(tmp_path / "a.jpg", SIZE)
    first, second = (annotation(polygon(*each)) for each in (("dent", TRIANGLE), ("rust", TRIANGLE)))
    project(tmp_path, task("a.jpg", second | {"updated_at": later}, first | {"updated_at": earlier}))
    assert found(tmp_path)[1] == {"rust": 1}


def test_whose_annotation_counts(tmp_path):
    for name in ("two", "skipped", "predicted", "new", "sound"):
        image(tmp_path / f"{name}.jpg", SIZE)
    prediction = {"model_version": "v1", "score": 0.9, "result": [polygon("dent", TRIANGLE)]}
    project(
        tmp_path,
        task(
            "two.jpg",
            annotation(polygon("scratch", TRIANGLE), updated="2024-05-08T10:00:00.000000Z"),
            annotation(polygon("dent", TRIANGLE), updated="2024-05-07T10:00:00.000000Z"),
            annotation(polygon("rust", TRIANGLE), updated="2024-05-09T10:00:00.000000Z", was_cancelled=True),
        ),
        task("skipped.jpg", annotation(polygon("dent", TRIANGLE), was_cancelled=True)),
        task("predicted.jpg", predictions=[prediction]),
        task("new.jpg"),
        task("sound.jpg", annotation(), predictions=[prediction]),
    )
    listing, classes = found(tmp_path)
    assert classes == {"scratch": 1, "sound": 1}
    assert any(note.startswith("1 tasks have several annotations: of each, the one last") for note in listing.notes)
    assert any(note.startswith("1 tasks hold predictions that no person has confirmed") for note in listing.notes)
    assert any(note.startswith("3 images are not annotated") for note in listing.notes)


def test_predictions_alone_leave_class_folders_what_they_are(tmp_path):
    image(tmp_path / "dent" / "a.jpg", SIZE)
    image(tmp_path / "rust" / "b.jpg", SIZE)
    project(tmp_path, task("a.jpg", predictions=[{"result": [polygon("scratch", TRIANGLE)]}]))
    listing, classes = found(tmp_path)
    assert classes == {"dent": 1, "rust": 1}
    assert any("is a Label Studio file without an annotation by a person" in note for note in listing.notes)


FLAT = {"x": 1, "y": 1, "radiusX": 0, "radiusY": 3}
BAD = {
    "outside": (polygon("dent", ((700, 10), (720, 10), (720, 20))), "lies outside of the image"),
    "empty": (rectangle("dent", ((10, 10), (10, 30))), "an empty box of dent"),
    "unnamed": (region("polygonlabels", [], {"points": percent(TRIANGLE)}), "an object without a name"),
    "list": (polygon("dent", TRIANGLE[:2], id=[1]), "region [1]: a polygon of 2 points"),
    "two": (polygon("dent", TRIANGLE[:2]), "region rpolygonlabels: a polygon of 2 points"),
    "points": (
        region("keypointlabels", ["dent"], {"x": 1, "y": 1}),
        "region rkeypointlabels: a keypoint, which is not",
    ),
    "missing": (region("rectanglelabels", ["dent"], {"x": 1, "y": 1, "width": 1}), "no number for height"),
    "pairs": (region("polygonlabels", ["dent"], {"points": [1, 2, 3]}), "a polygon whose points are no pairs"),
    "flat": (region("ellipselabels", ["dent"], FLAT), "an empty ellipse"),
    "sideways": (polygon("dent", TRIANGLE, image_rotation=90), "drawn on the image turned by 90 degrees"),
    "sizes": (polygon("dent", TRIANGLE, size=(320, 240)), "its regions are of images of 2 sizes"),
    "words": (polygon("dent", TRIANGLE, original_width="wide"), "no number for the image's size"),
    "bytes": (region("brushlabels", ["dent"], {"rle": [300]}), "region rbrushlabels: a brush mark that is no list of"),
    "small": (region("brushlabels", ["dent"], {"rle": brush(SPOT)}), "a brush mark that is not of 640x480 pixels"),
    "early": (
        region("brushlabels", ["dent"], {"rle": brush(drawn(SQUARE))[:-9]}),
        "region rbrushlabels: a brush mark that ends too early",
    ),
    "nothing": (region("brushlabels", ["dent"], {"rle": brush(drawn())}), "a mask without a pixel"),
}


def test_all_that_is_bad_is_listed_a_line_an_image(tmp_path):
    for name in (*BAD, "good", "cut", "twice"):
        image(tmp_path / "images" / f"{name}.jpg", SIZE)
    project(
        tmp_path,
        *(task(f"{name}.jpg", annotation(polygon("dent", SQUARE), bad)) for name, (bad, _) in BAD.items()),
        task("good.jpg", annotation(polygon("dent", SQUARE))),
        task("cut.jpg", annotation(polygon("dent", SQUARE, size=(320, 240)))),
        *[task("twice.jpg", annotation(polygon("dent", SQUARE)))] * 2,
        task("gone.jpg", annotation(polygon("dent", SQUARE))),
        task("data:image/png;base64," + "A" * 1000, annotation(polygon("dent", SQUARE))),
    )
    with pytest.raises(DataError) as error:
        found(tmp_path)
    lines = str(error.value).splitlines()
    for name, (_, reason) in BAD.items():
        (line,) = [line for line in lines if f"/{name}.jpg" in line]
        assert reason in line
    assert any("it is of 320x240 pixels, the image cut.jpg has 640x480" in line for line in lines)
    assert any("twice.jpg" in line and "2 entries are of this image" in line for line in lines)
    assert any(f"2 of its {len(BAD) + 6} images are not here" in line and "gone.jpg" in line for line in lines)
    assert found(tmp_path, skip_bad=True)[1] == {"dent": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content[:-20], "not a readable annotation (Unterminated"),
        (lambda content: content.replace('"result": [', '"result": [3, '), "result that are no list of them"),
        (lambda content: content.replace("[{", '[3, {"data": 3}, {', 1), "no list of tasks with their data"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, change, reason):
    image(tmp_path / "a.jpg", SIZE)
    file = project(tmp_path, task("a.jpg", annotation(polygon("dent", TRIANGLE))))
    file.write_text(change(file.read_text()))
    with pytest.raises(DataError) as error:
        found(tmp_path)
    assert reason in str(error.value)


def row(number, name, task_id=None, updated="2024-05-07T16:27:17.914777Z", **said):
    """As the export JSON-MIN has it: the values of results, under the names of the interface's tags."""
    about = {"annotator": 1, "annotation_id": number, "created_at": updated, "updated_at": updated, "lead_time": 3.1}
    return {"image": name, "id": task_id or number} | said | about


def small(result):
    """A region as JSON-MIN has it."""
    return result["value"] | {key: result[key] for key in ("original_width", "original_height")}


def test_json_min_is_read_as_json_is(tmp_path):
    rows = []
    for number, ((split, stem), objects) in enumerate(TRUTH.items(), 1):
        image(tmp_path / split / f"{stem}.jpg", SIZE)
        said = {"label": [small(polygon(*each)) for each in objects]} if objects else {}
        rows.append(row(number, f"/data/upload/1/0a1b2c3d-{stem}.jpg", **said))
    project(tmp_path, *rows)
    listing, classes = found(tmp_path)
    assert classes == CLASSES
    assert split_counts(listing) == SPLITS
    assert listing.problems == []
    assert len(listing.notes) == 1
    for sample in listing.samples:
        if sample.box is not None:
            objects = [points for label, points in TRUTH[sample.split, sample.path.stem] if label == sample.class_name]
            assert np.array_equal(sample_mask(sample, whole=True), drawn(*objects))


def test_json_min_of_choices_and_of_several_annotations(tmp_path):
    for name in "abcd":
        image(tmp_path / f"{name}.jpg", SIZE)
    project(
        tmp_path,
        row(1, "a.jpg", choice="rust"),
        row(2, "b.jpg", choice={"choices": ["rust", "dent"]}),
        row(3, "c.jpg", 9, "2024-05-08T10:00:00.000000Z", defect_type="scratch"),
        row(4, "c.jpg", 9, "2024-05-07T10:00:00.000000Z", defect_type="dent"),
        row(5, "d.jpg", speed=3.5),
    )
    listing, classes = found(tmp_path)
    assert classes == {"rust": 2, "dent": 1, "scratch": 1, "sound": 1}
    assert {sample.box for sample in listing.samples} == {None}
    assert [note for note in listing.notes[1:] if "several annotations" not in note] == []


def test_what_is_bad_in_json_min_is_listed(tmp_path):
    for name in "abc":
        image(tmp_path / f"{name}.jpg", SIZE)
    unnamed = small(polygon("dent", TRIANGLE))
    del unnamed["polygonlabels"]
    project(
        tmp_path,
        row(1, "a.jpg", quality="rusty"),
        row(2, "b.jpg", label=[unnamed]),
        row(3, "c.jpg", label=[small(polygon("dent", TRIANGLE)), small(polygon("dent", TRIANGLE[:2]))]),
    )
    with pytest.raises(DataError) as error:
        found(tmp_path)
    message = str(error.value)
    assert (
        "a.jpg: its annotation in project-7-at-2024-05-07.json cannot be used: region quality: a value that" in message
    )
    assert "cannot be used: a label without a shape" in message
    assert "cannot be used: region label 2: a polygon of 2 points" in message

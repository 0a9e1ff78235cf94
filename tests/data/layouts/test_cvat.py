"""CVAT for images 1.1: its shapes as masks, its subsets as splits, and what cannot be read of it."""

from xml.sax.saxutils import quoteattr

import numpy as np
import pytest

from steeldefectx.data.sources import sample_mask
from steeldefectx.errors import DataError
from tests.data.layouts.test_detection import CLASSES, SIZE, SPLITS, SQUARE, TRIANGLE, TRUTH, box, drawn, text
from tests.data.layouts.trees import found, image, split_counts

HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta><task><id>7</id>'
    "<name>steel</name><size>4</size><mode>annotation</mode><labels><label><name>scratch</name></label></labels>"
    "</task><dumped>2024-05-07 12:00:00.000000+00:00</dumped></meta>\n"
)


def points(corners):
    return ";".join(f"{x:.2f},{y:.2f}" for x, y in corners)


def polygon(label, corners):
    return (
        f'<polygon label={quoteattr(label)} source="manual" occluded="0" points="{points(corners)}" z_order="0">'
        '<attribute name="deep">false</attribute></polygon>'
    )


def box_of(label, corners, rotation=""):
    left, top, right, bottom = box(corners)
    return (
        f'<box label={quoteattr(label)} source="manual" occluded="0" xtl="{left:.2f}" ytl="{top:.2f}" '
        f'xbr="{right:.2f}" ybr="{bottom:.2f}" {rotation} z_order="0"></box>'
    )


def image_of(name, *shapes, size=SIZE, **more):
    given = "".join(f" {key}={quoteattr(value)}" for key, value in more.items())
    inside = "\n".join(shapes)
    return f'<image id="0" name={quoteattr(name)}{given} width="{size[0]}" height="{size[1]}">\n{inside}\n</image>\n'


def cvat(root, *images):
    return text(root / "annotations.xml", HEAD + "".join(images) + "</annotations>\n")


def project(root, shape=polygon, folder="images/{split}", name="{stem}.jpg"):
    entries = []
    for (split, stem), objects in TRUTH.items():
        given = name.format(split=split, stem=stem)
        image(root / folder.format(split=split) / f"{stem}.jpg", SIZE)
        entries.append(image_of(given, *(shape(*each) for each in objects), subset=split))
    cvat(root, *entries)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("images/{split}", "{stem}.jpg"), ("images", "{stem}.jpg"), ("frames/{split}", "upload/{split}/{stem}.jpg")],
)
def test_a_project_with_subsets(tmp_path, folder, name):
    project(tmp_path / "steel", folder=folder, name=name)
    listing, classes = found(tmp_path / "steel")
    assert classes == CLASSES
    assert split_counts(listing) == SPLITS
    assert listing.problems == []
    assert "CVAT for images (annotations.xml)" in listing.notes[0]
    for sample in listing.samples:
        if sample.class_name == "sound":
            assert (sample.box, sample.mask) == (None, None)
            continue
        split = next(split for split, stem in TRUTH if stem == sample.path.stem)
        objects = [corners for label, corners in TRUTH[split, sample.path.stem] if label == sample.class_name]
        left, top, right, bottom = sample.box
        assert (right - left, bottom - top) == (240, 240)
        assert np.array_equal(sample_mask(sample), drawn(*objects)[top:bottom, left:right])


def test_images_of_one_name_in_two_subsets(tmp_path):
    for subset in ("Train", "Test"):
        image(tmp_path / "images" / subset / "1.jpg", SIZE)
    cvat(
        tmp_path,
        image_of("1.jpg", polygon("scratch", TRIANGLE), subset="Train", task_id="3"),
        image_of("1.jpg", polygon("dent", SQUARE), subset="Test", task_id="4"),
    )
    listing, _ = found(tmp_path)
    assert split_counts(listing) == {("train", "scratch"): 1, ("test", "dent"): 1}
    assert {sample.path.parent.name: sample.class_name for sample in listing.samples} == {
        "Train": "scratch",
        "Test": "dent",
    }


def test_boxes_alone_are_no_masks(tmp_path):
    project(tmp_path, shape=box_of)
    listing, classes = found(tmp_path)
    assert classes == CLASSES
    assert {sample.mask for sample in listing.samples} == {None}


def ellipse(centre, radii, degrees):
    """A mask, pixel by pixel: turned back, and shrunk to a circle of radius 1."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    back = ((x - centre[0]) + 1j * (y - centre[1])) * np.exp(-1j * np.deg2rad(degrees))
    return np.abs(back.real / radii[0] + 1j * back.imag / radii[1]) <= 1


def rle(pixels):
    """Pixels off and on in turn, row by row."""
    counts, last = [0], False
    for on in pixels.ravel():
        if on == last:
            counts[-1] += 1
        else:
            counts.append(1)
            last = on
    return ", ".join(map(str, counts))


SPOT = np.array([[0, 1, 1, 0], [1, 1, 0, 1], [0, 1, 1, 0]], bool)


def test_all_shapes(tmp_path):
    corner = np.sqrt(200)
    shapes = {
        "polygon": (polygon("polygon", TRIANGLE), drawn(TRIANGLE)),
        "box": (box_of("box", SQUARE), drawn(SQUARE)),
        "turned": (
            box_of("turned", ((90, 190), (110, 190), (110, 210), (90, 210)), 'rotation="45.00"'),
            drawn(((100, 200 - corner), (100 + corner, 200), (100, 200 + corner), (100 - corner, 200))),
        ),
        "long": (
            box_of("long", ((80, 195), (120, 195), (120, 205), (80, 205)), 'rotation="90.00"'),
            drawn(((95, 180), (105, 180), (105, 220), (95, 220))),
        ),
        "ellipse": (
            '<ellipse label="ellipse" cx="300.00" cy="200.00" rx="60.00" ry="20.00" rotation="30.00"></ellipse>',
            ellipse((300, 200), (60, 20), 30),
        ),
        "mask": (
            f'<mask label="mask" rle="{rle(SPOT)}" left="600" top="400" width="4" height="3"></mask>',
            np.pad(SPOT, ((400, 77), (600, 36))),
        ),
    }
    for name in shapes:
        image(tmp_path / "images" / f"{name}.jpg", SIZE)
    cvat(tmp_path, *(image_of(f"{name}.jpg", shape) for name, (shape, _) in shapes.items()))
    listing, classes = found(tmp_path)
    assert listing.problems == []
    assert classes == dict.fromkeys(shapes, 1)
    for sample in listing.samples:
        wanted = shapes[sample.class_name][1]
        assert np.array_equal(sample_mask(sample, whole=True), wanted), sample.class_name
        assert sample_mask(sample).sum() == wanted.sum(), "all of it is in the crop"
    assert any(note.startswith("2 boxes are turned") for note in listing.notes)


def test_lines_and_points(tmp_path):
    image(tmp_path / "a.jpg", SIZE)
    image(tmp_path / "b.jpg", SIZE)
    line = f'<polyline label="scratch" points="{points([(200, 100), (300, 100)])}"></polyline>'
    dots = f'<points label="pit" points="{points([(100, 100), (150, 100)])}"></points>'
    cvat(tmp_path, image_of("a.jpg", line), image_of("b.jpg", dots))
    areas = {sample.class_name: sample_mask(sample).sum() for sample in found(tmp_path)[0].samples}
    assert areas["scratch"] == pytest.approx(1000, abs=40)
    assert areas["pit"] == pytest.approx(2 * np.pi * 25, abs=12)


def test_tags_are_classes_of_whole_images(tmp_path):
    for name in "abc":
        image(tmp_path / f"{name}.jpg", SIZE)
    tag = '<tag label="{}" source="manual"></tag>'
    cvat(
        tmp_path,
        image_of("a.jpg", tag.format("rust")),
        image_of("b.jpg", tag.format("rust"), tag.format("dent")),
        image_of("c.jpg", tag.format("blurred"), polygon("dent", TRIANGLE)),
    )
    listing, classes = found(tmp_path)
    assert classes == {"rust": 2, "dent": 2}
    assert [sample.box is None for sample in listing.samples if sample.path.stem != "c"] == [True] * 3
    assert len({sample.image_id for sample in listing.samples}) == 4
    assert any(note.startswith("1 images have tags beside their shapes") for note in listing.notes)


BAD = {
    "outside": (polygon("dent", ((700, 10), (720, 10), (720, 20))), "lies outside of the image"),
    "empty": (box_of("dent", ((10, 10), (10, 30))), "an empty box of dent"),
    "unnamed": (polygon(" ", TRIANGLE), "an object without a name"),
    "two": (polygon("dent", TRIANGLE[:2]), "a polygon of 2 points"),
    "cuboid": ('<cuboid label="dent" xtl1="1"></cuboid>', "a cuboid, which is not read"),
    "skeleton": ('<skeleton label="dent"><points label="1" points="1,1"/></skeleton>', "a skeleton, which is not read"),
    "nan": (polygon("dent", TRIANGLE).replace("100.00", "nan"), "a point is nan"),
    "pairs": ('<polygon label="dent" points="1,1;2;3,3"></polygon>', "a polygon whose points are no pairs"),
    "side": ('<box label="dent" xtl="1" ytl="1" xbr="9"></box>', "no number for ybr of a box"),
    "flat": ('<ellipse label="dent" cx="9" cy="9" rx="0" ry="3"></ellipse>', "an empty ellipse of dent"),
    "beyond": ('<mask label="dent" rle="0, 4" left="639" top="0" width="2" height="2"></mask>', "a mask of 2x2 pixels"),
    "short": ('<mask label="dent" rle="1, 2" left="0" top="0" width="2" height="2"></mask>', "not those of 2x2 pixels"),
    "dark": ('<mask label="dent" rle="4" left="0" top="0" width="2" height="2"></mask>', "a mask without a pixel"),
    "large": (
        '<mask label="dent" rle="0, 1000000000000" left="0" top="0" width="1000000" height="1000000"></mask>',
        "a mask of 1000000x1000000 pixels at 0, 0, which the image does not have",
    ),
}


def test_all_that_is_bad_is_listed_a_line_an_image(tmp_path):
    for name in (*BAD, "good", "small", "twice"):
        image(tmp_path / "images" / f"{name}.jpg", SIZE)
    cvat(
        tmp_path,
        *(image_of(f"{name}.jpg", polygon("dent", SQUARE), shape) for name, (shape, _) in BAD.items()),
        image_of("good.jpg", polygon("dent", SQUARE)),
        image_of("small.jpg", polygon("dent", SQUARE), size=(320, 240)),
        *[image_of("twice.jpg", polygon("dent", SQUARE))] * 3,
        image_of("gone.jpg", polygon("dent", SQUARE)),
    )
    with pytest.raises(DataError) as error:
        found(tmp_path)
    lines = str(error.value).splitlines()
    for name, (_, reason) in BAD.items():
        (line,) = [line for line in lines if f"/{name}.jpg" in line]
        assert reason in line
    assert any("it is of 320x240 pixels, the image small.jpg has 640x480" in line for line in lines)
    assert any("twice.jpg" in line and "3 entries are of this image" in line for line in lines)
    assert any(f"1 of its {len(BAD) + 6} images are not here" in line and "gone.jpg" in line for line in lines)
    assert found(tmp_path, skip_bad=True)[1] == {"dent": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda xml: xml[:-40], "not a readable annotation (unclosed token"),
        (lambda xml: xml.replace("<annotations>", '<!DOCTYPE a [<!ENTITY x "y">]><annotations>'), "a document type"),
        (lambda xml: xml.replace("utf-8", "utf-9"), "not a readable annotation (unknown encoding: utf-9)"),
        (lambda xml: xml.replace("annotations>", "annotations2>"), "its root is <annotations2>"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, change, reason):
    image(tmp_path / "a.jpg", SIZE)
    file = cvat(tmp_path, image_of("a.jpg", polygon("dent", TRIANGLE)))
    file.write_text(change(file.read_text()))
    with pytest.raises(DataError) as error:
        found(tmp_path)
    assert reason in str(error.value)


def test_an_image_that_is_none(tmp_path):
    image(tmp_path / "a.jpg", SIZE)
    text(tmp_path / "b.jpg", "no image")
    cvat(tmp_path, *(image_of(name, polygon("dent", TRIANGLE)) for name in ("a.jpg", "b.jpg")))
    with pytest.raises(DataError, match=r"b\.jpg: not a readable image"):
        found(tmp_path)


def test_it_beats_class_folders(tmp_path):
    image(tmp_path / "batch 1" / "a.jpg", SIZE)
    image(tmp_path / "batch 2" / "b.jpg", SIZE)
    cvat(tmp_path, image_of("batch 1/a.jpg", polygon("dent", TRIANGLE)), image_of("batch 2/b.jpg"))
    assert found(tmp_path)[1] == {"dent": 1, "sound": 1}

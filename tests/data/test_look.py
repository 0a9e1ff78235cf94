"""What `look` says of a folder: layout, classes with counts, what is not read, and what the images are."""

import json
from collections import Counter

import pytest
from PIL import Image
from typer.testing import CliRunner

from steeldefectx.cli.app import app
from steeldefectx.data import look as looking
from steeldefectx.data.look import look
from steeldefectx.errors import ConfigError, DataError


def image(path, mode="L", size=(20, 10), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path, **options)


def said(folder, **settings):
    return "\n".join(look(folder, **settings).lines())


def test_class_folders_are_counted_by_split_and_files_described(tmp_path):
    root = tmp_path / "mine" / "dataset"
    for split, count in (("train", 3), ("test", 2)):
        for number in range(count):
            image(root / split / "scratch" / f"{split}{number}.png")
    image(root / "train" / "dent" / "deep.png", "I;16")
    image(root / "train" / "dent" / "masks" / "deep.png")
    (root / "train" / "dent" / "raw.dng").write_bytes(b"raw")
    found = look(tmp_path / "mine")
    assert found.config == "class-folders"
    assert {name: dict(counts) for name, counts in found.counts.items()} == {
        "scratch": {"train": 3, "test": 2},
        "dent": {"train": 1},
    }
    assert (found.images, found.masks) == (6, 1)
    assert dict(found.files) == {"PNG 20x10 grey 8-bit": 5, "PNG 20x10 grey 16-bit": 1}
    text = "\n".join(found.lines())
    assert "class folders" in text
    assert "dataset" in text
    assert ".dng" in text
    assert "6 images, 1 mask file; 6 samples of 2 classes." in text
    assert "class    train  test" in text
    assert "dent         1     0" in text


def test_published_data_are_named(tmp_path):
    image(tmp_path / "NEU" / "crazing" / "crazing_1.jpg")
    found = look(tmp_path)
    assert found.config == "default"
    assert found.layout == "published data sets (NEU 1)"
    assert list(found.counts) == ["Crazing"]


def test_of_many_annotation_files_a_sample_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(looking, "READ", 10)
    monkeypatch.setattr(looking, "OPENED", 5)
    for number in range(40):
        image(tmp_path / "images" / f"{number}.jpg")
        shape = {"label": "dent", "points": [[1, 1], [8, 1], [8, 8]], "shape_type": "polygon"}
        (tmp_path / "json").mkdir(exist_ok=True)
        (tmp_path / "json" / f"{number}.json").write_text(
            json.dumps({"shapes": [shape], "imageWidth": 20, "imageHeight": 10})
        )
    found = look(tmp_path)
    assert found.counts["dent"].total() == 10
    assert found.counted == 10
    assert found.images == 40
    assert "40 JSON files" in found.layout
    assert found.files.total() == 5
    assert not found.problems
    assert "counted in 10 of them" in "\n".join(found.lines())


def test_what_a_reader_should_know_of_the_files_is_said(tmp_path):
    image(tmp_path / "dent" / "a.png", "RGBA")
    pages = [Image.new("L", (8, 8)) for _ in range(3)]
    pages[0].save(tmp_path / "dent" / "pages.tif", save_all=True, append_images=pages[1:])
    turned = Image.Exif()
    turned[0x0112] = 6
    image(tmp_path / "dent" / "turned.jpg", exif=turned)
    (tmp_path / "dent" / "broken.png").write_bytes(b"no image")
    text = said(tmp_path)
    assert "PNG 20x10 colour with transparency 8-bit" in text
    assert "1 of 4 images that were opened have several pages" in text
    assert "1 of 4 images that were opened are to be turned upright" in text
    assert "1 of 4 images that were opened cannot be read, such as" in text
    assert "broken.png" in text


def test_mistakes_are_answered(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        look(tmp_path / "empty")
    image(tmp_path / "flat" / "1.png")
    with pytest.raises(DataError, match="nothing that says their classes"):
        look(tmp_path / "flat")
    with pytest.raises(ConfigError, match="choose one of auto, "):
        look(tmp_path / "flat", "nonsense")


def test_the_real_folders_are_read_as_they_lie(real_data):
    assert {name: look(real_data.parent / name).config for name in ("data", "more", "frames")} == {
        "data": "default",
        "more": "default",
        "frames": "class-folders",
    }
    frames = look(real_data.parent / "frames")
    assert "labelme" in frames.layout
    assert frames.images == 300
    shapes = Counter(
        shape["label"]
        for file in real_data.parent.glob("frames/*/json/*.json")
        for shape in json.loads(file.read_text())["shapes"]
    )
    shown = {name: counts.total() for name, counts in frames.counts.items()}
    assert list(shown) == [name for name, _ in shapes.most_common()]
    assert all(0.9 * shapes[name] < count <= shapes[name] for name, count in shown.items())  # some share a crop


def test_command(tmp_path):
    image(tmp_path / "dent" / "a.png")
    done = CliRunner().invoke(app, ["look", str(tmp_path)])
    assert done.exit_code == 0
    assert "class folders (one folder)" in done.stdout

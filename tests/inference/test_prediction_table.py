"""steeldefectx predict: three formats that say the same, written whole, with what could not be read."""

import csv
import json
import os

import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from steeldefectx import SteelDefectClassifier
from steeldefectx.cli.app import app
from steeldefectx.errors import ConfigError
from steeldefectx.inference import prediction_table
from steeldefectx.inference.prediction_table import SCHEMA, predict_files
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import load_clip

CLASSES = {"Crazing": ["a fine network of cracks"], "weld spatter": ["drops"], "good": ["nothing"]}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    clip = load_clip("tiny")
    torch.manual_seed(0)
    clip.adapter = ClipAdapter(128, ratio=0.5)
    save_checkpoint(clip, CLASSES, folder)
    return folder


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images" / "below"
    folder.mkdir(parents=True)
    for n in range(3):
        Image.effect_noise((40, 40), 10 + 60 * n).save(folder / f"{n}.png")
    (folder / "1b.jpg").write_bytes(b"not an image")
    (folder / "notes.txt").write_text("not an image either, and not taken for one")
    return tmp_path / "images"


def predict(*words):
    return CliRunner().invoke(app, ["predict", *map(str, words)])


def read(file):
    if file.suffix == ".parquet":
        return pq.read_table(file).to_pylist()
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    kinds = {"rank": int, "probability": float, "abstained": lambda text: text == "True"}
    with file.open() as table:
        return [{key: kinds.get(key, str)(value) if value else None for key, value in row.items()}
                for row in csv.DictReader(table)]  # fmt: skip


def test_three_formats_say_what_the_classifier_says(checkpoint, images, tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_table, "ROWS_IN_GROUP", 4)
    tables = {}
    for ending in (".parquet", ".csv", ".jsonl"):
        done = predict(images, "--checkpoint", checkpoint, "--out", tmp_path / "new" / f"t{ending}", "--top-k", 2)
        assert done.exit_code == 1, "a file could not be read"
        assert "1b.jpg" in done.stderr
        assert "1 of 4 files" in done.stderr
        tables[ending] = read(tmp_path / "new" / f"t{ending}")
    assert pq.ParquetFile(tmp_path / "new" / "t.parquet").num_row_groups == 2
    assert tables[".parquet"] == tables[".jsonl"]
    for exact, rounded in zip(tables[".jsonl"], tables[".csv"], strict=True):
        if exact["probability"] is not None:
            exact["probability"] = round(exact["probability"], 4)
        assert exact == rounded
    below = images / "below"
    names = ["0.png", "0.png", "1.png", "1.png", "1b.jpg", "2.png", "2.png"]
    rows = tables[".parquet"]
    assert [row["file"] for row in rows] == [str(below / name) for name in names]
    assert [row["rank"] for row in rows] == [1, 2, 1, 2, None, 1, 2]
    assert rows[4]["class"] is None
    assert "not a readable image" in rows[4]["error"]
    classifier = SteelDefectClassifier.from_pretrained(checkpoint)
    found = list(classifier.predict(below / f"{n}.png" for n in range(3)))
    readable = [row for row in rows if row["error"] is None]
    assert [row["class"] for row in readable] == [label for one in found for label in one.labels[:2]]
    for row in readable:
        assert (row["cause"] is not None) == (row["class"] == "Crazing")


def test_without_out_the_table_is_on_standard_output(checkpoint, images):
    done = predict(images / "below" / "0.png", "--checkpoint", checkpoint, "--top-k", 1)
    assert done.exit_code == 0
    header, row = done.stdout.splitlines()
    assert header.split(",") == SCHEMA.names
    assert row.startswith(str(images / "below" / "0.png"))


def test_other_classes_from_a_file_and_abstaining(checkpoint, images, tmp_path):
    (tmp_path / "texts.yaml").write_text("dent: a hollow\nhole: [a round hole, light shines through]\n")
    (tmp_path / "texts.json").write_text('["dent", "hole"]')
    for file in ("texts.yaml", "texts.json"):
        out = tmp_path / f"{file}.jsonl"
        predict(images, "--checkpoint", checkpoint, "--texts", tmp_path / file, "--abstain-below", 1, "--out", out)
        rows = [row for row in read(out) if row["error"] is None]
        assert {row["class"] for row in rows} == {"dent", "hole"}
        assert all(row["abstained"] for row in rows)
    bare = predict(images / "below" / "0.png", "--checkpoint", "tiny", "--texts", tmp_path / "texts.json")
    assert bare.exit_code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [", "cannot be read"), ("just words", "a list of class names"), ("no: nothing\nb: c", "quotes"),
     ("[a]", "two classes"), (b"\xff\xfe\x00", "cannot be read")],
)  # fmt: skip
def test_texts_that_make_no_sense_are_said_before_anything_is_written(content, message, checkpoint, images, tmp_path):
    file = tmp_path / "texts.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = predict(images, "--checkpoint", checkpoint, "--texts", file, "--out", tmp_path / "t.csv")
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "t.csv").exists()


def test_a_table_that_breaks_off_leaves_the_earlier_one(images, tmp_path):
    class Dies:
        def predict_each(self, *_):
            yield from ()
            raise KeyboardInterrupt

    for ending in ("csv", "parquet", "jsonl"):
        out = tmp_path / "tables" / f"t.{ending}"
        out.parent.mkdir(exist_ok=True)
        out.write_text("the earlier one")
        with pytest.raises(KeyboardInterrupt):
            predict_files(Dies(), [images / "below" / "0.png"], out)
        assert out.read_text() == "the earlier one"
    assert len(list((tmp_path / "tables").iterdir())) == 3, "nothing half-written stays"


def test_an_unknown_ending_is_refused(images, tmp_path):
    with pytest.raises(ConfigError, match="parquet"):
        predict_files(None, [images / "below" / "0.png"], tmp_path / "table.xlsx")


def test_names_that_are_not_utf_8(checkpoint, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        Image.new("L", (20, 20), 9).save(tmp_path / name)
    except OSError:
        pytest.skip("this file system has no such names")
    for ending in ("parquet", "csv", "jsonl"):
        done = predict(tmp_path / name, "--checkpoint", checkpoint, "--out", tmp_path / f"t.{ending}")
        assert done.exit_code == 0, done.output
        assert read(tmp_path / f"t.{ending}")[0]["file"].endswith("caf\N{REPLACEMENT CHARACTER}.png")

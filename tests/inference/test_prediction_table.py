"""steeldefectx predict: three formats that say the same, written whole, with what could not be read."""

import csv
import io
import json
import os
import re
import sys

import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from steeldefectx import SteelDefectClassifier
from steeldefectx.cli.app import app
from steeldefectx.data.sources import find_images
from steeldefectx.errors import ConfigError
from steeldefectx.inference import table_files
from steeldefectx.inference.prediction_table import SCHEMA, predict_files
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import load_clip
from tests.commands import COMMAND, Command, run

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
    monkeypatch.setattr(table_files, "ROWS_IN_GROUP", 4)
    tables = {}
    for ending in (".parquet", ".csv", ".jsonl"):
        done = predict(images, "--checkpoint", checkpoint, "--out", tmp_path / "new" / f"t{ending}", "--top-k", 2)
        assert done.exit_code == 1, "a file could not be read"
        assert "1b.jpg" in done.stderr
        assert "1 of 4 files" in done.stderr
        assert re.fullmatch(r"Wrote \S+: 4 images, \d \w.*, 1 not readable\.\n", done.stdout)
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
        predict(images, "--checkpoint", checkpoint, "--classes", tmp_path / file, "--abstain-below", 1, "--out", out)
        rows = [row for row in read(out) if row["error"] is None]
        assert {row["class"] for row in rows} == {"dent", "hole"}
        assert all(row["abstained"] for row in rows)
    bare = predict(images / "below" / "0.png", "--checkpoint", "tiny", "--classes", tmp_path / "texts.json")
    assert bare.exit_code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [", "cannot be read"), ("just words", "a list of class names"), ("no: nothing\nb: c", "quotes"),
     ("[a]", "two classes"), (b"\xff\xfe\x00", "cannot be read")],
)  # fmt: skip
def test_texts_that_make_no_sense_are_said_before_anything_is_written(content, message, checkpoint, images, tmp_path):
    file = tmp_path / "texts.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = predict(images, "--checkpoint", checkpoint, "--classes", file, "--out", tmp_path / "t.csv")
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "t.csv").exists()


def test_a_table_that_breaks_off_leaves_the_earlier_one(images, tmp_path):
    class Dies:
        def fingerprint(self):
            return "a model"

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


class Counts:
    """A classifier that remembers what it has seen, and is interrupted before an image."""

    def __init__(self, classifier, name="a model", before=None):
        self.classifier, self.name, self.before, self.seen = classifier, name, before, []

    def fingerprint(self):
        return self.name

    def predict_each(self, files, *settings):
        for file in files:
            if file.name == self.before:
                raise KeyboardInterrupt
            self.seen.append(file.name)
            yield from self.classifier.predict_each([file], *settings)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_interrupted_table_goes_on_where_it_was(ending, checkpoint, images, tmp_path, capsys):
    classifier, files = SteelDefectClassifier.from_pretrained(checkpoint), find_images(images)
    out, whole = tmp_path / f"t.{ending}", tmp_path / f"whole.{ending}"
    problems = predict_files(Counts(classifier), files, whole).problems
    with pytest.raises(KeyboardInterrupt):
        predict_files(Counts(classifier, before="2.png"), files, out)
    assert not out.exists()
    assert f"3 of 4 images are done and kept in {out}.partial" in capsys.readouterr().err
    with open(f"{out}.partial", "ab") as partial:
        partial.write(b'{"file": "a line that was brok')

    rest = Counts(classifier)
    assert predict_files(rest, files, out).problems == problems
    assert len(problems) == 1, "of a file that an earlier call has found unreadable"
    assert rest.seen == ["2.png"]
    assert read(out) == read(whole)
    assert not list(tmp_path.glob("*.partial"))
    again = Counts(classifier)
    predict_files(again, files, out)
    assert len(again.seen) == 4, "a table that is there is made anew"


def test_rows_of_another_model_other_settings_or_a_changed_file_are_not_taken_over(checkpoint, images, tmp_path):
    classifier, files, out = SteelDefectClassifier.from_pretrained(checkpoint), find_images(images), tmp_path / "t.csv"

    def interrupted():
        with pytest.raises(KeyboardInterrupt):
            predict_files(Counts(classifier, before="2.png"), files, out)

    for other, settings in ((Counts(classifier, "another"), {}), (Counts(classifier), {"top_k": 1})):
        interrupted()
        predict_files(other, files, out, **settings)
        assert len(other.seen) == 4
    interrupted()
    Image.new("L", (30, 30), 200).save(files[0])
    rest = Counts(classifier)
    predict_files(rest, files, out)
    assert rest.seen == ["0.png", "2.png"]
    interrupted()
    later = files[0].stat().st_mtime_ns + 10**9
    os.utime(files[0], ns=(later, later))  # a file of the same size may say something else
    rest = Counts(classifier)
    predict_files(rest, files, out)
    assert rest.seen == ["0.png", "2.png"]


def test_a_checkpoint_has_another_fingerprint_with_other_weights_classes_or_temperature(checkpoint):
    def fingerprint(**changes):
        classifier = SteelDefectClassifier.from_pretrained(checkpoint, changes.get("texts"))
        if "weights" in changes:
            with torch.no_grad():
                changes["weights"](classifier.model).add_(1e-3)
        classifier.temperature = changes.get("temperature", 1.0)
        return classifier.fingerprint()

    fingerprints = [
        fingerprint(),
        fingerprint(temperature=2.0),
        fingerprint(texts={"a": "a hollow", "b": "a hole"}),
        fingerprint(texts={"a": "a hollow", "b": "a round hole"}),
        fingerprint(weights=lambda model: next(model.model.parameters())),
        fingerprint(weights=lambda model: next(model.adapter.parameters())),
    ]
    assert len(set(fingerprints)) == 6
    assert fingerprints[0] == fingerprint()


def test_a_killed_command_keeps_its_rows(checkpoint, tmp_path):
    (tmp_path / "images").mkdir()
    for n in range(400):
        Image.new("L", (20, 20), n % 256).save(tmp_path / "images" / f"{n:03d}.png")
    out, partial = tmp_path / "t.csv", tmp_path / "t.csv.partial"
    words = [COMMAND, "predict", tmp_path / "images", "--checkpoint", checkpoint, "--out", out]
    Command(*words).kill_when(lambda: partial.exists() and partial.read_bytes().count(b"\n") > 40)
    assert not out.exists()
    done = run(*words)
    assert " of 400 images are done, in " in done.stderr
    assert len(read(out)) == 3 * 400
    assert not partial.exists()


def test_names_that_a_spreadsheet_would_run_are_text_in_a_csv_and_unchanged_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["=HYPERLINK(1).png", "+1.png", "-2.png", "@a.png", "\ta.png", "plain.png"]
    for name in names:
        Image.new("L", (20, 20), 9).save(name)
    (tmp_path / "texts.yaml").write_text("'=cmd': a hollow\n'@b': a hole\n")
    for ending in ("csv", "jsonl", "parquet"):
        done = predict(".", "--checkpoint", "tiny", "--classes", "texts.yaml", "--out", f"t.{ending}", "--top-k", 1)
        assert done.exit_code == 0, done.output
        rows = {row["file"]: row["class"] for row in read(tmp_path / f"t.{ending}")}
        before = "'" if ending == "csv" else ""
        assert set(rows) == {f"{before if name != 'plain.png' else ''}{name}" for name in names}
        assert set(rows.values()) <= {f"{before}=cmd", f"{before}@b"}


def test_standard_output_is_utf_8_whatever_the_pipe_says(checkpoint, tmp_path, monkeypatch):
    Image.new("L", (20, 20), 9).save(tmp_path / "裂纹.png")
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", pipe)
    predict_files(SteelDefectClassifier.from_pretrained(checkpoint), [tmp_path / "裂纹.png"], None)
    pipe.flush()
    lines = pipe.buffer.getvalue().decode("utf-8").splitlines()
    assert len(lines) == 4
    assert all("裂纹.png" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("place", "reason"),
    [("folder.csv", "a folder"), ("t.xlsx", "end its name"), ("file.png/t.csv", "cannot be written there"),
     ("closed/t.csv", "cannot be written there")],
)  # fmt: skip
def test_a_table_that_cannot_be_written_is_said_before_the_checkpoint_is_looked_at(place, reason, images, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file.png").write_bytes(b"")
    (tmp_path / "closed").mkdir(mode=0o500)
    if place.startswith("closed") and os.access(tmp_path / "closed", os.W_OK):
        pytest.skip("this user may write anywhere")
    done = predict(images, "--checkpoint", tmp_path / "no checkpoint", "--out", tmp_path / place)
    assert done.exit_code == 2
    assert reason in done.stderr


def test_predict_takes_the_images_that_other_commands_take(checkpoint, images, tmp_path):
    below = images / "below"
    for name in (".ipynb_checkpoints/0.png", "._0.png", "__MACOSX/0.png", "Ground truth/0.png", "0_mask.png"):
        (below / name).parent.mkdir(exist_ok=True)
        Image.new("L", (20, 20), 9).save(below / name)
    predict(images, "--checkpoint", checkpoint, "--out", tmp_path / "t.jsonl", "--top-k", 1)
    assert [row["file"] for row in read(tmp_path / "t.jsonl")] == [
        str(below / name) for name in ("0.png", "1.png", "1b.jpg", "2.png")
    ]


def test_names_that_would_break_a_line_or_move_the_cursor_are_escaped_in_a_csv(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    names = ["a\nb.png", "c\x1b[31m.png"]
    for name in names:
        Image.new("L", (20, 20), 9).save(folder / name)
    (folder / "bad\n.png").write_bytes(b"no image")
    os.utime(folder / "bad\n.png", (1, 1))
    (tmp_path / "texts.yaml").write_text("[hollow, hole]\n")
    for ending in ("csv", "jsonl"):
        done = predict(
            folder, "--checkpoint", "tiny", "--classes", tmp_path / "texts.yaml", "--out", tmp_path / f"t.{ending}"
        )
        assert done.exit_code == 1
        assert "unreadable" in done.output
        assert "bad\\n.png: not a readable image" in done.output
    table = (tmp_path / "t.csv").read_text()
    assert "a\\nb.png" in table
    assert "\x1b" not in table
    assert {f"{folder}/{name}" for name in names} <= {row["file"] for row in read(tmp_path / "t.jsonl")}, "as they are"


def test_whole_frames_are_said_to_be_shrunk(checkpoint, images, tmp_path):
    Image.effect_noise((900, 640), 30).save(images / "frame.png")
    result = predict(images, "--checkpoint", checkpoint, "--out", tmp_path / "out.csv")
    assert "1 of 4 images looked at are 480 pixels or more" in result.stderr
    assert "steeldefectx inspect" in result.stderr
    (images / "frame.png").unlink()
    assert "inspect" not in predict(images, "--checkpoint", checkpoint, "--out", tmp_path / "out.csv").stderr

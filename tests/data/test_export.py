"""Folders for the Hub: what is written, that anyone can read it, and what happens when things go wrong."""

import hashlib
import io
import os
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

import steeldefectx
from steeldefectx.cli.app import app
from steeldefectx.data import dataset_statistics as statistics
from steeldefectx.data import export
from steeldefectx.data.card import full_card
from steeldefectx.data.export import build
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.taxonomy import CLASS_NAMES

ROOT = Path(__file__).parents[2]
READ_ELSEWHERE = """
import hashlib, json, sys
sys.modules["steeldefectx"] = None  # importing it fails, as where it is not installed
from datasets import Image, load_dataset
for streaming in (False, True):
    for split in ("train", "test"):
        rows = load_dataset(sys.argv[1], split=split, streaming=streaming)
        names = rows.features["label"].names
        for row in rows.cast_column("image", Image(decode=False)):
            digest = hashlib.sha256(row["image"]["bytes"]).hexdigest()
            print(json.dumps([streaming, split, row["image_id"], names[row["label"]], row["T1"], digest]))
"""


def picture(path, seed=0, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, size[::-1], dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def raw(tmp_path):
    """Eight images of two classes, two of them with a mask."""
    for n in range(4):
        picture(tmp_path / "raw" / "X-SDD" / "red iron" / f"{n}.jpg", n)
        picture(tmp_path / "raw" / "S3D" / "white rust" / f"{n}.png", n + 10, (50, 60))
    mask = np.zeros((60, 50), np.uint8)
    mask[5:15, 20:22] = 255
    for n in (1, 2):
        path = tmp_path / "raw" / "masks" / "white rust" / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
    return tmp_path / "raw"


def files_of(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_rows_and_bytes_are_the_same_without_the_package(raw, tmp_path):
    build(tmp_path / "out", raw)
    (tmp_path / "elsewhere").mkdir()
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home")}
    found = subprocess.run(
        [sys.executable, "-c", READ_ELSEWHERE, str(tmp_path / "out")],
        capture_output=True, text=True, env=environment, cwd=tmp_path / "elsewhere",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    rows = [yaml.safe_load(line) for line in found.stdout.splitlines()]
    expected = []
    source = steeldefectx.load_dataset(data_dir=str(raw), cache_dir=str(tmp_path / "cache"))
    for streaming in (False, True):
        for split in ("train", "test"):
            for row in source[split].cast_column("image", datasets.Image(decode=False)):
                digest = hashlib.sha256(Path(row["image"]["path"]).read_bytes()).hexdigest()
                expected.append([streaming, split, row["image_id"], CLASS_NAMES[row["label"]], row["T1"], digest])
    assert rows == expected
    assert len(rows) == 16


def test_all_columns_survive(raw, tmp_path):
    build(tmp_path / "out", raw)
    ours = steeldefectx.load_dataset(data_dir=str(raw), cache_dir=str(tmp_path / "cache"))
    theirs = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache2"))
    for split in ("train", "test"):
        assert theirs[split].features == ours[split].features
        for mine, other in zip(ours[split], theirs[split], strict=True):
            for column in ("image", "mask"):
                a, b = mine.pop(column), other.pop(column)
                assert (a is None) == (b is None)
                if a is not None:
                    assert np.array_equal(np.asarray(a), np.asarray(b))
            assert mine == other


def test_the_card_states_what_is_there(raw, tmp_path):
    built = build(tmp_path / "out", raw)
    card = (tmp_path / "out" / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    splits = {s["name"]: s["num_examples"] for s in head["dataset_info"]["splits"]}
    assert splits == built.rows == {"train": 6, "test": 2}
    size = sum(f.stat().st_size for f in (tmp_path / "out" / "data").iterdir())
    assert head["dataset_info"]["download_size"] == size
    assert head["size_categories"] == "n<1K"
    assert "| Red iron sheet | 3 | 1 | 4 | 0 | X-SDD 4 |" in card
    assert "| White rust | 3 | 1 | 4 | 2 | S3D 4 |" in card
    assert "| X-SDD | 4 | hot-rolled strip, 128×128, seven classes | Apache-2.0 |" in card
    assert "GC10" not in card
    assert str(tmp_path) not in card
    for line in card.splitlines():
        if line.startswith("!["):
            with Image.open(tmp_path / "out" / line.split("](")[1].rstrip(")")) as plot:
                assert min(plot.size) > 100
    assert card.count("![") == 4


def test_nothing_in_the_folder_says_where_it_was_built(raw, tmp_path):
    build(tmp_path / "out", raw)
    for shard in (tmp_path / "out" / "data").iterdir():
        for row in pq.read_table(shard).to_pylist():
            assert "/" not in row["image"]["path"]
    for content in files_of(tmp_path / "out").values():
        assert str(tmp_path).encode() not in content


def test_the_same_again_does_nothing_and_a_change_is_seen(raw, tmp_path):
    first = build(tmp_path / "out", raw)
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "out").rglob("*")}
    started = time.perf_counter()
    again = build(tmp_path / "out", raw)
    assert time.perf_counter() - started < 5
    assert (first.unchanged, again.unchanged) == (False, True)
    assert (again.rows, again.classes, again.masks) == (first.rows, first.classes, first.masks) == (
        {"train": 6, "test": 2}, 2, 2,
    )  # fmt: skip
    assert before == {f: f.stat().st_mtime_ns for f in (tmp_path / "out").rglob("*")}
    picture(raw / "X-SDD" / "red iron" / "9.jpg", 9)
    assert sum(build(tmp_path / "out", raw).rows.values()) == 9
    (tmp_path / "out" / "README.md").unlink()
    assert not build(tmp_path / "out", raw).unchanged


def test_the_same_input_gives_the_same_bytes(raw, tmp_path):
    build(tmp_path / "a", raw)
    build(tmp_path / "b", raw)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_a_folder_of_somebody_elses_is_left_alone(raw, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="left as it is"):
        build(tmp_path / "thesis", raw)
    assert files_of(tmp_path / "thesis") == {"chapter.txt": b"years of work"}


def test_a_killed_build_leaves_the_old_folder(raw, tmp_path, monkeypatch):
    build(tmp_path / "out", raw)
    before = files_of(tmp_path / "out")
    picture(raw / "X-SDD" / "red iron" / "9.jpg", 9)

    def killed(*_args):
        raise KeyboardInterrupt

    for step in ("write_plots", "_put_in_place"):
        with monkeypatch.context() as patch:
            patch.setattr(export, step, killed)
            with pytest.raises(KeyboardInterrupt):
                build(tmp_path / "out", raw)
        assert files_of(tmp_path / "out") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "raw"]


def png_bomb(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("1", (30_000, 30_000)).save(path)


@pytest.fixture
def bad(raw, tmp_path):
    """``raw`` and one of everything that is wrong with the data sets people have."""
    folder = raw / "S3D" / "white rust"
    whole = picture(tmp_path / "whole.jpg", 1, (200, 200)).read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "nothing.png").write_bytes(b"")
    (folder / "text.png").write_text("not an image")
    png_bomb(folder / "bomb.png")
    picture(folder / "larger.png", 5)
    picture(raw / "masks" / "white rust" / "larger.png", 5, (20, 20))
    picture(folder / "unmarked.png", 6)
    Image.new("L", (40, 30)).save(raw / "masks" / "white rust" / "unmarked.png")
    (folder / "link.png").symlink_to(tmp_path / "whole.jpg")
    gc10 = raw / "GC10-DET"
    for name, text in {
        "img_1": "<annotation><object><name>11_dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>"
        "<ymax>9</ymax></bndbox></object></annotation>",
        "img_2": '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><annotation>&c;</annotation>',
    }.items():
        picture(gc10 / "images" / f"{name}.jpg", 7)
        (gc10 / "lable").mkdir(exist_ok=True)
        (gc10 / "lable" / f"{name}.xml").write_text(text)
    with zipfile.ZipFile(raw / "more.zip", "w") as archive:
        archive.writestr("../../evil.jpg", whole)
    return raw


BAD = {
    "S3D/white rust/truncated.jpg": "not a readable image",
    "S3D/white rust/nothing.png": "an empty file",
    "S3D/white rust/text.png": "not a readable image",
    "S3D/white rust/bomb.png": "decompression bomb",
    "masks/white rust/larger.png": "a mask of another size",
    "masks/white rust/unmarked.png": "an empty mask",
    "S3D/white rust/link.png": "a link that leads out",
    "GC10-DET/images/img_1.jpg": "11_dog",
    "GC10-DET/lable/img_2.xml": "document type",
    "more.zip": "a name that leads out of it: '../../evil.jpg'",
}


def test_bad_input_is_listed_whole_and_nothing_is_written(bad, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError) as error:
        build(tmp_path / "out", bad)
    lines = str(error.value).splitlines()
    assert lines[0].startswith(f"{len(BAD)} of the files or folders")
    for name, reason in BAD.items():
        (line,) = [line for line in lines if f"/{name}:" in line]
        assert reason in line
    assert sorted(tmp_path.rglob("*")) == before


def test_with_skip_bad_the_rest_is_built_and_the_list_saved(bad, tmp_path):
    built = build(tmp_path / "out", bad, skip_bad=True)
    assert built.rows == {"train": 8, "test": 2}  # bad masks do not cost their images
    assert built.masks == 2
    assert built.skipped_file == tmp_path / "out.skipped.txt"
    lines = built.skipped_file.read_text().splitlines()
    assert lines == built.skipped
    assert [line.split(": ")[0] for line in lines] == sorted(BAD)
    assert all(BAD[line.split(": ")[0]] in line for line in lines)
    again = build(tmp_path / "out", bad, skip_bad=True)
    assert again.unchanged
    assert again.skipped == lines
    for name in BAD:
        (bad / name).unlink()
    for name in ("img_1", "img_2"):
        (bad / "GC10-DET" / "images" / f"{name}.jpg").unlink(missing_ok=True)
    build(tmp_path / "out", bad, skip_bad=True)
    assert not built.skipped_file.exists()


def test_the_command(raw, tmp_path):
    run = CliRunner().invoke(app, ["build", str(raw), "--out", str(tmp_path / "out")])
    assert run.exit_code == 0, run.output
    assert "8 images (6 train, 2 test), 2 classes, 2 masks" in run.output
    run = CliRunner().invoke(app, ["build", str(raw), "--out", str(tmp_path / "out")])
    assert "unchanged" in run.output
    run = CliRunner().invoke(app, ["build", str(tmp_path / "missing"), "--out", str(tmp_path / "out")])
    assert run.exit_code == 2
    assert "no such folder" in run.output
    run = CliRunner().invoke(app, ["build", str(raw), "--out", str(tmp_path / "out"), "--split", "random"])
    assert run.exit_code == 2
    assert "choose one of auto, rule, grouped" in run.output


def test_the_sample_too(tmp_path):
    build(tmp_path / "out", config="sample", images=50, image_size=64)
    rows = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"), split="train")
    assert set(rows["source"]) == {"synthetic"}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "# SteelDefectX sample (synthetic)" in card
    assert "says nothing about a plant's images" in card
    assert "| synthetic | 50 | synthetic, rendered by the package steeldefectx | MIT |" in card


def test_attributes_are_counted_as_they_are(tmp_path):
    build(tmp_path / "out", config="sample", images=50, image_size=64)
    rows = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    files = {split: sorted((tmp_path / "out" / "data").glob(f"{split}-*")) for split in ("train", "test")}
    found = statistics.of_parquet(files, list(CLASS_NAMES))
    everything = [row for split in rows.values() for row in split]
    for value in ("dark", "bright", "neutral"):
        count = sum(row["attributes"]["polarity"] == value for row in everything)
        assert found.attributes["polarity"][value] == count
    positions = [row["attributes"]["position"] for row in everything]
    shares = [{place["cell"]: place["fraction"] for place in position} for position in positions]
    assert found.cells == Counter(max(share, key=share.get) for share in shares), "where most of the defect lies"
    assert found.sizes == {(64, 64): 50}
    assert found.texts == dict.fromkeys(("T0", "T1", "T2", "T3"), 50)


def test_shards_are_of_limited_size(tmp_path, monkeypatch):
    for n in range(220):
        picture(tmp_path / "raw" / "good" / f"{n}.png", n)
    monkeypatch.setattr(export, "SHARD_SIZE", "100KB")
    build(tmp_path / "out", tmp_path / "raw", "class-folders")
    names = sorted(f.name for f in (tmp_path / "out" / "data").iterdir())
    count = sum(name.startswith("train") for name in names)
    assert count > 1
    assert names[-1] == f"train-{count - 1:05d}-of-{count:05d}.parquet"
    rows = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"), split="train+test")
    assert len(set(rows["image_id"])) == 220


def test_the_card_of_the_full_data_set_is_current():
    assert (ROOT / "dataset_card.md").read_text("utf-8") == full_card(), (
        "python -m steeldefectx.data.card > dataset_card.md"
    )


def test_the_full_data_set_is_the_published_one():
    found = statistics.of_release()
    assert len(found) == 7_778
    assert len(found.class_names()) == 25
    assert found.splits() == {"train": 5_454, "test": 2_324}
    by_source = dict.fromkeys(("NEU", "GC10", "X-SDD", "S3D"), 0)
    for (_, source), count in found.sources.items():
        by_source[source] += count
    assert by_source == {"NEU": 1_800, "GC10": 3_738, "X-SDD": 1_360, "S3D": 880}


@pytest.mark.integration
def test_real_images(real_data, tmp_path):
    started = time.perf_counter()
    built = build(tmp_path / "out", real_data)
    assert time.perf_counter() - started < 60
    assert (sum(built.rows.values()), built.classes, built.masks) == (2_532, 13, 720)
    originals = {hashlib.sha256(f.read_bytes()).hexdigest() for f in real_data.rglob("*.*") if f.is_file()}
    for shard in (tmp_path / "out" / "data").iterdir():
        for cell in pq.read_table(shard, columns=["image"])["image"].to_pylist():
            assert hashlib.sha256(cell["bytes"]).hexdigest() in originals
            Image.open(io.BytesIO(cell["bytes"])).verify()

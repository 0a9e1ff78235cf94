"""Texts from files reach runs and grids."""

import json

import numpy as np
import pytest
from PIL import Image

from steeldefectx.benchmark.grid import Cell
from steeldefectx.benchmark.tasks import Workbench
from steeldefectx.data.builder import load_dataset
from steeldefectx.data.labelled import ROW_SETTINGS, class_texts, load_data, notes_on_scores
from steeldefectx.taxonomy import T0_TEMPLATE
from steeldefectx.training.config import TrainConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("described"), np.random.default_rng(0)
    for name in ("dent", "burr"):
        (folder / "images" / name).mkdir(parents=True)
        for n in range(4):
            Image.fromarray(rng.integers(0, 255, (16, 16), np.uint8)).save(folder / "images" / name / f"{n}.png")
    rows = load_dataset("class-folders", data_dir=str(folder / "images"))
    ids = [row_id for part in rows.values() for row_id in part["image_id"]]
    lines = [json.dumps({"image_id": row_id, "T3": f"The one and only {row_id}."}) for row_id in ids]
    (folder / "annotations.jsonl").write_text("\n".join(lines), "utf-8")
    (folder / "t1.yaml").write_text("dent: A dent is a hollow.\nburr: A burr is a raised edge.\n", "utf-8")
    return folder


def test_a_run_trains_on_the_texts_of_files(folder):
    files = {"t1_file": str(folder / "t1.yaml"), "annotations": str(folder / "annotations.jsonl")}
    config = TrainConfig(config="class-folders", data_dir=str(folder / "images"), **files)
    data = load_data(config.config, config.data_dir, **{name: getattr(config, name) for name in ROW_SETTINGS})
    train = data.split("train")
    assert all(text.startswith("The one and only class-folders/") for text in train.level("T3")), train.level("T3")
    assert set(train.level("T1")) == {"A dent is a hollow.", "A burr is a raised edge."}


def test_a_cell_is_told_by_what_its_texts_say(folder):
    def key(**settings):
        cell = Cell("task3", "tiny", method="linear-probe", shots=1, test_text="T0", config="class-folders",
                    data_dir=str(folder / "images"), **settings)  # fmt: skip
        return Workbench(folder).key(cell)

    copy = folder / "copy.jsonl"
    copy.write_bytes((folder / "annotations.jsonl").read_bytes())
    described = key(annotations=str(folder / "annotations.jsonl"))
    assert key() != described
    assert key(annotations=str(copy)) == described
    assert key(t0_template=T0_TEMPLATE) == key()


def test_validation_images_are_a_share_of_training_and_the_test_split_stays_closed(folder):
    whole = load_data("class-folders", str(folder / "images"))
    chosen = load_data("class-folders", str(folder / "images"), validation=0.3)
    train, validation = (chosen.split(name) for name in ("train", "test"))
    assert (len(train), len(validation)) == (4, 2), "of three training images of each class one"
    assert sorted([*train.image_ids, *validation.image_ids]) == sorted(whole.split("train").image_ids)


def test_texts_of_images_that_stand_for_a_class_are_those_of_training_images(folder):
    data = load_data("class-folders", str(folder / "images"), annotations=str(folder / "annotations.jsonl"))
    train = data.split("train")
    for label, texts in enumerate(class_texts(data, "T3")):
        ids = train.image_ids[train.labels == label]
        assert sorted(texts) == sorted(f"The one and only {image_id}." for image_id in ids)


def test_images_that_are_kept_together_are_counted_beside_the_scores(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("dent", "burr"):
        (tmp_path / name).mkdir()
        for n in range(6):
            image = Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).resize((48, 48), Image.Resampling.BICUBIC)
            image.save(tmp_path / name / f"{n}.png")
    image.save(tmp_path / "burr" / "5-again.jpg")
    for _ in range(2):  # made, then as kept
        data = load_data("class-folders", str(tmp_path))
        notes = notes_on_scores(data, list(data.splits.values()), {"T0"})
        assert notes == ["2 images nearly equal another one; each of their 1 groups is on one side."]
    parted = load_data("class-folders", str(tmp_path), split_by="rule")
    assert notes_on_scores(parted, list(parted.splits.values()), {"T0"}) == []
    said = notes_on_scores(parted, list(parted.splits.values()), {"T1", "T0"})
    assert said == ["Descriptions of classes by the lexicon: dent; none but their names: burr."]

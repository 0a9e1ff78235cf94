"""What a cell is given to learn from, and what it is tested on."""

import numpy as np
import pytest
import torch
from PIL import Image

from steeldefectx.benchmark import few_shot
from steeldefectx.benchmark.grid import Cell
from steeldefectx.benchmark.tasks import Workbench
from steeldefectx.data.labelled import Data, Split, load_data
from steeldefectx.features.encoding import Features
from steeldefectx.methods.interface import Predictor
from steeldefectx.models.clip import load_clip
from steeldefectx.utils.results import Stopwatch


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noise, three classes of twelve, each image with a text of its own."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name in "abc":
        (folder / name).mkdir()
        for n in range(12):
            Image.fromarray(rng.integers(0, 255, (32, 32), dtype=np.uint8)).save(folder / name / f"{n}.png")
    loaded = load_data("class-folders", str(folder))
    for split in loaded.splits.values():
        split.texts["T3"] = [f"The image {image_id}." for image_id in split.image_ids]
    return loaded


@pytest.mark.parametrize(("level", "variation"), [("T0", "geometric"), ("T3", "photometric")])
def test_shots_and_validation_are_other_images_of_the_training_split(level, variation, data, monkeypatch):
    tasks, train = [], data.split("train")
    nothing = Predictor(lambda images: torch.zeros(len(images), 3))
    monkeypatch.setattr(few_shot, "load_method", lambda name: lambda task: tasks.append(task) or nothing)
    features = Features(load_clip("tiny"), torch.device("cpu"))
    few_shot.fit(Cell("task3", "tiny", method="lp++", shots=2, test_text=level), train, data.classes, features)
    of_images, of_texts = features.images(train), features.texts(train.texts["T3"])
    varied = features.images(train, variation, 1)
    found = []
    for examples in (tasks[0].shots, tasks[0].validation):
        rows = [int((of_images == row).all(1).nonzero()[0, 0]) for row in examples.images.features]
        assert examples.labels.tolist() == train.labels[rows].tolist()
        assert examples.labels.bincount().tolist() == [2, 2, 2]
        assert torch.equal(examples.views[0], varied[rows]), "a mirror would make words on places untrue"
        assert examples.texts is None if level == "T0" else torch.equal(examples.texts, of_texts[rows])
        found.append(set(rows))
    assert not found[0] & found[1]


@pytest.mark.parametrize("train_on", ["all", "NEU+GC10"])
def test_a_transfer_trains_on_no_image_of_the_source_that_it_is_tested_on(train_on, tmp_path, monkeypatch):
    sources = np.array(["NEU", "GC10", "GC10", "NEU"])

    def split(part):
        hashes, labels = [f"{part} {n}" for n in range(4)], np.array([0, 1, 2, 2])
        return Split([], hashes, np.arange(4), labels, {"T0": ["text"] * 4}, sources)

    bench, seen = Workbench(tmp_path), []
    data = Data(["a", "b", "c"], {"train": split("train"), "test": split("test")})
    monkeypatch.setattr(bench, "data", lambda cell: data)
    monkeypatch.setattr(bench, "_trained", lambda cell, trained, test, watch: seen.append((trained, test)))
    cell = Cell("task4", "tiny", train_text="T0", test_text="T0", train_on=train_on, test_on="NEU")
    bench.run(cell, Stopwatch())
    ((trained, test),) = seen
    assert (trained.classes, trained.split("train").hashes) == (["b", "c"], ["train 1", "train 2"])
    assert (test.classes, [part.hashes for part in test.parts]) == (["a", "c"], [["test 0", "test 3"]])

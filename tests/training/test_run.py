"""Whole runs in this process: every method and every loss trains what it should and nothing else."""

import errno
import json
import os
import tempfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from steeldefectx.data.labelled import Data, load_data
from steeldefectx.errors import ConfigError
from steeldefectx.features.encoding import Features
from steeldefectx.features.logits import classifier_logits
from steeldefectx.metrics.scores import scores
from steeldefectx.models.checkpoint import load_checkpoint, save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.models.names import PEFT_METHODS
from steeldefectx.models.peft_adapters import unload
from steeldefectx.taxonomy import T0_TEMPLATE
from steeldefectx.training import clip_training
from steeldefectx.training.clip_training import ClipTraining
from steeldefectx.training.config import LOSSES, METHODS, TrainConfig
from steeldefectx.training.run import run
from steeldefectx.utils.results import Stopwatch, write_json


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Dark and bright images, two classes of eight."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name, level in (("dark", 60), ("bright", 190)):
        (folder / name).mkdir()
        for n in range(8):
            noise = rng.normal(level, 20, (32, 32)).clip(0, 255).astype(np.uint8)
            Image.fromarray(noise).save(folder / name / f"{n}.png")
    return load_data("class-folders", str(folder), t0_template=T0_TEMPLATE)


def trained(data, folder, **settings):
    """One epoch of at least two steps; the results and what the folder holds."""
    settings = {"model": "tiny", "train_text": "T0", "epochs": 2, "batch_size": 6, "lr": 1e-2, **settings}
    config = TrainConfig(output_dir=str(folder), tracker="none", **settings)
    found = run(config, data)
    assert all(np.isfinite(json.loads(line)["loss"]) for line in (folder / "log.jsonl").open())
    clip, _ = load_checkpoint(str(folder))
    return found, clip


@pytest.mark.parametrize("method", ["clip-adapter", "lora", "ln-tuning", "clip-adapter+ia3"])
def test_the_base_under_an_adapter_stays_bit_for_bit(method, data, tmp_path):
    _, clip = trained(data, tmp_path, method=method)
    before, after = load_clip("tiny").model.state_dict(), unload(clip).model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert (clip.adapter is not None) == method.startswith("clip-adapter")
    if method != "clip-adapter":
        merged = clip.model.merge_and_unload().state_dict()
        assert any(not torch.equal(before[key], merged[key]) for key in before)


@pytest.mark.parametrize("towers", ["image", "text"])
def test_the_other_tower_is_left_alone(towers, data, tmp_path):
    _, clip = trained(data, tmp_path, method="lora", towers=towers)
    merged, before = clip.model.merge_and_unload().state_dict(), load_clip("tiny").model.state_dict()
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], merged[key])}
    assert changed == {{"image": "vision_model", "text": "text_model"}[towers]}


@pytest.mark.parametrize("side", ["image", "text", "both"])
def test_a_clip_adapter_is_where_it_is_told(side, data, tmp_path):
    _, clip = trained(data, tmp_path, method="clip-adapter", adapter_on=side)
    found = [name for name, part in (("image", clip.adapter), ("text", clip.text_adapter)) if part is not None]
    assert found == (["image", "text"] if side == "both" else [side])


def test_each_view_of_an_image_is_another_variation(data, tmp_path):
    config = TrainConfig(model="tiny", train_text="T0", views=3, output_dir=str(tmp_path), tracker="none")
    training = ClipTraining(config, data, data.split("train"), Accelerator(), torch.float32, Stopwatch())
    views = training.inputs.images
    assert len(views) == 3
    assert torch.equal(views[0], Features(load_clip("tiny"), torch.device("cpu")).images(data.split("train")))
    assert not any(torch.equal(views[a], views[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize("settings", [{"method": "clip-adapter"}, {"method": "classifier", "model": "shufflenet-v2"}])
def test_the_test_split_decides_nothing(settings, data, tmp_path):
    """With every label of the test split wrong, epoch, temperature and weights are the same."""
    settings = settings | {"hold_out": 0.4, "epochs": 3, "image_size": 32, "batch_size": 4}
    test, runs = data.split("test"), []
    for name, labels in (("right", test.labels), ("wrong", 1 - test.labels)):
        told = Data(data.classes, {**data.splits, "test": replace(test, labels=labels)})
        results, model = trained(told, tmp_path / name, **settings)
        lines = [json.loads(line) for line in (tmp_path / name / "log.jsonl").open()]
        scored = [line["held_out_accuracy"] for line in lines]
        part = model.adapter if settings["method"] == "clip-adapter" else model.model
        runs.append((results, scored, part.state_dict()))
    (right, right_scores, right_weights), (wrong, wrong_scores, wrong_weights) = runs
    assert right["accuracy"] == pytest.approx(1 - wrong["accuracy"])
    assert right_scores == wrong_scores
    for key in ("best_epoch", "calibration", "n_train"):
        assert right[key] == wrong[key], key
    assert right["n_train"] > right["calibration"]["images"], "the larger part is trained on"
    assert all(torch.equal(right_weights[name], wrong_weights[name]) for name in right_weights)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("method", ["clip-adapter", "lora", "full"])
def test_every_loss_falls(method, loss, data, tmp_path):
    """In batches of all images, so that what is in a batch moves nothing; without chance for the same reason."""
    rate = {"clip-adapter": 1e-2, "lora": 1e-3, "full": 1e-4}[method]
    trained(
        data, tmp_path, method=method, loss=loss, epochs=6, batch_size=12, lr=rate, augment="none", lora_dropout=0.0
    )
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").open()]
    assert losses[-1] < losses[0]


CLASSIFIER = {"method": "classifier", "model": "shufflenet-v2", "image_size": 32, "batch_size": 4, "lr": 1e-2}


def test_a_classifier_learns_without_texts_and_its_checkpoint_gives_the_same_results(data, tmp_path):
    found, classifier = trained(data, tmp_path, **CLASSIFIER, epochs=12, ema=0.8, augment="photometric")
    assert (found["train_text"], found["test_text"], found["before_training"]) == (None, None, None)
    assert found["accuracy"] == 1.0
    assert classifier.classes == data.classes
    assert not (tmp_path / "class_texts.json").exists()
    logits = classifier_logits(classifier, data.split("test"), torch.device("cpu"))
    assert scores(logits, data.split("test").labels, data.classes)["per_class"] == found["per_class"]


def test_a_classifier_on_half_precision_in_parts_with_its_best_epoch(data, tmp_path):
    found, _ = trained(data, tmp_path, **CLASSIFIER, precision="bf16", accumulate=2, hold_out=0.3, mixup=0.2)
    assert found["precision"] == "bfloat16"
    assert found["best_epoch"] in (1, 2)


@pytest.mark.parametrize("first", ["classifier", "full"])
def test_a_classifier_and_a_clip_in_one_folder_replace_each_other_wholly(first, data, tmp_path):
    kinds = {"classifier": CLASSIFIER | {"epochs": 1}, "full": {"method": "full", "epochs": 1}}
    for kind in (first, *(kinds.keys() - {first})):
        _, model = trained(data, tmp_path, **kinds[kind])
        assert isinstance(model, ImageClassifier) == (kind == "classifier")
        assert (tmp_path / "class_texts.json").exists() == (kind == "full")


def test_every_peft_method_has_a_stacked_form():
    assert set(METHODS) == {
        "clip-adapter",
        "full",
        "classifier",
        *PEFT_METHODS,
        *(f"clip-adapter+{m}" for m in PEFT_METHODS),
    }


def test_a_run_that_diverges_leaves_the_checkpoint_that_was_there(data, tmp_path):
    trained(data, tmp_path, method="full", epochs=1)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    with pytest.raises(ConfigError, match="diverged"):
        trained(data, tmp_path, method="full", optimizer="sgd", lr=1e30)
    for name in ("config.json", "model.safetensors", "class_texts.json", "results.json", "recipe.yaml"):
        assert (tmp_path / name).read_bytes() == before[name]


def test_files_of_results_are_strict_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json({"accuracy": float("nan")}, tmp_path / "results.json")
    assert not list(tmp_path.iterdir())


def test_batch_normalization_of_single_images_is_refused_before_training(data, tmp_path):
    config = TrainConfig(
        model="shufflenet-v2", method="classifier", image_size=32, batch_size=1, tracker="none",
        output_dir=str(tmp_path / "run"),
    )  # fmt: skip
    with pytest.raises(ConfigError, match="--batch-size"):
        run(config, data)
    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_a_disk_without_room_is_said_before_training(data, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(ConfigError, match=r"needs .* MiB, 0 MiB are free"):
        trained(data, tmp_path / "run", method="full")
    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_what_was_trained_is_kept_elsewhere_where_it_cannot_be_written(data, tmp_path, monkeypatch):
    def full_disk(model, classes, folder, save=save_checkpoint):
        if folder == tmp_path / "run":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(model, classes, folder)

    monkeypatch.setattr(clip_training, "save_checkpoint", full_disk)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(ConfigError, match="No space left on device") as error:
        trained(data, tmp_path / "run", method="full")
    (rescued,) = tmp_path.glob("steeldefectx-run-*")
    assert str(rescued) in str(error.value)
    load_checkpoint(str(rescued))
    assert (rescued / "results.json").is_file()

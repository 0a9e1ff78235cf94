"""Pure vision as typed: train, evaluate and predict, each in a process, be killed and go on."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from tests.commands import COMMAND, Command, run

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Three classes that a network tells apart in seconds."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name, level, noise in (("dark", 60, 10), ("bright", 190, 10), ("rough", 128, 60)):
        (folder / name).mkdir()
        for n in range(20):
            pixels = rng.normal(level, noise, (40, 40)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{n}.png")
    return folder


def command(images, out, *flags):
    return ["train.py", "--config", "class-folders", "--data-dir", images, "--method", "classifier", "--image_size", 32,
            "--batch-size", 14, "--tracker", "none", "--output-dir", out, *flags]  # fmt: skip


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    return out, run(*command(images, out, "--epochs", 20, "--augment", "geometric", "--ema", 0.9))


def test_training_reports_what_evaluation_finds(trained, tmp_path):
    out, done = trained
    results = json.loads((out / "results.json").read_text())
    assert (results["model"], results["method"]) == ("shufflenet-v2", "classifier")
    assert (results["train_text"], results["test_text"], results["n_train"]) == (None, None, 42)
    assert results["accuracy"] >= 0.8
    assert "zero-shot" not in done.stdout
    run("eval.py", "--checkpoint", out, "--output", tmp_path / "eval.json")
    found = json.loads((tmp_path / "eval.json").read_text())
    for key in ("accuracy", "mean_accuracy", "per_class", "n_test", "classes", "method", "data_fingerprint"):
        assert found[key] == results[key]


def test_prediction_names_the_folders_classes(trained, images, tmp_path):
    out, _ = trained
    run(COMMAND, "predict", images, "--checkpoint", out, "--out", tmp_path / "table.csv", "--top-k", 2)
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert len(rows) == 120
    best = [row for row in rows if row["rank"] == "1"]
    assert np.mean([Path(row["file"]).parent.name == row["class"] for row in best]) >= 0.8


def test_other_images_are_judged_among_their_classes_and_among_all_and_unknown_classes_are_refused(
    trained, images, tmp_path
):
    out, _ = trained
    for folder, name in (("some", "dark"), ("others", "dark"), ("others", "weld")):
        (tmp_path / folder / name).mkdir(parents=True)
        for n in range(4):
            (tmp_path / folder / name / f"{name}{n}.png").write_bytes((images / "dark" / f"{n}.png").read_bytes())
    evaluate = ["eval.py", "--checkpoint", out, "--config", "class-folders", "--split", "all", "--data-dir"]
    run(*evaluate, tmp_path / "some", "--output", tmp_path / "some.json")
    some = json.loads((tmp_path / "some.json").read_text())
    assert some["classes"] == ["dark"]
    assert {among: scores["classes"] for among, scores in some["scores_among"].items()} == {"data": 1, "checkpoint": 3}
    refused = run(*evaluate, tmp_path / "others", check=False)
    assert refused.returncode == 2
    assert "does not know weld" in refused.stderr
    texts = run(*evaluate, tmp_path / "some", "--text", "T1", check=False)
    assert "takes no texts" in texts.stderr


def test_a_run_killed_and_resumed_ends_in_the_same_weights(images, tmp_path):
    flags = ["--epochs", 6, "--optimizer", "sgd", "--lr", 0.05, "--snapshot_minutes", 0]
    run(*command(images, tmp_path / "whole", *flags))
    out = tmp_path / "killed"
    Command(*command(images, out, *flags)).kill_when((out / "snapshot.safetensors").exists)
    assert not (out / "results.json").exists()
    run(*command(images, out, *flags, "--resume"))
    whole, again = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == again.keys()
    assert all((whole[name] == again[name]).all() for name in whole)

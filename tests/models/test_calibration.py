"""Temperatures: found again where they are known, never by test images, and told in results.json."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from steeldefectx import SteelDefectClassifier, metrics
from steeldefectx.cli.app import app
from steeldefectx.data.labelled import load_data
from steeldefectx.errors import DataError, ModelError
from steeldefectx.inference.eval_config import EvalConfig
from steeldefectx.inference.evaluation import evaluate_checkpoint
from steeldefectx.models.calibration import (
    CALIBRATION,
    calibrate,
    calibration_results,
    fit_temperature,
    read_calibration,
)
from steeldefectx.training import run as training
from steeldefectx.training.config import TrainConfig


def too_sure(by, n=4000):
    """Logits that are so many times too large, and labels drawn as often as the right ones say."""
    rng = np.random.default_rng(0)
    right = rng.normal(0, 1.5, (n, 5))
    powers = np.exp(right)
    labels = np.array([rng.choice(5, p=row) for row in powers / powers.sum(1, keepdims=True)])
    return torch.from_numpy(by * right).float(), labels


@pytest.mark.parametrize("by", [0.2, 1.0, 6.0])
def test_a_known_temperature_is_found_again(by):
    logits, labels = too_sure(by)
    assert fit_temperature(logits, labels) == pytest.approx(by, rel=0.1)


def test_it_is_the_best_of_a_grid():
    logits, labels = too_sure(3.0, 200)
    grid = np.exp(np.linspace(-2, 3, 2001))
    smooth = np.full((200, 5), 1 / 201 / 5)
    smooth[np.arange(200), labels] += 200 / 201
    loss = [-(smooth * (logits / t).log_softmax(1).numpy()).sum() for t in grid]
    assert fit_temperature(logits, labels) == pytest.approx(grid[np.argmin(loss)], rel=0.01)


def test_calibration_lowers_the_error_of_other_images_and_changes_no_prediction():
    logits, labels = too_sure(6.0)
    found = calibrate(logits[:2000], labels[:2000], "the first half")

    def error(temperature):
        confidences, best = (logits[2000:] / temperature).softmax(1).max(1)
        return metrics.calibration_error(best.numpy(), labels[2000:], confidences.numpy())

    assert error(found.temperature) < 0.04 < 0.15 < error(1.0)
    reported = calibration_results(found, logits[2000:], labels[2000:])
    assert reported == {"calibration": vars(found), "calibrated_error": pytest.approx(error(found.temperature))}
    assert found.nll_after < found.nll_before
    assert found.calibration_error_after < found.calibration_error_before
    assert found.images == 2000


def test_a_perfect_held_out_set_makes_no_certainty():
    labels = np.arange(40) % 4
    logits = torch.eye(4)[labels] * 20
    confidence = (logits / fit_temperature(logits, labels)).softmax(1).max().item()
    assert 0.95 < confidence < 1 - 1e-3
    with pytest.raises(DataError, match="no images"):
        fit_temperature(torch.empty(0, 4), np.array([], dtype=int))


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    """Two classes that overlap, so that a model is wrong at times: spots and darker spots."""
    folder, rng = tmp_path_factory.mktemp("blobs"), np.random.default_rng(0)
    for part, count in (("run", 40), ("unseen", 12)):
        for name, level in (("dark", 110), ("light", 150)):
            (folder / part / name).mkdir(parents=True)
            for n in range(count):
                pixels = rng.normal(rng.normal(level, 30), 20, (32, 32)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{n}.png")
    return folder


def trained(blobs, out, **settings):
    config = TrainConfig(
        config="class-folders", data_dir=str(blobs / "run"), train_text="T0", epochs=2, lr=0.01, batch_size=16,
        tracker="none", output_dir=str(out), **settings,
    )  # fmt: skip
    data = load_data(config.config, config.data_dir, t0_template=config.t0_template)
    return config, data


def test_held_out_images_calibrate_before_the_test_split_is_opened(blobs, tmp_path, monkeypatch):
    config, data = trained(blobs, tmp_path / "out", hold_out=0.3)
    order = []
    test_logits, fit = training.ClipTraining.test_logits, training.calibrate

    def noted(name, function):
        def call(*args):
            order.append((name, len(args[1])))
            return function(*args)

        return call

    monkeypatch.setattr(training.ClipTraining, "test_logits", noted("test", test_logits))
    monkeypatch.setattr(training, "calibrate", noted("calibrate", fit))
    results = training.run(config, data)
    held_out = results["calibration"]["images"]
    assert held_out == len(data.split("train")) - results["n_train"]
    assert order == [("calibrate", held_out), ("test", 24)]
    assert "hold_out 0.3" in results["calibration"]["fitted_on"]
    written = json.loads((tmp_path / "out" / CALIBRATION).read_text())
    assert written == results["calibration"]
    assert SteelDefectClassifier.from_pretrained(tmp_path / "out").temperature == written["temperature"]
    again = evaluate_checkpoint(EvalConfig(str(tmp_path / "out")))
    for key in ("calibration_error", "calibrated_error", "calibration"):
        assert again[key] == results[key]
    training.run(trained(blobs, tmp_path / "out")[0], data)
    assert not (tmp_path / "out" / CALIBRATION).exists(), "that of an earlier checkpoint stays"


def test_a_run_without_held_out_images_is_calibrated_by_others(blobs, tmp_path):
    config, data = trained(blobs, tmp_path / "out")
    assert training.run(config, data)["calibration"] is None

    def typed(folder):
        return CliRunner().invoke(app, ["calibrate", str(folder), "--checkpoint", str(tmp_path / "out")])

    for own in (blobs / "run", blobs, blobs / "run" / "dark"):
        refused = typed(own)
        assert refused.exit_code == 2
        assert "has not seen" in refused.stderr
    assert not (tmp_path / "out" / CALIBRATION).exists()
    done = typed(blobs / "unseen")
    assert done.exit_code == 0, done.output
    found = read_calibration(str(tmp_path / "out"))
    assert f"{found.temperature:.3f}" in done.stdout
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["calibration"] == vars(found)
    assert str(blobs / "unseen") in found.fitted_on
    files, labels = [], []
    for label, name in enumerate(("dark", "light")):
        for file in sorted((blobs / "unseen" / name).iterdir()):
            files.append(file)
            labels.append(label)
    logits = torch.from_numpy(SteelDefectClassifier.from_pretrained(tmp_path / "out").logits(files))
    assert found.temperature == pytest.approx(fit_temperature(logits, np.array(labels)), rel=1e-3)
    (tmp_path / "others" / "weld").mkdir(parents=True)
    (tmp_path / "others" / "weld" / "a.png").write_bytes((blobs / "unseen" / "dark" / "0.png").read_bytes())
    assert "does not know weld" in typed(tmp_path / "others").stderr


def test_no_checkpoint_no_calibration(tmp_path):
    with pytest.raises(ModelError):
        read_calibration(str(tmp_path / "none"))
    (tmp_path / "a class").mkdir()
    done = CliRunner().invoke(app, ["calibrate", str(tmp_path), "--checkpoint", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "no such folder" in done.stderr

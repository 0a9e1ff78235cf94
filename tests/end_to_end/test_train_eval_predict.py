"""The whole way, as typed: train, evaluate in another process, predict."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from safetensors.torch import load_file

from tests.commands import COMMAND, Command, run

pytestmark = pytest.mark.integration

SMALL = ["--config", "sample", "--model", "tiny", "--train-text", "T1", "--epochs", "2"]


def results(folder):
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    """Two classes that a model tells apart in seconds: bars across and bars along."""
    folder = tmp_path_factory.mktemp("stripes")
    rng = np.random.default_rng(0)
    for name in ("across", "along"):
        (folder / name).mkdir()
        for n in range(40):
            image = Image.fromarray(rng.normal(128, 20, (64, 64)).clip(0, 255).astype(np.uint8))
            for at in rng.integers(0, 60, 4):
                box = (0, at, 63, at + 3) if name == "across" else (at, 0, at + 3, 63)
                ImageDraw.Draw(image).rectangle(box, fill=int(rng.integers(0, 60)))
            image.save(folder / name / f"{n}.png")
    return folder


@pytest.fixture(scope="module")
def trained(stripes, tmp_path_factory):
    """A run on own images."""
    out = tmp_path_factory.mktemp("run") / "out"
    done = run("train.py", "--config", "class-folders", "--data-dir", stripes, "--method", "full", "--train-text", "T0",
               "--epochs", 12, "--output-dir", out)  # fmt: skip
    return out, done


def test_own_images_train_to_a_good_model(trained):
    out, done = trained
    found = results(out)
    assert found["classes"] == ["across", "along"]
    assert (found["n_train"], found["n_test"]) == (56, 24)
    assert found["accuracy"] >= 0.9
    assert f"{100 * found['accuracy']:.2f}" in done.stdout
    for key in ("task", "dataset", "config", "model", "method", "train_text", "test_text", "shots", "seed",
                "accuracy", "mean_accuracy", "per_class", "n_train", "n_test", "classes", "seconds", "recipe",
                "data_fingerprint", "versions"):  # fmt: skip
        assert key in found
    assert not list(out.glob("*.bin")) + list(out.glob("*.pt")) + list(out.glob("*.pkl"))


def test_another_process_evaluates_to_the_same_numbers(trained, stripes, tmp_path):
    out, _ = trained
    file = tmp_path / "eval.json"
    done = run("eval.py", "--checkpoint", out, "--config", "class-folders", "--data-dir", stripes, "--output", file)
    found = json.loads(file.read_text())
    for key in ("accuracy", "mean_accuracy", "per_class", "n_test", "data_fingerprint"):
        assert found[key] == results(out)[key]
    assert "across" in done.stdout
    again = run("eval.py", "--checkpoint", out)  # the data it was trained on
    assert again.stdout == done.stdout


def test_other_images_with_the_classes_they_have(trained, tmp_path):
    out, _ = trained
    Path(tmp_path / "new" / "along").mkdir(parents=True)
    for n in range(4):
        image = Image.new("L", (90, 50), 128)
        ImageDraw.Draw(image).rectangle((20 + n, 0, 24 + n, 49), fill=20)
        image.save(tmp_path / "new" / "along" / f"{n}.png")
    file = tmp_path / "eval.json"
    done = run("eval.py", "--checkpoint", out, "--config", "class-folders", "--data-dir", tmp_path / "new",
               "--split", "all", "--output", file)  # fmt: skip
    found = json.loads(file.read_text())
    assert (found["n_test"], found["classes"]) == (4, ["along"])
    among_both = found["scores_among"]["checkpoint"]
    assert (found["among"], found["accuracy"], among_both["classes"]) == ("data", 1.0, 2), "one class is always right"
    assert "one class alone" in found["notes"][0]
    assert "2, all it knows" in done.stdout
    run("eval.py", "--checkpoint", out, "--config", "class-folders", "--data-dir", tmp_path / "new", "--split", "all",
        "--among", "checkpoint", "--output", file)  # fmt: skip
    assert json.loads(file.read_text())["accuracy"] == among_both["accuracy"]


def test_prediction_of_a_folder(trained, stripes, tmp_path):
    out, _ = trained
    table = tmp_path / "predictions.csv"
    run(COMMAND, "predict", stripes, "--checkpoint", out, "--out", table, "--top-k", 2)
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 160
    best = [row for row in rows if row["rank"] == "1"]
    assert np.mean([Path(row["file"]).parent.name == row["class"] for row in best]) >= 0.9
    assert all(float(row["probability"]) >= 0.5 for row in best)


def test_prediction_lists_what_it_cannot_read_and_does_the_rest(trained, stripes, tmp_path):
    out, _ = trained
    (tmp_path / "broken.jpg").write_bytes(b"not an image")
    (tmp_path / "good.png").write_bytes((stripes / "along" / "0.png").read_bytes())
    done = run(COMMAND, "predict", tmp_path, "--checkpoint", out, "--top-k", 1, check=False)
    assert done.returncode == 1
    assert "broken.jpg" in done.stderr
    broken, good = csv.DictReader(done.stdout.splitlines())
    assert (broken["file"], broken["class"], good["error"]) == (str(tmp_path / "broken.jpg"), "", "")
    assert "not a readable image" in broken["error"]
    assert (good["file"], good["class"]) == (str(tmp_path / "good.png"), "along")


def test_a_finished_run_is_not_run_again_unless_asked(trained, stripes):
    out, _ = trained
    written = (out / "results.json").stat().st_mtime_ns
    command = ["train.py", "--config", "class-folders", "--data-dir", stripes, "--method", "full",
               "--train-text", "T0", "--epochs", 12, "--output-dir", out]  # fmt: skip
    done = run(*command)
    assert "--overwrite" in done.stderr
    assert (out / "results.json").stat().st_mtime_ns == written


def test_another_run_does_not_replace_a_finished_one_unless_asked(trained, stripes):
    out, _ = trained
    before = (out / "results.json").read_bytes()
    command = ["train.py", "--config", "class-folders", "--data-dir", stripes, "--method", "full", "--train-text", "T0",
               "--epochs", 1, "--seed", 7, "--output-dir", out]  # fmt: skip
    done = run(*command, check=False)
    assert done.returncode == 2
    assert "epochs (12, now 1), seed (0, now 7)" in done.stderr
    assert "--overwrite" in done.stderr
    assert (out / "results.json").read_bytes() == before


@pytest.mark.parametrize("method", ["clip-adapter", "lora"])
def test_adapters_reload_to_the_same_numbers(method, stripes, tmp_path):
    out, file = tmp_path / "out", tmp_path / "eval.json"
    run("train.py", "--config", "class-folders", "--data-dir", stripes, "--method", method, "--train-text", "T0",
        "--epochs", 2, "--lr", 0.01, "--output-dir", out)  # fmt: skip
    run("eval.py", "--checkpoint", out, "--output", file)
    assert json.loads(file.read_text())["per_class"] == results(out)["per_class"]
    weights = load_file(out / "adapter_model.safetensors")
    trained = [tensor for name, tensor in weights.items() if "lora_A" not in name]
    assert all(tensor.abs().max() > 0 for tensor in trained), "LoRA's B begins at zero"


def test_sample_trains_from_t3_and_tests_with_t0(tmp_path):
    out, file = tmp_path / "out", tmp_path / "eval.json"
    run("train.py", "--recipe", "quickstart", "--epochs", 2, "--output-dir", out)
    found = results(out)
    assert (found["n_train"], found["n_test"], len(found["classes"])) == (700, 300, 25)
    assert found["accuracy"] > 2 / 25
    run("eval.py", "--checkpoint", out, "--output", file)
    assert json.loads(file.read_text())["accuracy"] == found["accuracy"]


def test_another_seed_encodes_nothing_again(stripes, tmp_path):
    command = ["train.py", "--config", "class-folders", "--data-dir", stripes, "--method", "clip-adapter",
               "--train-text", "T0", "--epochs", 1]  # fmt: skip
    encoded = []
    for seed in (0, 1):
        run(*command, "--seed", seed, "--output-dir", tmp_path / str(seed))
        encoded.append(results(tmp_path / str(seed))["encoded"])
    assert encoded[1] == {"images": 0, "texts": 0}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--learning-rate", "1"], "--learning-rate"),
        (["--config", "sample", "--epochs", "many"], "--epochs"),
        (["--data-dir", "no/such/folder"], "no/such/folder"),
        (["--config", "sample", "--model", "no/such/folder/here"], "no/such/folder/here"),
        (["--config", "sample", "--recipe", "nonsense"], "task2"),
        (["--recipe", "quickstart", "--data-dir", "."], "reads no folder"),
        ([], "take the config"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said_in_one_line(flags, message, tmp_path):
    done = run("train.py", *flags, "--output-dir", tmp_path / "out", check=False)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert message in lines[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "config.json").exists()


def test_a_text_level_that_the_data_lack(stripes, tmp_path):
    done = run("train.py", "--config", "class-folders", "--data-dir", stripes, "--train-text", "T3",
               "--output-dir", tmp_path / "out", check=False)  # fmt: skip
    assert done.returncode == 2
    assert "no T3 text" in done.stderr
    assert "T0" in done.stderr.splitlines()[-1]


def test_a_killed_run_leaves_nothing_that_loads(stripes, tmp_path):
    out = tmp_path / "out"
    Command(
        "train.py", "--config", "class-folders", "--data-dir", stripes, "--method", "full", "--train-text", "T0",
        "--epochs", 100_000, "--output-dir", out,
    ).kill_when(lambda: (out / "log.jsonl").exists() and (out / "log.jsonl").read_text())  # fmt: skip
    done = run("eval.py", "--checkpoint", out, "--config", "class-folders", "--data-dir", stripes, check=False)
    assert done.returncode == 2
    assert "no checkpoint" in done.stderr

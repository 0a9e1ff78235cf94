"""The commands train and eval are train.py and eval.py."""

import json
import subprocess
import sys

import pytest

from tests.commands import COMMAND, ROOT, run

TRAIN = ["--config", "class-folders", "--method", "full", "--train-text", "T0", "--tracker", "none", "--epochs", "1"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    for name, level in (("dark", 50), ("bright", 200)):
        (folder / name).mkdir()
        for n in range(8):
            Image.new("L", (40, 40), level + n).save(folder / name / f"{n}.png")
    return folder


@pytest.mark.integration
def test_train_and_eval_do_what_the_programs_do(images, tmp_path):
    words = [*TRAIN, "--data-dir", images]
    command = run(COMMAND, "train", *words, "--output-dir", tmp_path / "command", cwd=tmp_path)
    program = run("train.py", *words, "--output-dir", tmp_path / "program")
    assert command.stdout.replace("command", "program") == program.stdout
    results = [json.loads((tmp_path / name / "results.json").read_text()) for name in ("command", "program")]
    assert results[0]["recipe"] == results[1]["recipe"]
    assert results[0]["per_class"] == results[1]["per_class"]
    command = run(COMMAND, "eval", "--checkpoint", tmp_path / "command", cwd=tmp_path)
    program = run("eval.py", "--checkpoint", tmp_path / "command")
    assert command.stdout == program.stdout


def test_validation_is_a_share_of_training_and_reported_on_in_place_of_the_test_split(images, tmp_path):
    """Of eight images of each class six train: with a third of these held out, four."""
    run(COMMAND, "train", *TRAIN, "--data-dir", images, "--validation", "0.33", "--output-dir", "out", cwd=tmp_path)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (results["evaluated_on"], results["n_train"], results["n_test"]) == ("validation", 8, 4)


def test_each_calls_itself_by_its_name(tmp_path):
    for words, name in (([COMMAND, "train"], "steeldefectx train"), (["train.py"], "train.py"),
                        ([COMMAND, "eval"], "steeldefectx eval"), (["eval.py"], "eval.py")):  # fmt: skip
        done = run(*words, "--nonsense", cwd=ROOT, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith(f"{name}: ")


def test_the_module_for_launchers_is_the_program():
    done = subprocess.run(
        [sys.executable, "-m", "steeldefectx.train", "--data-dir", "no/such/folder"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("train.py: ")
    assert "no/such/folder" in line


def test_pretrain_refuses_in_one_line():
    done = run(COMMAND, "pretrain", "--renderer", "nonsense", check=False)
    assert (done.returncode, done.stderr) == (2, "steeldefectx: renderer is varied or sample, not 'nonsense'.\n")

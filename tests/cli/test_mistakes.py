"""The first mistakes of a newcomer: each is answered at once, in one line that says what to do."""

import resource
import shlex
import socket
import subprocess
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from steeldefectx.cli import extras
from steeldefectx.cli.app import app

SECONDS = 2.0
"""That an answer may take, in the processor's time: of the clock's there is more where others work, too."""
OF_TORCH = 0.8
"""Of what importing torch takes, on machines where that is more: slow ones are slow at all."""
MISTAKES = {
    "predict nowhere/ --checkpoint embedded": "nowhere: no such file or folder",
    "predict imagse/ --checkpoint embedded": "Did you mean {here}/images?",
    "predict empty/ --checkpoint embedded": "an empty folder",
    "predict images/": "Missing option '--checkpoint'. For example: steeldefectx predict images/ --checkpoint embedded",
    "predict images/ --checkpoint embeded": "embeded: no such checkpoint folder. Did you mean embedded?",
    "predict images/ --checkpoint runs/latets": "Did you mean runs/latest?",
    "predict images/ --checkpoint images/scratch/0.png": "a file; a checkpoint is a folder",
    "predict images/ --checkpoint embedded --out p.xlsx": "end its name in one of .csv, .jsonl, .parquet, .html",
    "predict images/ --checkpoint embedded --out images/scratch/0.png/p.csv": "a file stands where a folder is needed",
    "predict images/ --checkpoint embedded --out /proc/q/p.csv": "cannot be written there",
    "predict images/ --checkpoint embedded --classes classes.yaml": "classes.yaml: no such file",
    "predict images/ --checkpiont embedded": "--checkpoint",
    "predcit images/": "Did you mean 'predict'?",
    "explain nowhere.png --checkpoint embedded": "no such file or folder",
    "explain images/ --checkpoint embedded --config defualt": "Did you mean default?",
    "search scratch --checkpoint embedded --config defualt": "Did you mean default?",
    "explain images/ --checkpoint embedded --out images/scratch/0.png": "a file; name a folder",
    "search --checkpoint embedded": "Give one of QUERY, --image FILE and --recall.",
    "search scratch --checkpoint embedded --data-dir nowhere/": "no such folder",
    "demo --checkpoint embeded": "Did you mean embedded?",
    "demo --checkpoint embedded --port {port}": "Port {port} of 127.0.0.1 cannot be listened on; give another --port",
    "train --epoch 3": "did you mean --epochs?",
    "train --recipe quickstrat": "Did you mean quickstart?",
    "train --method loar": "invalid choice: 'loar'",
    "train --config class-folder --data-dir images/": "Did you mean class-folders?",
    "train --config class-folders --data-dir imagse/": "Did you mean {here}/images?",
    "train --config class-folders --data-dir empty/": "an empty folder",
    "train --config class-folders --data-dir images/ --output-dir /proc/q": "cannot be written there",
    "train --config class-folders --data-dir images/ --model embedde": "Did you mean embedded?",
    "eval --checkpoint runs/latets": "Did you mean runs/latest?",
    "audit nowhere/ --out audit": "no such folder",
    "audit images/": "Missing option '--out'. For example: steeldefectx audit raw/ --out audit",
    "build nowhere/ --out out": "no such folder",
    "benchmark quikc --out b": "Did you mean quick?",
    "report nowhere/": "no such folder",
    "export-onnx runs/latest runs/onnx": "steeldefectx export-onnx --checkpoint runs/latest --out runs/onnx",
    "calibrate nowhere/ --checkpoint runs/latest": "no such folder",
    "push-model nowhere/ me/steel": "no such folder",
    "review --store nowhere.db": "annotate",
}
"""What is typed -> what the answer holds."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with class folders, a run's folder and an empty one; and a port that is taken."""
    (tmp_path / "images" / "scratch").mkdir(parents=True)
    Image.new("L", (32, 32), 90).save(tmp_path / "images" / "scratch" / "0.png")
    (tmp_path / "runs" / "latest").mkdir(parents=True)
    (tmp_path / "runs" / "latest" / "results.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def assert_answered(typed, answer, returncode, printed):
    assert returncode == 2, f"{typed}\n{printed}"
    (line,) = printed.splitlines()
    assert answer in line, f"{typed}\n{line}"
    assert line.startswith("steeldefectx")
    assert "Errno" not in line
    assert "Traceback" not in line


@pytest.mark.parametrize("typed", MISTAKES)
def test_a_mistake_is_answered_in_one_line(typed, here, port):
    done = CliRunner().invoke(app, shlex.split(typed.format(port=port)), prog_name="steeldefectx")
    assert_answered(typed, MISTAKES[typed].format(here=here, port=port), done.exit_code, done.stderr)


def timed(*words):
    """A Python process that has ended, and the processor's time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds_of(typed, answer):
    """The processor's time that an answer took."""
    done, seconds = timed("-m", "steeldefectx", *shlex.split(typed))
    assert_answered(typed, answer, done.returncode, done.stderr)
    return seconds


@pytest.mark.integration
def test_each_takes_two_seconds_at_most(here, port):
    late, limit = {}, max(SECONDS, OF_TORCH * timed("-c", "import torch")[1])
    for typed, answer in MISTAKES.items():
        asked = typed.format(port=port), answer.format(here=here, port=port)
        if seconds_of(*asked) > limit and (again := seconds_of(*asked)) > limit:  # files may have come from the disk
            late[typed] = again
    assert not late


@pytest.mark.parametrize(
    ("typed", "extra"),
    [("demo --checkpoint embedded --port 0", "demo"), ("export-onnx --checkpoint embedded --out onnx", "onnx")],
)
def test_a_missing_extra_is_named_before_anything_is_loaded(typed, extra, here, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    done = CliRunner().invoke(app, shlex.split(typed), prog_name="steeldefectx")
    assert_answered(typed, f"pip install 'steeldefectx[{extra}]'", done.exit_code, done.stderr)


def test_a_class_folder_that_is_spelled_nearly_right_is_named_with_the_class(here):
    from steeldefectx.data.labelled import load_data

    for number in range(6):
        for name in ("scratchs", "crazing"):
            (here / "mine" / name).mkdir(parents=True, exist_ok=True)
            Image.effect_noise((40, 40), 20 + 30 * number).save(here / "mine" / name / f"{number}.png")
    data = load_data("class-folders", str(here / "mine"), split_by="rule")
    assert "none but their names: scratchs (did you mean Bright scratch?)" in data.origins
    assert data.split("train").level("T1")[-1] == "A photo of steel surface defect: scratchs."

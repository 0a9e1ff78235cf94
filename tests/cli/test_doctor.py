"""doctor says what is there and what is not; cache shows and clears."""

import json
import socket
import time

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from steeldefectx.cli import doctor
from steeldefectx.cli.app import app
from steeldefectx.utils.hub_connection import reach


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path))
    return tmp_path


def test_a_whole_installation_is_found_whole(home, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    done = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.stderr
    assert str(home) in done.output
    assert "token set" in done.output
    assert "hf_secret" not in done.output
    assert "offline, by HF_HUB_OFFLINE" in done.output
    assert 'pip install "steeldefectx[' not in done.output.replace("\n", "")


def test_json_holds_the_same(home):
    report = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert report["problems"] == []
    assert report["packages"]["torch"]
    assert set(report["extras"]) >= {"annotate", "demo", "onnx", "postgres"}
    assert report["devices"]["cpu_cores"] >= 1
    assert report["hub"] == {"endpoint": constants.ENDPOINT, "state": "offline, by HF_HUB_OFFLINE",
                             "token": report["hub"]["token"]}  # fmt: skip


def test_what_is_missing_or_too_old_is_said_with_the_remedy(home, monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda _: ["no-such-package>=2", "numpy>=99", "torch; extra == 'x'"])
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "no-such-package is not installed: pip install 'no-such-package>=2'" in done.stderr
    assert "pip install 'numpy>=99'" in done.stderr


def test_a_hub_that_does_not_answer_is_given_two_seconds(monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        state = reach(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "not reachable" in state
    assert time.monotonic() - started < 4


def test_the_cache_is_shown_and_cleared(home):
    for name in ("features/a/1.safetensors", "pixels/2.npy"):
        file = home / "steeldefectx" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 1500)
    (home / "hub").mkdir()
    shown = CliRunner().invoke(app, ["cache"]).output
    assert shown.count("1.5 kB") == 2
    assert "3.0 kB" in shown
    assert "0 hours" in shown
    assert "Removed 3.0 kB" in CliRunner().invoke(app, ["cache", "--clear"]).output.replace("\n", " ")
    assert not list((home / "steeldefectx").iterdir())
    assert (home / "hub").is_dir()
    assert "empty" in CliRunner().invoke(app, ["cache"]).output

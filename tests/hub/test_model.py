"""A trained model to the Hub and back, over HTTP: pushed by the command, loaded by its name in another process."""

import contextlib
import getpass
import io
import json
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from PIL import Image
from sklearn.metrics import confusion_matrix

from steeldefectx.data import labelled as training_data
from steeldefectx.data.builder import load_dataset
from steeldefectx.hub.model_card import PublishedRun, model_card
from steeldefectx.metrics.scores import scores
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.loading import read_object
from steeldefectx.taxonomy import T0_TEMPLATE
from steeldefectx.training.config import TrainConfig, load_recipe
from steeldefectx.training.run import run
from tests.hub_server import TOKEN, HubServer, card_errors

ROOT = Path(__file__).parents[2]
REPO = "steelworks/tiny"
COMMANDS = """
import contextlib, io, json, os, sys
from steeldefectx.cli.app import app
from steeldefectx.cli.training import train_main

for line in sys.stdin:
    words, token = json.loads(line)
    os.environ.pop("HF_TOKEN", None)
    if token:
        os.environ["HF_TOKEN"] = token
    sys.argv, out, err, code = words, io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            train_main() if words[0] == "train.py" else app()
        except SystemExit as left:
            code = left.code or 0
    print("\\0" + json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
"""The commands of a user, one after the other in a process whose Hub is the one on loopback."""
PROBABILITIES = """
import json, sys
import numpy as np
from PIL import Image
from steeldefectx import SteelDefectClassifier
classifier = SteelDefectClassifier.from_pretrained(sys.argv[1])
pixels = np.random.default_rng(0).integers(0, 255, (3, 64, 64), dtype=np.uint8)
found = classifier.predict([Image.fromarray(image) for image in pixels], top_k=len(classifier.classes))
print(json.dumps([[one.labels, one.probabilities] for one in found]))
"""


CALIBRATION = {"temperature": 2.0, "fitted_on": "10 images", "images": 10, "nll_before": 2.0, "nll_after": 1.0,
               "calibration_error_before": 0.2, "calibration_error_after": 0.1}  # fmt: skip


@pytest.fixture(scope="module")
def hub():
    with HubServer() as server:
        yield server


@pytest.fixture(scope="module")
def command(hub, tmp_path_factory):
    process = subprocess.Popen(
        [sys.executable, "-c", COMMANDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        stderr=(tmp_path_factory.mktemp("log") / "stderr").open("w"),
        env=hub.environment(tmp_path_factory.mktemp("home"), token=None) | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip

    def run_one(*words, token=TOKEN):
        process.stdin.write(json.dumps([[str(word) for word in words], token]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        while not line.startswith("\0"):
            assert line, "the process ended"
            line = process.stdout.readline()
        return json.loads(line[1:])

    yield run_one
    process.stdin.close()
    process.wait(timeout=60)


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory):
    """``tiny`` trained on the synthetic sample, of which there are 100 small images here."""
    folder = tmp_path_factory.mktemp("home of alice") / "runs" / "sample"
    small = partial(load_dataset, images=100, image_size=32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_data, "load_dataset", small)
        data = training_data.load_data("sample", None, t0_template=T0_TEMPLATE)
    run(settings(folder, config="sample", method="full", train_text="T1"), data)
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Class folders whose names a careless card would break on."""
    folder, rng = tmp_path_factory.mktemp("secret plant") / "images", np.random.default_rng(0)
    for name, level in (("dark|pit", 60), ("<b>bright</b> $x$", 190)):
        (folder / name).mkdir(parents=True)
        for n in range(8):
            pixels = rng.normal(level, 20, (32, 32)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{n}.png")
    return folder


@pytest.fixture(scope="module")
def two_runs(images, tmp_path_factory):
    """A model of its own, and an adapter with its base."""
    folders = [tmp_path_factory.mktemp("runs") / name for name in ("full", "clip-adapter")]
    for folder in folders:
        train(images, folder, method=folder.name)
    return folders


def settings(folder, **changes):
    return TrainConfig(**{"model": "tiny", "epochs": 1, "tracker": "none", "output_dir": str(folder), **changes})


def train(images, folder, **changes):
    found = training_data.load_data("class-folders", str(images), t0_template=T0_TEMPLATE)
    own = {"config": "class-folders", "data_dir": str(images), "train_text": "T0", "batch_size": 6}
    return run(settings(folder, **own, **changes), found)


def tree(hub, repo=REPO):
    return {path: file.data for path, file in hub.repos["models", repo].tree().items()}


def probabilities(name):
    """Of all classes, for three images, to the last bit; as the script above gives them."""
    torch.set_num_threads(1)  # as in the other process: sums are rounded in their order
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", ["-c", str(name)])
        exec(PROBABILITIES, {})
    return json.loads(printed.getvalue())


def written(hub, folder, repo=REPO):
    """What was pushed, as files."""
    for path, data in tree(hub, repo).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.mark.integration
def test_a_model_trained_on_the_sample_is_loaded_by_name_elsewhere_to_the_same_probabilities(
    hub, command, sample_run, tmp_path
):
    (sample_run / "my notes.json").write_text('"not for others"')
    (sample_run / "calibration.json").write_text(json.dumps(CALIBRATION))
    code, out, err = command("steeldefectx", "push-model", sample_run, REPO)
    assert (code, out.strip()) == (0, f"{hub.url}/{REPO}"), err
    repo = hub.repos["models", REPO]
    assert repo.private
    assert hub.requests["commit"] == 1
    assert {path for path, file in repo.tree().items() if file.lfs} == {"model.safetensors", "confusion.png"}
    assert set(repo.tree()) == {
        *("README.md", "calibration.json", "class_texts.json", "config.json", "confusion.png", "model.safetensors"),
        *("preprocessor_config.json", "recipe.yaml", "results.json", "tokenizer.json", "tokenizer_config.json"),
    }, "and nothing else of the folder"

    # The card's own example, in a process that has never seen the model.
    Image.new("L", (64, 64), 128).save(tmp_path / "strip.jpg")
    example = re.search(r"```python\n(.*?)```", tree(hub)["README.md"].decode(), re.DOTALL)[1]
    environment = hub.environment(tmp_path / "clean") | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", f"{PROBABILITIES}\n{example}", REPO], cwd=tmp_path, env=environment, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    first, prediction = done.stdout.splitlines()
    assert json.loads(first) == probabilities(sample_run)
    assert prediction.startswith("['")

    commits, sent = hub.requests["commit"], hub.requests["lfs-put"]
    assert command("steeldefectx", "push-model", sample_run, REPO, "--public")[0] == 0
    assert (hub.requests["commit"], hub.requests["lfs-put"]) == (commits, sent)
    assert repo.private, "a repository that exists stays as it is"


def test_the_card_says_what_the_run_found(hub, command, sample_run, tmp_path):
    if ("models", REPO) not in hub.repos:
        command("steeldefectx", "push-model", sample_run, REPO)
    files, found = tree(hub), json.loads((sample_run / "results.json").read_text())
    assert card_errors(files["README.md"].decode()) == []
    (tmp_path / "README.md").write_bytes(files["README.md"])
    card = ModelCard.load(tmp_path / "README.md")
    assert (card.data.pipeline_tag, card.data.license, card.data.library_name) == (
        "zero-shot-image-classification",
        "mit",
        "steeldefectx",
    )
    assert {result.metric_type: result.metric_value for result in card.data.eval_results} == {
        key: found[key] for key in ("accuracy", "mean_accuracy", "macro_f1", "calibration_error")
    }
    assert {(r.dataset_type, r.dataset_split) for r in card.data.eval_results} == {("sample", "test")}
    assert "synthetic" in card.data.eval_results[0].dataset_name
    assert "synthetic-data" in card.data.tags
    assert "**All images it was trained and tested on are synthetic.**" in card.text
    assert "T1 texts" in card.text
    for name, recall in found["per_class"].items():
        assert re.search(rf"\| {name} \| 1 \| {100 * recall:.2f} \|", card.text)
    recipe = re.search(r"```yaml\n(.*?)```", card.text, re.DOTALL)[1]
    (tmp_path / "recipe.yaml").write_bytes(files["recipe.yaml"])
    assert yaml.safe_load(recipe) == found["recipe"] == load_recipe(str(tmp_path / "recipe.yaml"))
    with Image.open(io.BytesIO(files["confusion.png"])) as picture:
        assert min(picture.size) > 600
        assert len(set(picture.convert("L").resize((64, 64)).getdata())) > 20, "something is drawn"


@pytest.mark.parametrize(("kind", "answered"), [("lfs-put", 1), ("commit", 0), ("validate-yaml", 0)])
def test_a_push_that_breaks_off_leaves_the_repository_as_it_was(hub, command, two_runs, tmp_path, kind, answered):
    repo = f"steelworks/broken-{kind}"
    first, second = two_runs
    assert command("steeldefectx", "push-model", first, repo)[0] == 0
    before = tree(hub, repo)
    assert "model.safetensors" in before
    hub.refuse[kind] = answered
    code, _, err = command("steeldefectx", "push-model", second, repo)
    hub.refuse.clear()
    assert code == 2
    assert "Nothing was changed; push again" in err
    assert "Traceback" not in err
    assert tree(hub, repo) == before

    code, _, err = command("steeldefectx", "push-model", second, repo)
    assert code == 0, err
    assert "model.safetensors" not in tree(hub, repo), "of another checkpoint"
    assert probabilities(written(hub, tmp_path / "again", repo)) == probabilities(second)


def base_folder(tmp_path):
    """A pretrained CLIP in a folder of this machine."""
    folder = tmp_path / "models of alice" / "clip"
    save_checkpoint(load_clip("tiny"), None, folder)
    return folder


@pytest.mark.parametrize("method", ["clip-adapter+lora", "full"])
def test_nothing_of_this_machine_is_published_and_a_local_base_comes_along(hub, command, images, tmp_path, method):
    base, run_folder, repo = base_folder(tmp_path), tmp_path / "run", f"steelworks/local-{method.replace('+', '-')}"
    train(images, run_folder, method=method, model=str(base))
    assert command("steeldefectx", "push-model", run_folder, repo)[0] == 0
    files = tree(hub, repo)
    for path, data in files.items():
        for word in (str(tmp_path), str(images), "alice", "secret plant", str(Path.home()) + "/", TOKEN):
            assert word.encode() not in data, path
    assert getpass.getuser() not in files["README.md"].decode().split()
    published = json.loads(files["results.json"])
    assert (published["model"], published["dataset"]) == ("local", "local")
    assert published["recipe"]["data_dir"] == "local"
    card = ModelCard(files["README.md"].decode())
    assert (card.data.base_model, card.data.license, card.data.datasets) == (None, None, None)
    assert card.data.library_name == "steeldefectx"
    assert "a model that is not on the Hub" in card.text

    expected = probabilities(run_folder)
    shutil.rmtree(base)
    again = written(hub, tmp_path / "again", repo)
    assert probabilities(again) == expected
    if method != "full":
        assert read_object(again / "adapter_config.json")["base_model_name_or_path"] == "base"


def test_an_image_classifiers_card(hub, command, images, tmp_path):
    run_folder = tmp_path / "run"
    found = train(images, run_folder, method="classifier", model="shufflenet-v2", image_size=32)
    code, _, err = command("steeldefectx", "push-model", run_folder, "steelworks/shuffle", "--public")
    assert code == 0, err
    assert not hub.repos["models", "steelworks/shuffle"].private
    files = tree(hub, "steelworks/shuffle")
    card = ModelCard(files["README.md"].decode())
    assert card.data.pipeline_tag == "image-classification"
    assert card_errors(files["README.md"].decode()) == []
    assert "T0" not in card.text.split("## Training")[0]
    assert rf"| dark\|pit | 2 | {100 * found['per_class']['dark|pit']:.2f} |" in card.text
    assert "<b>" not in card.text
    assert probabilities(written(hub, tmp_path / "again", "steelworks/shuffle")) == probabilities(run_folder)


def test_train_checks_the_token_first_pushes_last_and_says_how_to_finish(hub, command, images, tmp_path):
    out = tmp_path / "out"
    words = ["train.py", "--config", "class-folders", "--data-dir", images, "--method", "clip-adapter", "--train-text",
             "T0", "--epochs", 1, "--tracker", "none", "--output-dir", out, "--push-to-hub"]  # fmt: skip
    for repo, token, message in (
        ("steelworks/trained", None, "set HF_TOKEN"),
        ("steelworks/trained", "hf_wrong_secret", "does not accept the token"),
        ("others/trained", TOKEN, "may not write there"),
        ("trained", TOKEN, "write OWNER/NAME"),
    ):
        code, _, err = command(*words, repo, token=token)
        assert code == 2
        assert message in err
        assert "secret" not in err.replace(str(images), "")
        assert not out.exists()

    hub.refuse["commit"] = 0
    code, printed, err = command(*words, "steelworks/trained")
    hub.refuse.clear()
    assert code == 2
    assert f"steeldefectx push-model {out} steelworks/trained" in err
    assert "mAcc" in printed
    assert (out / "results.json").is_file()
    assert not tree(hub, "steelworks/trained")

    trained = (out / "results.json").stat().st_mtime_ns
    code, printed, err = command(*words, "steelworks/trained")
    assert code == 0, err
    assert f"Pushed to {hub.url}/steelworks/trained" in printed
    assert (out / "results.json").stat().st_mtime_ns == trained, "a finished run is pushed, not run again"
    assert probabilities(written(hub, tmp_path / "again", "steelworks/trained")) == probabilities(out)
    for file in (file for file in out.rglob("*") if file.is_file()):
        assert TOKEN.encode() not in file.read_bytes()


def test_what_is_no_finished_run_is_refused(command, two_runs, tmp_path):
    (tmp_path / "empty").mkdir()
    save_checkpoint(load_clip("tiny"), {"a": ["a"]}, tmp_path / "unfinished")
    for folder, message in (
        ("none", "no such folder"),
        ("empty", "has not finished"),
        ("unfinished", "has not finished"),
    ):
        code, _, err = command("steeldefectx", "push-model", tmp_path / folder, REPO)
        assert code == 2
        assert message in err
    shutil.copytree(two_runs[1], tmp_path / "run")
    (tmp_path / "run" / "class_texts.json").write_text("[]")
    code, _, err = command("steeldefectx", "push-model", tmp_path / "run", "steelworks/wrong")
    assert code == 2
    assert "no label map" in err


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_card_names_base_and_data_set_that_are_on_the_hub(two_runs, method):
    found = json.loads((two_runs[0] / "results.json").read_text())
    found |= {
        "model": "openai/clip-vit-base-patch32",
        "model_revision": "f" * 40,
        "config": "default",
        "method": method,
    }
    found["recipe"] |= {"model": found["model"], "config": "default", "data_dir": None}
    content = model_card(PublishedRun(found, REPO, "peft", is_adapter=method == "lora"))
    card = ModelCard(content)
    assert card_errors(content) == []
    assert card.data.base_model == "openai/clip-vit-base-patch32"
    assert card.data.base_model_relation == {"lora": "adapter", "full": "finetune"}[method]
    assert card.data.datasets == ["Zhaosxian/SteelDefectX"]
    assert card.data.license is None, "of the images' sources, some state none"
    assert "ffffffffffff" in card.text


def test_confusion_is_what_scikit_learn_counts():
    rng = np.random.default_rng(0)
    labels, found = rng.integers(0, 4, 60), torch.from_numpy(rng.normal(size=(60, 5))).float()
    classes = ["a", "b", "c", "d", "e"]
    counts = scores(found, labels, classes)["confusion"]
    ours = [[counts.get(a, {}).get(b, 0) for b in classes] for a in classes]
    assert ours == confusion_matrix(labels, found.argmax(1).numpy(), labels=range(5)).tolist()

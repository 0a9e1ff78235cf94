"""Metrics, data set folders and rows in ``evaluate``, ``datasets`` and ``torch``, without help of this package."""

import json
import subprocess
import sys

import pytest

import steeldefectx
from tests.commands import COMMAND, run
from tests.ecosystem.test_transformers import outside

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sample, as ``steeldefectx build`` writes it."""
    folder = tmp_path_factory.mktemp("built") / "sample"
    run(COMMAND, "build", "--config", "sample", "--out", folder)
    return folder


def test_a_metric_is_loaded_by_its_path():
    program = """
import json, sys, evaluate
metrics = [evaluate.load(path) for path in sys.argv[1:]]
print(json.dumps([metric.compute(predictions=[0, 0, 1, 1], references=[0, 0, 0, 1]) for metric in metrics]))
"""
    names = ("accuracy", "mean_accuracy", "macro_f1")
    computed = outside(program, *map(steeldefectx.metrics.path, names), blocked=False)
    for name, values in zip(names, computed, strict=True):
        function = getattr(steeldefectx.metrics, name)
        assert values[name] == pytest.approx(function([0, 0, 1, 1], [0, 0, 0, 1]))


def test_a_built_folder_is_a_data_set(built):
    program = """
import json, datasets
rows = datasets.load_dataset(sys.argv[1], split="test")
row = rows[0]
print(json.dumps([len(rows), rows.column_names, row["image"].size, row["T3"], rows.features["label"].names]))
"""
    rows = steeldefectx.load_dataset("sample", split="test")
    expected = [len(rows), rows.column_names, list(rows[0]["image"].size), rows[0]["T3"]]
    assert outside(program, built) == [*expected, rows.features["label"].names]


def test_rows_go_through_a_dataloader_whose_workers_are_spawned(tmp_path):
    file = tmp_path / "loading.py"
    file.write_text("""
import json
import steeldefectx
import torch
from datasets import load_dataset


def collate(rows):
    return torch.tensor([row["label"] for row in rows]), [row["T0"] for row in rows], len(rows[0]["image"].getbands())


if __name__ == "__main__":
    rows = load_dataset("steeldefectx", "sample", split="test")
    loader = torch.utils.data.DataLoader(
        rows, batch_size=100, num_workers=2, multiprocessing_context="spawn", collate_fn=collate
    )
    labels, texts = [], []
    for some, sentences, _ in loader:
        labels += some.tolist()
        texts += sentences
    print(json.dumps([labels == list(rows["label"]), texts == list(rows["T0"]), len(labels)]))
""")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [True, True, 300]

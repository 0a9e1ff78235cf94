"""Grids that run: nothing twice, nothing lost, the test split closed while a method is fitted."""

import json
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from steeldefectx import metrics
from steeldefectx.benchmark import few_shot, tasks
from steeldefectx.benchmark.grid import Cell, load_grid
from steeldefectx.benchmark.result_lines import Outcome
from steeldefectx.benchmark.results_file import read_lines
from steeldefectx.benchmark.runner import _apart, _Worker, run_grid
from steeldefectx.benchmark.tasks import Workbench
from steeldefectx.data.labelled import Data, class_texts
from steeldefectx.utils.results import RESULTS, Stopwatch, write_json
from tests.commands import COMMAND, Command

GRID = """
config: class-folders
model: tiny
cells:
  - {task: task3, method: zero-shot, test_text: T0}
  - {task: task3, method: logistic-regression, shots: [1, 2, 4], test_text: T0}
  - {task: task3, method: tip-adapter, shots: 2, test_text: T0, choose: [true, false]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stripes, blobs and plain noise, 12 images each."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name in ("stripes", "blobs", "plain"):
        (folder / name).mkdir()
        for n in range(12):
            grey = rng.normal(120, 10, (48, 48))
            if name == "stripes":
                grey[:, n % 8 :: 8] += 80
            elif name == "blobs":
                grey[10 + n : 25 + n, 15:30] -= 80
            Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(folder / name / f"{n}.png")
    return folder


def cell(folder, **settings):
    return Cell(**{"task": "task3", "model": "tiny", "config": "class-folders", "data_dir": str(folder), **settings})


def benchmark(grid, out, folder, *flags):
    return Command(COMMAND, "benchmark", grid, "--out", out, "--data-dir", folder, *flags)


def lines(out):
    file = out / "results.jsonl"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.integration
def test_a_grid_killed_in_mid_run_and_started_again_runs_no_cell_twice(folder, tmp_path):
    grid, out = tmp_path / "grid.yaml", tmp_path / "out"
    grid.write_text(GRID)
    benchmark(grid, out, folder).kill_when(lambda: lines(out))
    first = lines(out)
    assert 0 < len(first) < 6
    with open(out / "results.jsonl", "a") as file:
        file.write('{"cell": "half a li')  # what a kill within a write leaves
    again = benchmark(grid, out, folder).ended()
    assert f"6 cells: {len(first)} were there, {6 - len(first)} run, 0 failed." in again.stdout
    whole = [json.loads(line) for line in lines(out) if line.endswith("}")]
    assert Counter(line["cell"] for line in whole) == dict.fromkeys((line["cell"] for line in whole), 1)
    assert len(whole) == 6
    assert [json.loads(line) for line in first] == whole[: len(first)]
    summary = run_grid(load_grid(str(grid), str(folder)), out)
    assert (summary.found, summary.done, summary.failed) == (6, 0, 0)


def test_a_line_says_all_and_its_predictions_give_its_numbers(folder, tmp_path):
    run_grid([cell(folder, method="logistic-regression", shots=4, test_text="T0", seed=3)], tmp_path)
    (line,) = read_lines(tmp_path).values()
    assert (line["status"], line["shots"], line["seed"], line["n_train"], line["n_test"]) == ("done", 4, 3, 12, 9)
    assert line["train_counts"] == {"blobs": 4, "plain": 4, "stripes": 4}
    table = pq.read_table(tmp_path / line["predictions"]).to_pydict()
    found = table["prediction"], table["label"]
    assert metrics.accuracy(*found) == line["accuracy"]
    assert metrics.macro_f1(*found) == line["macro_f1"]
    assert metrics.calibration_error(*found, table["confidence"]) == pytest.approx(line["calibration_error"], abs=1e-6)
    assert all(len(name) == 64 for name in table["image"])
    assert line["recipe"]["method"] == "logistic-regression"


def test_a_cell_that_fails_is_recorded_and_the_rest_goes_on(folder, tmp_path, capsys):
    grid = [
        cell(folder, method="no-method", shots=1, test_text="T0"),
        cell(folder, method="lp++", shots=1, test_text="T3"),
        cell(folder, method="zero-shot", test_text="T0"),
    ]
    summary = run_grid(grid, tmp_path)
    assert (summary.found, summary.done, summary.failed) == (0, 1, 2)
    errors = sorted(line["error"] or "" for line in read_lines(tmp_path).values())
    assert errors[0] == ""
    assert "have no T3 text" in errors[1]
    assert errors[2].startswith("few-shot method 'no-method': choose one of")
    again = run_grid(grid, tmp_path)
    assert (again.found, again.done, again.failed) == (1, 0, 2), "only what failed is tried again"


@pytest.mark.integration
def test_several_processes_find_what_one_does(folder, tmp_path):
    grid = [cell(folder, method="logistic-regression", shots=n, test_text="T0") for n in (1, 2, 3, 4)]
    run_grid(grid, tmp_path / "one")
    assert run_grid(grid, tmp_path / "two", processes=2).done == 4
    one, two = read_lines(tmp_path / "one"), read_lines(tmp_path / "two")
    assert {key: line["accuracy"] for key, line in one.items()} == {key: line["accuracy"] for key, line in two.items()}


def test_cells_that_share_a_training_run_are_handed_out_apart():
    base = Cell("task2", "tiny", train_text="T3", test_text="T0", config="sample", method="clip-adapter")
    grid = [replace(base, seed=seed, test_text=level) for seed in (0, 1) for level in ("T0", "T1", "T3")]
    order = [cell for _, cell in _apart(dict(enumerate(grid)))]
    assert [(cell.test_text, cell.seed) for cell in order] == [(t, s) for t in ("T0", "T1", "T3") for s in (0, 1)]


@pytest.mark.integration
def test_a_process_that_dies_costs_its_cell_and_is_replaced(folder, tmp_path):
    worker, waiting = _Worker(0, 1, tmp_path), [("a", cell(folder, method="zero-shot", test_text="T0"))]
    try:
        worker.give(waiting * 2)
        worker.process.kill()
        line = worker.take()
        assert line["status"] == "failed"
        assert "died (exit code -9)" in line["error"]
        worker.give(waiting)
        assert worker.take()["status"] == "done"
        worker.cell = None
    finally:
        worker.stop()


class Closed:
    """A split that may not be looked at until it is opened."""

    def __init__(self, split):
        self.split, self.open = split, False

    def _opened(self):
        assert self.open, "the test split was looked at before the method was fitted"
        return self.split

    def __getattr__(self, name):
        return getattr(self._opened(), name)

    def __len__(self):
        return len(self._opened())


@pytest.mark.parametrize("choose", [True, False])
def test_the_test_split_is_closed_until_a_method_is_fitted(folder, tmp_path, monkeypatch, choose):
    bench = Workbench(tmp_path)
    wanted = cell(folder, method="tip-adapter-f", shots=2, test_text="T0", choose=choose)
    data = bench.data(wanted)
    closed = Closed(data.splits["test"])
    bench._data = dict.fromkeys(bench._data, Data(data.classes, {"train": data.splits["train"], "test": closed}))
    fit = few_shot.fit

    def then_open(*args):
        found = fit(*args)
        closed.open = True
        return found

    monkeypatch.setattr(few_shot, "fit", then_open)
    assert bench.run(wanted, Stopwatch()).logits.shape == (9, 3)


def test_a_method_that_diverges_fails_and_is_not_scored(folder, tmp_path, monkeypatch):
    def diverged(*args, fit=few_shot.fit):
        predictor, *rest = fit(*args)
        return replace(predictor, logits=lambda images: predictor.logits(images) * np.nan), *rest

    monkeypatch.setattr(few_shot, "fit", diverged)
    summary = run_grid([cell(folder, method="lp++", shots=1, test_text="T0")], tmp_path)
    assert (summary.done, summary.failed) == (0, 1)
    (line,) = read_lines(tmp_path).values()
    assert "no finite numbers" in line["error"]
    assert "NaN" not in (tmp_path / "results.jsonl").read_text()


def test_where_images_lie_changes_no_id_and_what_decides_a_result_does(folder, tmp_path, monkeypatch):
    bench, wanted = Workbench(tmp_path), cell(folder, method="lp++", shots=2, test_text="T0")
    moved = tmp_path / "moved"
    moved.symlink_to(folder)
    assert bench.key(replace(wanted, data_dir=str(moved))) == bench.key(wanted)
    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    (changed / "plain" / "0.png").write_bytes((changed / "blobs" / "0.png").read_bytes())
    assert bench.key(replace(wanted, data_dir=str(changed))) != bench.key(wanted)
    others = [replace(wanted, **change) for change in (
        {"seed": 1}, {"shots": 4}, {"choose": False}, {"method": "coop"}, {"settings": {"steps": 3}},
    )]  # fmt: skip
    assert len({bench.key(other) for other in [wanted, *others]}) == 6
    trained = replace(wanted, task="task2", method=None, shots=None, train_text="T0", recipe="task2")
    same = replace(trained, recipe=None, method="clip-adapter", settings={"lr": 1e-4})
    assert bench.key(trained) == bench.key(same), "a recipe is its settings"
    assert bench.key(trained) != bench.key(replace(trained, settings={"lr": 1e-3}))
    before = bench.key(trained)
    monkeypatch.setattr(tasks, "code_hash", lambda *patterns: "another loss")
    assert bench.key(trained) != before, "what another version found is not what this one would"


@pytest.mark.integration
def test_one_training_serves_all_text_levels_it_is_tested_with(tmp_path, monkeypatch):
    """And a shuffled control, or a left-out source, is a training of its own."""
    trained = []
    run = tasks.run
    monkeypatch.setattr(tasks, "run", lambda config, data: trained.append(config.output_dir) or run(config, data))
    base = Cell("task2", "tiny", train_text="T3", test_text="T0", config="sample", method="clip-adapter")
    grid = [replace(base, test_text=level) for level in ("T0", "T1", "T3")]
    grid += [replace(base, text_control="shuffled-within-class")]
    summary = run_grid(grid, tmp_path)
    assert summary.done == 4, [line["error"] for line in read_lines(tmp_path).values()]
    assert len(trained) == len(set(trained)) == 2


def test_a_run_that_two_workers_need_at_once_is_trained_once(tmp_path, monkeypatch):
    """As two cells that differ in their test text alone do; the second waits, and finds what the first has trained."""
    trained, met = [], Barrier(2)

    def train(config, data):
        trained.append(config.output_dir)
        with suppress(BrokenBarrierError):
            met.wait(timeout=2)
        write_json({}, Path(config.output_dir) / RESULTS)

    monkeypatch.setattr(tasks, "run", train)
    monkeypatch.setattr(tasks, "_checkpoint", lambda config: config.output_dir)
    monkeypatch.setattr(tasks, "_predict", lambda cell, model, *_: Outcome(torch.zeros(0, 0), np.zeros(0), [], []))
    base = Cell("task2", "tiny", train_text="T3", test_text="T0", config="sample", method="clip-adapter")
    grid = [base, replace(base, test_text="T3")]
    benches = [Workbench(tmp_path) for _ in grid]
    for bench in benches:
        bench.data(base)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda bench, cell: bench.run(cell, Stopwatch()), benches, grid))
    assert len(trained) == 1


def test_a_control_shuffles_the_texts_of_training_alone(tmp_path, monkeypatch):
    """The classes of the test images stand by true texts, else a control would fall for a trivial reason."""
    prompts, trained_on = [], []

    def train(config, data):
        trained_on.append(data.split("train").texts["T3"])
        write_json({}, Path(config.output_dir) / RESULTS)

    def logits(model, part, texts):
        prompts.append(texts)
        return torch.zeros(len(part), len(texts))

    monkeypatch.setattr(tasks, "run", train)
    monkeypatch.setattr(tasks, "_checkpoint", lambda config: None)
    monkeypatch.setattr(tasks, "class_logits", logits)
    base = Cell("task2", "tiny", train_text="T3", test_text="T3", config="sample", method="clip-adapter")
    bench = Workbench(tmp_path)
    control = replace(base, text_control="shuffled-across-classes")
    for cell in (base, control):
        bench.run(cell, Stopwatch())
    assert trained_on[0] != trained_on[1]
    assert prompts[0] == prompts[1] == class_texts(bench.data(base), "T3")


def test_a_few_shot_control_shuffles_the_texts_of_the_shots_alone(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(few_shot, "load_method", lambda name: seen.append)
    base = Cell("task3", "tiny", method="cross-modal", test_text="T3", shots=2, config="sample")
    bench = Workbench(tmp_path)
    data, features = bench.data(base), bench.features("tiny")
    for cell in (base, replace(base, text_control="shuffled-across-classes")):
        few_shot.fit(cell, data.split("train"), data.classes, features)
    true, shuffled = seen
    assert true.classes.texts == shuffled.classes.texts
    assert true.shots.labels.equal(shuffled.shots.labels)
    assert not true.shots.texts.equal(shuffled.shots.texts)


@pytest.mark.integration
def test_transfer_is_scored_by_the_targets_own_classes(folder, tmp_path):
    target = f"class-folders:{folder}"
    base = Cell("task4", "tiny", train_text="T0", test_text="T0", config="sample", test_on=target)
    summary = run_grid(
        [replace(base, method="zero-shot", train_text=None), replace(base, settings={"epochs": 1})], tmp_path
    )
    assert summary.done == 2, [line["error"] for line in read_lines(tmp_path).values()]
    zero, trained = read_lines(tmp_path).values()
    assert zero["classes"] == trained["classes"] == ["blobs", "plain", "stripes"]
    assert zero["n_test"] == trained["n_test"] == 36, "all images: none was trained on"
    assert (zero["n_train"], trained["n_train"]) == (0, 700)
    assert trained["test_on"] == target

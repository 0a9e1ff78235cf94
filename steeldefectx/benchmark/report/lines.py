"""Result lines and predictions, read; lines that differ in their seed alone are one run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from steeldefectx.benchmark.report import statistics
from steeldefectx.errors import DataError

RESULTS = "results.jsonl"
DONE = "done"
TASKS = {
    "task1": "Task 1: vision alone",
    "task2": "Task 2: vision and language",
    "task3": "Task 3: zero-shot and few-shot",
    "task4": "Task 4: transfer to other materials",
}
CONTROLS = {
    None: "",
    "shuffled-within-class": "shuffled within classes",
    "shuffled-across-classes": "shuffled across classes",
}
ENCODER_METHODS = ("coop", "clip-lora", "full-rank")
"""Few-shot methods whose gradients run through the towers: far more to compute than the others."""
METHOD_ORDER = ("zero-shot", "classifier", "clip-adapter", "tip-adapter", "tip-adapter-f", "linear-probe", "lp++")
SETTINGS = (
    *("task", "dataset", "config", "test_on", "train_on", "model", "method", "shots"),
    *("train_text", "test_text", "text_control"),
)
"""What a run is known by in tables."""
FIELDS = (
    *("cell", "status", "error", *SETTINGS, "seed", "accuracy", "mean_accuracy", "macro_f1", "calibration_error"),
    *("head_accuracy", "medium_accuracy", "tail_accuracy", "per_class", "n_train", "n_test", "train_counts"),
    *("classes", "chosen", "validated", "seconds", "recipe", "data_fingerprint", "versions", "predictions"),
)
Cell = Mapping[str, Any]
"""One line of results: the fields of :data:`FIELDS`."""


@dataclass(frozen=True)
class Predictions:
    """What was predicted for N test images, in an order that is the same for all files of these images."""

    labels: np.ndarray
    """(N,) int64."""
    predicted: np.ndarray
    """(N,) int64."""
    test_images: str
    """Equal for two if they are of the same images with the same labels of the same classes."""

    @property
    def hits(self) -> np.ndarray:
        """(N,) bool: which were recognized."""
        return self.labels == self.predicted


@dataclass(frozen=True)
class Run:
    """Cells of the same settings, one a seed."""

    name: str
    """R1, R2, ...: where the report lists its cells."""
    settings: Cell
    """A cell of it, for what all of them share."""
    done: tuple[Cell, ...]
    failed: tuple[Cell, ...]
    variant: str = ""
    """What tells it from another run of the same :data:`SETTINGS`."""

    def __getitem__(self, key: str) -> Any:
        return self.settings[key]

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the cells that are done."""
        return tuple(cell["cell"] for cell in self.done)

    def values(self, metric: str) -> list[float]:
        """A metric's value for each seed that has one, as fractions."""
        return [cell[metric] for cell in self.done if cell[metric] is not None]

    def mean(self, metric: str = "accuracy") -> float:
        """Mean over the seeds; below any number where nothing is done."""
        values = self.values(metric)
        return statistics.mean_std(values)[0] if values else -1.0

    @property
    def synthetic(self) -> bool:
        """Whether any of its images are rendered ones."""
        return "sample" in (self["config"], *(str(self[key]).split(":")[0] for key in ("train_on", "test_on")))

    @property
    def data(self) -> str:
        """Name of the data it is tested on, those of synthetic images called so."""
        if self["task"] == "task4":
            name = f"{short(self['train_on'])} → {short(self['test_on'])}"
        else:
            name = short(self["dataset"])
        return f"{name} (synthetic)" if self.synthetic else name

    @property
    def texts(self) -> str:
        """Text levels of training and testing: "T3 → T0", or one where they are the same."""
        train, test = self["train_text"], self["test_text"]
        one = train is None or test is None or train == test or self["method"] == "zero-shot"
        return (test or train or "") if one else f"{train} → {test}"

    @property
    def level(self) -> str:
        """The same with what was done to the texts: "T3 → T0, shuffled within classes"."""
        return ", ".join(filter(None, [self.texts, CONTROLS.get(self["text_control"], self["text_control"])]))

    @property
    def label(self) -> str:
        """Model, method, level and shots in a few words."""
        shots = None if self["shots"] in (None, 0) else f"{self['shots']} shots" if self["shots"] > 1 else "1 shot"
        method = None if self["task"] == "task1" else self["method"]
        return " · ".join(filter(None, [short(self["model"]), method, self.level, shots, self.variant]))


@dataclass
class Results:
    """A folder of results."""

    folder: Path
    runs: list[Run]
    problems: list[str]
    """What was left out, and why."""
    _predictions: dict[str, Predictions | None] = field(default_factory=dict)

    @property
    def cells(self) -> list[Cell]:
        """All cells, run by run."""
        return [cell for run in self.runs for cell in (*run.done, *run.failed)]

    def predictions(self, cell: Cell) -> Predictions | None:
        """Predictions of a cell; None, with a word in :attr:`problems`, where there are none that fit it."""
        if cell["cell"] not in self._predictions:
            try:
                self._predictions[cell["cell"]] = _read_predictions(self.folder, cell)
            except DataError as error:
                self._predictions[cell["cell"]] = None
                self.problems.append(f"Cell {cell['cell']}: no interval, no paired test: {error}")
        return self._predictions[cell["cell"]]

    def all_predictions(self, run: Run) -> list[Predictions]:
        """Predictions of a run's seeds, all of the same images; none if a seed lacks them or has other images."""
        found = [self.predictions(cell) for cell in run.done]
        complete = [one for one in found if one is not None]
        same = len({one.test_images for one in complete}) == 1
        return complete if same and len(complete) == len(found) else []


def task_title(task: str) -> str:
    """A task's title: "Task 1: vision alone"."""
    return TASKS.get(task, task)


def task_name(task: str) -> str:
    """A task's number: "Task 1"."""
    return task_title(task).split(":")[0]


def short(name: Any) -> str:
    """The last part of a path, with the config before it if there is one; other names as they are."""
    config, separator, path = str(name).rpartition(":")
    if path.startswith(("/", "~", ".")):
        path = Path(path).name or path
        return f"{config}" if config else path
    return f"{config}{separator}{path}"


def read_results(folder: Path) -> Results:
    """Read ``results.jsonl``: of each cell the last line, in the order of the tables.

    Lines that are no JSON, as a killed run leaves one, are left out and named in ``problems``.

    Raises:
        DataError: No such file, nothing in it, or lines of another kind.
    """
    file = folder / RESULTS
    if not file.is_file():
        raise DataError(f"{file}: no such file; give the folder that steeldefectx benchmark has written to.")
    cells: dict[str, Cell] = {}
    problems = []
    lines = file.read_text("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            cell = json.loads(line)
        except ValueError:
            where = "the last line" if number == len(lines) else f"line {number}"
            problems.append(f"{RESULTS}: {where} is broken off and left out; run the benchmark again to complete it.")
            continue
        lacking = sorted(set(FIELDS) - set(cell)) if isinstance(cell, dict) else ["all"]
        if lacking:
            raise DataError(f"{file}, line {number}: no line of results, it lacks {', '.join(lacking)}.")
        cells.pop(cell["cell"], None)
        cells[cell["cell"]] = cell
    if not cells:
        raise DataError(f"{file}: holds no results{' but a broken line' if problems else ''}; run the benchmark first.")
    return Results(folder, _runs(cells.values()), problems)


def _runs(cells: Iterable[Cell]) -> list[Run]:
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(_text([cell[key] for key in SETTINGS]), []).append(cell)
    found = [(part, variant) for group in groups.values() for part, variant in zip(*_variants(group), strict=True)]
    found.sort(key=lambda pair: (_order(pair[0][0]), pair[1]))
    return [
        Run(
            f"R{number}",
            next((cell for cell in part if cell["status"] == DONE), part[0]),
            tuple(sorted((c for c in part if c["status"] == DONE), key=lambda c: c["seed"])),
            tuple(sorted((c for c in part if c["status"] != DONE), key=lambda c: c["seed"])),
            variant,
        )
        for number, (part, variant) in enumerate(found, 1)
    ]


def _variants(cells: list[Cell]) -> tuple[list[list[Cell]], list[str]]:
    """Cells parted by recipe and data, and what tells each part from the others.

    A failed cell may not know its data: it goes with the first part of its recipe.
    """
    parts: dict[str, list[Cell]] = {}
    recipes: dict[str, str] = {}
    for cell in sorted(cells, key=lambda c: c["status"] != DONE):
        recipe = _text({k: v for k, v in (cell["recipe"] or {}).items() if k != "seed"})
        key = _text([recipe, cell["data_fingerprint"], cell["validated"]])
        if cell["status"] != DONE:
            key = recipes.get(recipe, key)
        recipes.setdefault(recipe, key)
        parts.setdefault(key, []).append(cell)
    flat = [_flat(part[0]) for part in parts.values()]
    differing = sorted({k for one in flat for other in flat for k in one if one[k] != other.get(k, one[k])})
    return list(parts.values()), [", ".join(f"{k} {one[k]}" for k in differing if k in one) for one in flat]


def _flat(cell: Cell) -> dict[str, Any]:
    settings = {k: v for k, v in (cell["recipe"] or {}).items() if k != "seed"}
    return settings | {"data": str(cell["data_fingerprint"])[:8], "validated": cell["validated"]}


def _order(cell: Cell) -> tuple[Any, ...]:
    method = cell["method"]
    rank = METHOD_ORDER.index(method) if method in METHOD_ORDER else len(METHOD_ORDER)
    controls = list(CONTROLS)
    control = controls.index(cell["text_control"]) if cell["text_control"] in controls else len(controls)
    shots = float("inf") if cell["shots"] is None else cell["shots"]
    texts = (str(cell["train_text"] or ""), str(cell["test_text"] or ""), control)
    data = (str(cell["dataset"]), str(cell["train_on"]), str(cell["test_on"]))
    return (cell["task"], data, str(cell["model"]), rank, str(method), texts, shots)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _read_predictions(folder: Path, cell: Cell) -> Predictions:
    """Raises DataError where the file is missing, unreadable or of another cell."""
    if not cell["predictions"]:
        raise DataError("the line names no predictions.")
    file = folder / cell["predictions"]
    try:
        columns = ["image", "label", "prediction"]
        table = pq.read_table(file, columns=columns)
    except FileNotFoundError as error:
        raise DataError(f"{cell['predictions']} is missing.") from error
    except (OSError, pa.ArrowException, KeyError) as error:
        raise DataError(f"{cell['predictions']} cannot be read ({error}).") from error
    labels, predicted = table["label"].to_numpy(), table["prediction"].to_numpy()
    images = table["image"].to_pylist()
    if len(images) != cell["n_test"] or abs(float(np.mean(labels == predicted)) - cell["accuracy"]) > 1e-6:
        raise DataError(f"{cell['predictions']} is not of this cell: it gives another accuracy.")
    order = statistics.image_order(images, labels)
    key = _text([[images[n] for n in order], labels[order].tolist(), cell["classes"]])
    return Predictions(labels[order], predicted[order], hashlib.sha256(key.encode()).hexdigest())

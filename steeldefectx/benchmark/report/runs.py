"""Result lines and predictions, read; lines that differ in their seed alone are one run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from steeldefectx.benchmark.grid import ACROSS, WITHIN, ZERO_SHOT
from steeldefectx.benchmark.report import statistics
from steeldefectx.benchmark.results_file import DONE, FIELDS, RESULTS_FILE, SETTINGS, read_lines
from steeldefectx.errors import DataError

TASK_TITLES = {
    "task1": "Task 1: vision alone",
    "task2": "Task 2: vision and language",
    "task3": "Task 3: zero-shot and few-shot",
    "task4": "Task 4: transfer to other materials",
}
CONTROL_TITLES = {None: "", WITHIN: "shuffled within classes", ACROSS: "shuffled across classes"}
Line = Mapping[str, Any]
"""A line of results: the fields of :data:`~steeldefectx.benchmark.results_file.FIELDS`."""


@dataclass(frozen=True)
class Predictions:
    """The predictions for N test images, in an order that is the same for all files of these images."""

    labels: np.ndarray
    """(N,) int64."""
    predicted: np.ndarray
    """(N,) int64."""
    test_images: str
    """Equal for two if they are of the same images with the same labels of the same classes."""

    @property
    def hits(self) -> np.ndarray:
        """(N,) bool: which are right."""
        return self.labels == self.predicted


@dataclass(frozen=True)
class Run:
    """Lines of the same settings, one a seed."""

    name: str
    """R1, R2, ...: where the report lists its lines."""
    settings: Line
    """A line of it, for what all of them share."""
    done: tuple[Line, ...]
    failed: tuple[Line, ...]
    variant: str = ""
    """What tells it from another run of the same settings."""

    def __getitem__(self, key: str) -> Any:
        return self.settings[key]

    @property
    def anchor(self) -> str:
        """Where the report lists its lines."""
        return self.name.lower()

    def values(self, metric: str) -> list[float]:
        """A metric's value for each seed that has one, as fractions."""
        return [line[metric] for line in self.done if line[metric] is not None]

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
        transfer = self["task"] == "task4"
        name = f"{short(self['train_on'])} → {short(self['test_on'])}" if transfer else short(self["dataset"])
        return f"{name} (synthetic)" if self.synthetic else name

    @property
    def where(self) -> str:
        """Task and data: "Task 1, raw"."""
        return f"{task_title(self['task']).split(':')[0]}, {self.data}"

    @property
    def texts(self) -> str:
        """Text levels of training and testing: "T3 → T0", or one where they are the same."""
        train, test = self["train_text"], self["test_text"]
        single = train is None or test is None or train == test or self["method"] == ZERO_SHOT
        return (test or train or "") if single else f"{train} → {test}"

    @property
    def control(self) -> str:
        """What was done to the training texts, in words."""
        return CONTROL_TITLES.get(self["text_control"], self["text_control"])

    @property
    def level(self) -> str:
        """Texts and control: "T3 → T0, shuffled within classes"."""
        return ", ".join(filter(None, [self.texts, self.control]))

    @property
    def label(self) -> str:
        """Model, method, level and shots in a few words."""
        method = None if self["task"] == "task1" else self["method"]
        shots = shots_text(self["shots"]) if self["shots"] else None
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
    def lines(self) -> list[Line]:
        """All lines, run by run."""
        return [line for run in self.runs for line in (*run.done, *run.failed)]

    def predictions(self, line: Line) -> Predictions | None:
        """Predictions of a cell; None, with a word in :attr:`problems`, where there are none that fit it."""
        if line["cell"] not in self._predictions:
            try:
                self._predictions[line["cell"]] = _read_predictions(self.folder, line)
            except DataError as error:
                self._predictions[line["cell"]] = None
                self.problems.append(f"Cell {line['cell']}: no interval, no paired test: {error}")
        return self._predictions[line["cell"]]

    def all_predictions(self, run: Run) -> list[Predictions]:
        """Predictions of a run's seeds, all of the same images; none if a seed lacks them or has other images."""
        by_seed = [self.predictions(line) for line in run.done]
        complete = [predictions for predictions in by_seed if predictions is not None]
        same = len({predictions.test_images for predictions in complete}) == 1
        return complete if same and len(complete) == len(by_seed) else []


def task_title(task: str) -> str:
    """A task's title: "Task 1: vision alone"."""
    return TASK_TITLES.get(task, task)


def shots_text(shots: int | None) -> str:
    """A number of shots in words."""
    return "all" if shots is None else "1 shot" if shots == 1 else f"{shots} shots"


def short(name: Any) -> str:
    """The last part of a path, with the config before it if there is one; other names as they are."""
    config, separator, path = str(name).rpartition(":")
    if path.startswith(("/", "~", ".")):
        path = Path(path).name or path
        return f"{config}" if config else path
    return f"{config}{separator}{path}"


def groups(runs: Iterable[Run], key: Callable[[Run], tuple[Any, ...]]) -> dict[tuple[Any, ...], list[Run]]:
    """Runs by a key, in their order."""
    grouped: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        grouped.setdefault(key(run), []).append(run)
    return grouped


def read_results(folder: Path) -> Results:
    """Read ``results.jsonl``: of each cell the last line, in the order of the tables.

    Lines that are no JSON, as a killed run leaves one, are left out and named in ``problems``.

    Raises:
        DataError: No such file, nothing in it, or lines of another kind.
    """
    file = folder / RESULTS_FILE
    if not file.is_file():
        raise DataError(f"{file}: no such file; give the folder that steeldefectx benchmark has written to.")
    problems: list[str] = []
    lines = read_lines(folder, problems)
    for number, line in enumerate(lines.values(), 1):
        if lacking := sorted(set(FIELDS) - set(line)):
            raise DataError(f"{file}, line {number}: no line of results, it lacks {', '.join(lacking)}.")
    if not lines:
        raise DataError(f"{file}: holds no results{' but a broken line' if problems else ''}; run the benchmark first.")
    return Results(folder, _runs(lines.values()), problems)


def _runs(lines: Iterable[Line]) -> list[Run]:
    same_settings: dict[str, list[Line]] = {}
    for line in lines:
        same_settings.setdefault(_text([line[key] for key in SETTINGS]), []).append(line)
    parts = [pair for group in same_settings.values() for pair in _variants(group)]
    parts.sort(key=lambda pair: (_order(pair[0][0]), pair[1]))
    runs = []
    for number, (part, variant) in enumerate(parts, 1):
        # Of a seed the last line counts: a cell's id may have changed.
        done = {line["seed"]: line for line in part if line["status"] == DONE}
        failed = {line["seed"]: line for line in part if line["seed"] not in done}
        runs.append(Run(f"R{number}", part[0], _by_seed(done), _by_seed(failed), variant))
    return runs


def _by_seed(lines: dict[int, Line]) -> tuple[Line, ...]:
    return tuple(lines[seed] for seed in sorted(lines))


def _variants(lines: list[Line]) -> list[tuple[list[Line], str]]:
    """Lines parted by recipe and data, those that are done first, and what tells each part from the others.

    A failed cell does not know its data, nor the settings of its training beside its own: it goes with the first part
    that agrees with what it knows.
    """
    parts: dict[str, list[Line]] = {}
    for line in sorted(lines, key=lambda line: line["status"] != DONE):
        recipe = _recipe(line)
        key = _text([recipe, line["data_fingerprint"], line["validated"]])
        if line["status"] != DONE:
            key = next((key for key, part in parts.items() if recipe.items() <= _recipe(part[0]).items()), key)
        parts.setdefault(key, []).append(line)
    settings = [
        _recipe(part[0]) | {"data": str(part[0]["data_fingerprint"])[:8], "validated": part[0]["validated"]}
        for part in parts.values()
    ]
    differing = sorted({k for one in settings for other in settings for k in one if one[k] != other.get(k, one[k])})
    names = [", ".join(f"{k} {one[k]}" for k in differing if k in one) for one in settings]
    return list(zip(parts.values(), names, strict=True))


def _recipe(line: Line) -> dict[str, Any]:
    return {key: value for key, value in (line["recipe"] or {}).items() if key != "seed"}


def _order(line: Line) -> tuple[Any, ...]:
    controls = list(CONTROL_TITLES)
    control = controls.index(line["text_control"]) if line["text_control"] in controls else len(controls)
    words = [str(line[key] or "") for key in ("task", "dataset", "train_on", "test_on", "model")]
    return (
        *words,
        str(line["train_text"] or ""),
        str(line["test_text"] or ""),
        control,
        str(line["method"]),
        line["shots"] or 0,
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _read_predictions(folder: Path, line: Line) -> Predictions:
    """Raises DataError where the file is missing, unreadable or of another cell."""
    if not line["predictions"]:
        raise DataError("the line names no predictions.")
    try:
        table = pq.read_table(folder / line["predictions"], columns=["image", "label", "prediction"])
    except FileNotFoundError as error:
        raise DataError(f"{line['predictions']} is missing.") from error
    except (OSError, pa.ArrowException, KeyError) as error:
        raise DataError(f"{line['predictions']} cannot be read ({error}).") from error
    images, labels, predicted = table["image"].to_pylist(), table["label"].to_numpy(), table["prediction"].to_numpy()
    if len(images) != line["n_test"] or abs(float(np.mean(labels == predicted)) - line["accuracy"]) > 1e-6:
        raise DataError(f"{line['predictions']} is not of this cell: it gives another accuracy.")
    order = statistics.image_order(images, labels)
    key = _text([[images[n] for n in order], labels[order].tolist(), line["classes"]])
    return Predictions(labels[order], predicted[order], hashlib.sha256(key.encode()).hexdigest())

"""The tables of the four tasks, in the paper's layout: ours with their spread, the published number beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from steeldefectx.benchmark.grid import ZERO_SHOT
from steeldefectx.benchmark.report import published, statistics
from steeldefectx.benchmark.report.document import NONE, Document, beside, link
from steeldefectx.benchmark.report.published import Published
from steeldefectx.benchmark.report.runs import Run, groups, short, shots_text
from steeldefectx.methods import ENCODER_METHODS
from steeldefectx.utils.markdown import plain

OTHER_DATA = "†"
FAILED = "failures"
"""Where the report lists what failed."""
METRICS = ("accuracy", "mean_accuracy")
WORDS: dict[str, Callable[[Run], str]] = {
    "model": lambda run: beside(plain(short(run["model"])), plain(run.variant) if run["task"] == "task1" else ""),
    "method": lambda run: beside(plain(str(run["method"])), plain(run.variant)),
    "train texts": lambda run: beside(str(run["train_text"] or NONE), run.control),
    "test texts": lambda run: str(run["test_text"] or NONE),
    "texts": lambda run: run.level or "no texts",
}
"""Columns of words: name -> what stands there for a run."""


def percent(values: Sequence[float]) -> str:
    """Fractions as "93.63 ± 0.42" in percent: mean and, of several, sample standard deviation."""
    if not values:
        return NONE
    mean, std = statistics.mean_std(values)
    return f"{100 * mean:.2f}" if std is None else f"{100 * mean:.2f} ± {100 * std:.2f}"


def score(run: Run, metric: str = "accuracy", *, best: bool = False) -> str:
    """A run's metric, linked to its lines."""
    if not run.done:
        return link("failed", FAILED, "; ".join(str(line["error"]) for line in run.failed))
    text = link(percent(run.values(metric)), run.anchor)
    return f"**{text}**" if best else text


def seeds(run: Run, most: int) -> str:
    """How many seeds a run has, marked where others have more."""
    return beside(str(len(run.done)), f"of {most}" if len(run.done) < most else "")


def listed(document: Document, runs: list[Run], caption: str, words: Sequence[str]) -> None:
    """A row for each run, the best first: Acc and mAcc, and beside them what was published of its protocol.

    Args:
        document: Where to.
        runs: Of one task and one data set.
        caption: What it shows.
        words: Columns of :data:`WORDS`.
    """
    best = {metric: _best(runs, metric) for metric in METRICS}
    most = max(len(run.done) for run in runs)
    rows = []
    for run in sorted(runs, key=best_first):
        scores = [score(run, metric, best=run is best[metric]) for metric in METRICS]
        number = published.find(run.settings)
        theirs = [NONE, NONE] if number is None else _both_figures(number, _mark(run, number))
        rows.append([*(WORDS[name](run) for name in words), *scores, seeds(run, most), *theirs])
    columns = (*words, "Acc %", "mAcc %", "seeds", "published Acc %", "published mAcc %")
    document.table(caption, columns, rows, _notes(runs), words=len(words))


def crossed(
    document: Document, runs: list[Run], caption: str, words: Sequence[str], across: str, name: Callable[[Any], str]
) -> None:
    """Accuracies with one setting across: a row for all runs that differ in it alone, the best in the last first.

    Args:
        document: Where to.
        runs: Of one task and one data set.
        caption: What it shows.
        words: Columns of :data:`WORDS`.
        across: The setting.
        name: A value of it -> name of its column.
    """
    values = list(dict.fromkeys(run[across] for run in runs))
    if across == "shots":
        values.sort(key=lambda shots: (shots is None, shots))
    best = {value: _best([run for run in runs if run[across] == value], "accuracy") for value in values}
    most, empty, rows = max(len(run.done) for run in runs), 0, []
    same = ("model", "method", "train_text", "test_text", "text_control", *({"shots"} - {across}))
    in_rows = groups(runs, lambda run: (*(run[key] for key in same), run.variant)).values()
    for row in sorted(in_rows, key=lambda row: best_first(max(row, key=lambda run: values.index(run[across])))):
        by_value = {run[across]: run for run in row}
        empty += len(values) - len(by_value)
        entries = [_crossed_entry(by_value.get(value), best[value], most) for value in values]
        rows.append([*(WORDS[column](row[0]) for column in words), *entries])
    columns = (*words, *map(name, values))
    document.table(caption, columns, rows, _notes(runs, empty, most), words=len(words))


def best_first(run: Run) -> tuple[bool, float]:
    """What runs are sorted by: the highest accuracy first, what has none last."""
    return (not run.done, -run.mean("accuracy") if run.done else 0.0)


def best_of_tasks(document: Document, runs: list[Run]) -> None:
    """The best run of each task on each data set, on true texts."""
    words = ("task", "on", "model", "method", "train texts", "test texts", "shots")
    rows = []
    for (task, data), part in groups(runs, lambda run: (run["task"], run.data)).items():
        done = [run for run in part if run.done and not run["text_control"]]
        if done:
            run = min(done, key=best_first)
            texts = [WORDS[name](run) for name in words[4:-1]]
            shown = [plain(short(run["model"])), plain(str(run["method"])), *texts]
            scores = [score(run, metric) for metric in METRICS]
            number = str(task).removeprefix("task")
            rows.append([link(f"Task {number}", str(task)), plain(data), *shown, shots_text(run["shots"]), *scores])
    if rows:
        document.table("The best of each task", (*words, "Acc %", "mAcc %"), rows, words=len(words))


def zero_and_few_shot(document: Document, runs: list[Run]) -> None:
    """The tables of task 3 on one data set."""
    data = runs[0].data
    zero_shot = [run for run in runs if run["method"] == ZERO_SHOT]
    adapted = [run for run in runs if run["method"] != ZERO_SHOT]
    frozen = [run for run in adapted if run["method"] not in ENCODER_METHODS]
    encoders = [run for run in adapted if run["method"] in ENCODER_METHODS]
    if zero_shot:
        listed(document, zero_shot, f"{data}: zero-shot", ("model", "test texts"))
    for methods, what in (
        (frozen, "methods on frozen features"),
        (encoders, "methods that train inside the towers (far more to compute)"),
    ):
        if methods:
            crossed(document, methods, f"{data}: {what}, Acc %", ("model", "texts", "method"), "shots", shots_text)


def transfer(document: Document, runs: list[Run]) -> None:
    """The table of task 4: what was trained on by what is tested on.

    Args:
        document: Where to.
        runs: Of task 4, trained on one data set.
    """
    synthetic = " (synthetic)" if str(runs[0]["train_on"]).startswith("sample") else ""
    caption = f"Trained on {runs[0].data.split(' → ')[0]}{synthetic}, tested on other materials, Acc %"

    def name(target: str) -> str:
        return f"{plain(short(target))}{' (synthetic)' if target.startswith('sample') else ''}"

    crossed(document, runs, caption, ("model", "method", "train texts", "test texts"), "test_on", name)


def published_numbers(document: Document) -> None:
    """All published numbers that this report knows, with their sources."""
    words = ("measured on", "task", "model", "method", "train texts", "test texts", "shots", "source")
    rows = [
        [
            number.data,
            number.task.replace("task", "Task "),
            number.model,
            *(NONE if value is None else str(value) for value in (number.method, number.train_text, number.test_text)),
            NONE if number.shots is None else str(number.shots),
            beside(number.source, number.remark),
            *_both_figures(number),
        ]
        for number in sorted(published.PUBLISHED, key=lambda number: number.data)
    ]
    columns = (*words, "Acc %", "mAcc %")
    document.table("Published numbers", columns, rows, ("≈ read off a figure.",), words=len(words))


def _best(runs: list[Run], metric: str) -> Run | None:
    """The highest mean among several runs on true texts."""
    candidates = [run for run in runs if run.done and not run["text_control"]]
    return max(candidates, key=lambda run: run.mean(metric)) if len(candidates) > 1 else None


def _crossed_entry(run: Run | None, best: Run | None, most: int) -> str:
    if run is None:
        return "not run"
    number, remarks = published.find(run.settings), []
    if number is not None:
        remarks.append(f"published {_figure(number)}{_mark(run, number)}")
    if run.done and len(run.done) < most and run["method"] != ZERO_SHOT:
        remarks.append(f"{len(run.done)} of {most} seeds")
    return beside(score(run, best=run is best), "; ".join(remarks))


def _figure(number: Published, value: float | None = None) -> str:
    value = number.accuracy if value is None else value
    return f"≈ {100 * value:.0f}" if number.approximate else f"{100 * value:.2f}"


def _both_figures(number: Published, mark: str = "") -> list[str]:
    """Published Acc and mAcc."""
    mean_accuracy = number.mean_accuracy
    return [_figure(number) + mark, NONE if mean_accuracy is None else _figure(number, mean_accuracy) + mark]


def _mark(run: Run, number: Published) -> str:
    return "" if number.same_data(run.settings) else f" {OTHER_DATA}"


def _notes(runs: list[Run], empty: int = 0, most: int | None = None) -> list[str]:
    notes = []
    counts = {len(run.done) for run in runs if run.done}
    if counts and max(counts) > 1:
        over = f"{most} seeds unless it says otherwise" if most else "seeds"
        notes.append(f"Mean ± sample standard deviation over {over}.")
    elif counts:
        notes.append("One seed: there is no standard deviation.")
    notes += _other_data(runs)
    failed = sum(len(run.failed) for run in runs)
    if failed or empty:
        parts = [f"{failed} failed (see Failed cells)"] * bool(failed) + [f"{empty} not run"] * bool(empty)
        notes.append(f"Incomplete: {', '.join(parts)}.")
    if any(run["text_control"] for run in runs):
        notes.append(
            "Shuffled texts are a control: within classes, a training image gets the text of another of its class; "
            "across classes, that of any other image. Test images and the texts of their classes stay as they are."
        )
    adapted = [run for run in runs if run.done and run["task"] == "task3" and run["method"] != ZERO_SHOT]
    defaults = sorted({run["method"] for run in adapted if not run["validated"]})
    if defaults:
        notes.append(f"Default settings, not chosen on validation draws: {', '.join(defaults)}.")
    elif adapted:
        notes.append("Settings of methods were chosen on validation draws from the training split.")
    return notes


def _other_data(runs: list[Run]) -> list[str]:
    """What published numbers beside these runs were measured on, and what these were."""
    pairs = [(run, published.find(run.settings)) for run in runs if run.done]
    other = [(run, number) for run, number in pairs if number is not None and not number.same_data(run.settings)]
    if not other:
        return []
    theirs = " and ".join(dict.fromkeys(number.data for _, number in other))
    ours = " and ".join(
        dict.fromkeys(f"{run.data}: {len(run['classes'])} classes, {run['n_test']:,} test images" for run, _ in other)
    )
    return [f"{OTHER_DATA} Measured on other data, not to be compared: published on {theirs}; ours on {ours}."]

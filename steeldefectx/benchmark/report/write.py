"""The benchmark's report: from result lines to a Markdown file and a page, every number with the lines behind it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steeldefectx.benchmark.report import page, plots, significance, tables
from steeldefectx.benchmark.report.by_class import by_class
from steeldefectx.benchmark.report.document import NONE, Document, code, link
from steeldefectx.benchmark.report.runs import Line, Results, Run, groups, read_results, task_title
from steeldefectx.utils.figures import to_png
from steeldefectx.utils.markdown import plain

INTRODUCTIONS = {
    "task1": "A backbone with a linear head, no texts.",
    "task2": "A vision-language model adapted to images with the training texts, then tested with the test texts of "
    "the classes.",
    "task3": "Without any training image, and with a few images of each class (shots), drawn anew for each seed.",
    "task4": "Adapted to steel with one level of texts, then tested on other materials and classes without any of "
    "their images.",
}


@dataclass(frozen=True)
class Written:
    """What was written."""

    page: Path
    markdown: Path
    cells: int
    runs: int
    failed: int
    problems: list[str]
    """What was left out, and why."""


def write_report(results_dir: Path, out: Path) -> Written:
    """Write ``report.md`` (with ``figures/``) and ``report.html``.

    Args:
        results_dir: Folder with ``results.jsonl`` and the predictions that it names.
        out: Folder to write; made if need be.

    Raises:
        DataError: No results there, or lines of another kind.
    """
    results = read_results(results_dir)
    document = _document(results)
    for name, figure in document.figures.items():
        _write(out / name, to_png(figure))
    html, markdown = out / "report.html", out / "report.md"
    _write(html, page.render(document).encode("utf-8", errors="replace"))
    _write(markdown, document.markdown.encode("utf-8", errors="replace"))
    failed = sum(len(run.failed) for run in results.runs)
    return Written(html, markdown, len(results.lines), len(results.runs), failed, results.problems)


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(file)


def _document(results: Results) -> Document:
    failed = sum(len(run.failed) for run in results.runs)
    counts = f"{len(results.runs):,} runs, {len(results.lines) - failed:,} cells done, {failed:,} failed"
    lead = (
        "Accuracies in percent. Acc is the share of test images recognized, mAcc the mean of the classes' recalls. "
        "Numbers in tables lead to the result lines they were computed from. Bold: the best in its column.\n\n"
        f"**{counts}.** Cells that differ in their seed alone are one run."
    )
    document = Document("SteelDefectX benchmark", lead)
    document.heading("Best", "best")
    tables.best_of_tasks(document, results.runs)
    document.heading("Data", "data")
    _data(document, results)
    for (task,), runs in groups(results.runs, lambda run: (run["task"],)).items():
        _task(document, task, runs)
    if any(run["train_text"] not in (None, "T0") for run in results.runs if run.done):
        document.heading("Text levels and shuffled texts", "texts")
        plots.text_bars(document, results)
        significance.text_effects(document, results)
    by_class(document, results)
    document.heading("All metrics", "metrics")
    significance.all_metrics(document, results)
    significance.best_and_rest(document, results)
    document.heading("Published numbers", "published")
    tables.published_numbers(document)
    _failures(document, results)
    if results.problems:  # asked last: predictions are read on the way
        document.heading("Left out", "left-out")
        document.table("Left out", ("what",), [[plain(problem)] for problem in results.problems])
    _evidence(document, results)
    return document


def _data(document: Document, results: Results) -> None:
    def key(run: Run) -> tuple[Any, ...]:
        return (run.data, run["config"], run["data_fingerprint"], len(run["classes"]), run["n_test"])

    done = [run for run in results.runs if run.done]
    if not done:
        document.text("No cell is done yet.")
        return
    rows = []
    for (data, config, fingerprint, classes, n_test), runs in groups(done, key).items():
        tasks = ", ".join(dict.fromkeys(run["task"].removeprefix("task") for run in runs))
        most = max(run["n_train"] or 0 for run in runs)
        rows.append([plain(data), config, tasks, code(fingerprint[:12]), str(classes), f"{most:,}", f"{n_test:,}"])
    columns = ("data", "config", "tasks", "fingerprint", "classes", "training images", "test images")
    notes = ["Training images: the most that one of the runs was given."]
    if any(run.synthetic for run in done):
        notes.append("Synthetic: rendered images. Their numbers say nothing of real steel.")
    document.table("What was measured on", columns, rows, notes, words=4)


def _task(document: Document, task: str, runs: list[Run]) -> None:
    document.heading(task_title(task), task)
    if task in INTRODUCTIONS:
        document.text(INTRODUCTIONS[task])

    def data(run: Run) -> tuple[Any, ...]:
        """What there is a table for: one data set, or in task 4 one that was trained on."""
        return (run["train_on"],) if task == "task4" else (run["dataset"], run["config"], run["data_fingerprint"])

    for part in groups(runs, data).values():
        if task == "task3":
            tables.zero_and_few_shot(document, part)
            plots.shot_curves(document, part)
        elif task == "task4":
            tables.transfer(document, part)
        else:
            words = ("model", "method", "train texts", "test texts") if task == "task2" else ("model",)
            tables.listed(document, part, f"{part[0].where}: Acc and mAcc on the test split", words)


def _failures(document: Document, results: Results) -> None:
    document.heading("Failed cells", tables.FAILED)
    rows = [
        [link(run.name, run.anchor), plain(f"{run.where}: {run.label}"), code(line["cell"]), plain(line["error"])]
        for run in results.runs
        for line in run.failed
    ]
    if rows:
        document.table("Cells that failed", ("run", "what", "cell", "error"), rows, words=4)
    else:
        document.text("None.")


def _evidence(document: Document, results: Results) -> None:
    """All lines, run by run, with the settings and versions behind them."""
    versions: dict[str, str] = {}
    rows, settings = [], []
    for run in results.runs:
        for number, line in enumerate((*run.done, *run.failed)):
            name = f"{run.name} · {run.where}: {run.label}"
            first = f'<a id="{run.anchor}"></a>**{plain(name)}**' if number == 0 else run.name
            rows.append([first, *_line(line, versions)])
        recipe = {key: value for key, value in (run["recipe"] or {}).items() if key != "seed"}
        words = [link(run.name, run.anchor), plain(run.label)]
        settings.append([*words, code(json.dumps(recipe, ensure_ascii=False))])
    document.heading("All cells", "cells")
    columns = (
        *("run", "cell", "seed", "Acc %", "mAcc %", "trained on", "tested on", "seconds"),
        *("chosen settings", "versions"),
    )
    document.table("All cells, run by run", columns, rows, ("Images trained and tested on; seconds in all.",), words=2)
    document.table("Settings of each run, beside the seed", ("run", "what", "settings"), settings, words=3, folded=True)
    packages = [[name, plain(text)] for text, name in versions.items()]
    document.table("Versions", ("", "packages"), packages, words=2)


def _line(line: Line, versions: dict[str, str]) -> list[str]:
    text = ", ".join(f"{name} {version}" for name, version in (line["versions"] or {}).items())
    name = versions.setdefault(text, f"V{len(versions) + 1}") if text else NONE
    chosen = ", ".join(f"{key} {_brief(value)}" for key, value in (line["chosen"] or {}).items())
    total = (line["seconds"] or {}).get("total")
    scores = [tables.percent([line[metric]]) if line[metric] is not None else NONE for metric in tables.METRICS]
    if line["error"]:
        scores[0] = link("failed", tables.FAILED, line["error"])
    counts = [NONE if line[key] is None else f"{line[key]:,}" for key in ("n_train", "n_test")]
    seconds = NONE if total is None else f"{total:,.1f}"
    identity = f'<a id="cell-{line["cell"]}"></a>{code(line["cell"])}'
    return [identity, str(line["seed"]), *scores, *counts, seconds, plain(chosen) or NONE, name]


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

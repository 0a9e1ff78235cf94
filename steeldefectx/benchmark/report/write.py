"""The benchmark's report: from result lines to a page and a Markdown file, every number with the lines behind it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steeldefectx.benchmark.report import by_class, panels, tables
from steeldefectx.benchmark.report import markdown as report_markdown
from steeldefectx.benchmark.report import page as report_page
from steeldefectx.benchmark.report import significance as evidence
from steeldefectx.benchmark.report.document import Entry, Figure, Heading, Section, Table
from steeldefectx.benchmark.report.lines import Cell, Results, Run, read_results, task_name, task_title

TITLE = "SteelDefectX benchmark"
LEAD = (
    "Accuracies in percent. Acc is the share of test images recognized, mAcc the mean of the classes' recalls. "
    "Numbers in tables lead to the result lines they were computed from. Bold: the best in its column."
)
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
    """Write ``report.html`` and ``report.md`` (with ``figures/``).

    Args:
        results_dir: Folder with ``results.jsonl`` and the predictions that it names.
        out: Folder to write; made if need be.

    Raises:
        DataError: No results there, or lines of another kind.
    """
    results = read_results(results_dir)
    sections = _sections(results)
    counts = _counts(results)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "report.html", report_page.render(TITLE, LEAD, counts, sections))
    _write(out / "report.md", report_markdown.render(TITLE, LEAD, counts, sections, out))
    failed = sum(len(run.failed) for run in results.runs)
    page, markdown = out / "report.html", out / "report.md"
    return Written(page, markdown, len(results.cells), len(results.runs), failed, results.problems)


def _write(file: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(text, "utf-8", errors="replace")
    temporary.replace(file)


def _counts(results: Results) -> list[tuple[str, str]]:
    failed = sum(len(run.failed) for run in results.runs)
    seeds = len({cell["seed"] for cell in results.cells})
    return [
        (f"{len(results.runs):,}", "run" if len(results.runs) == 1 else "runs (cells that differ in their seed alone)"),
        (f"{len(results.cells) - failed:,}", "cells done"),
        (f"{failed:,}", "cells failed"),
        (f"{seeds}", "seed" if seeds == 1 else "seeds"),
    ]


def _sections(results: Results) -> list[Section]:
    by_task = tables.groups(results.runs, lambda run: (run["task"],))
    sections = [Section("Data", "data", _data(results))]
    sections += [_task(task, runs) for (task,), runs in by_task.items()]
    effects = evidence.text_effects(results)
    bars = panels.text_bars(results)
    if effects or bars:
        blocks: list[str | Table | Figure] = [*([bars] if bars else []), *([effects] if effects else [])]
        sections.append(Section("Text levels and shuffled texts", "texts", blocks))
    classes = by_class.section(results)
    if classes.parts:
        sections.append(classes)
    sections.append(Section("All metrics", "metrics", [evidence.all_metrics(results)]))
    matrices = evidence.matrices(results)
    if matrices:
        sections.append(Section("Paired tests", "paired", [*matrices]))
    sections.append(Section("Published numbers", "published", [tables.published_numbers()]))
    sections.append(_failures(results))
    if results.problems:  # asked last: predictions are read on the way
        left_out = Table("Left out", ("what",), [[Entry(problem)] for problem in results.problems])
        sections.append(Section("Left out", "left-out", [left_out]))
    sections.append(_appendix(results))
    return sections


def _data(results: Results) -> list[str | Table | Figure]:
    done = [run for run in results.runs if run.done]
    if not done:
        return ["No cell is done yet."]

    def key(run: Run) -> tuple[Any, ...]:
        return (run.data, run["config"], len(run["classes"]), run["n_test"], run["data_fingerprint"])

    rows: list[list[Entry] | Heading] = []
    for (data, config, classes, n_test, fingerprint), runs in tables.groups(done, key).items():
        tasks = ", ".join(dict.fromkeys(run["task"].removeprefix("task") for run in runs))
        words = [Entry(data, title=str(runs[0]["dataset"])), Entry(config), Entry(tasks)]
        words.append(Entry(str(fingerprint)[:12], code=True))
        trained = max(run["n_train"] or 0 for run in runs)
        rows.append([*words, Entry(f"{classes}"), Entry(f"{trained:,}"), Entry(f"{n_test:,}")])
    columns = ("data", "config", "tasks", "fingerprint", "classes", "training images", "test images")
    notes = ["Training images: the most that one of the runs was given."]
    if any(run.synthetic for run in done):
        notes.append("Synthetic: rendered images. Their numbers say nothing of real steel.")
    return [Table("What was measured on", columns, rows, tuple(notes), words=4)]


def _task(task: str, runs: list[Run]) -> Section:
    blocks: list[str | Table | Figure] = []
    if task in INTRODUCTIONS:
        blocks.append(INTRODUCTIONS[task])
    for part in tables.groups(runs, tables.grid_of).values():
        if task == "task3":
            blocks += _few_shot(part)
        elif task == "task4":
            blocks.append(tables.transfer(part))
        else:
            blocks.append(tables.classification(part))
    return Section(task_title(task), task, blocks)


def _few_shot(runs: list[Run]) -> list[str | Table | Figure]:
    zero = [run for run in runs if run["method"] == "zero-shot"]
    shots = [run for run in runs if run["method"] != "zero-shot"]
    encoders = [run for run in shots if tables.is_encoder_method(run)]
    others = [run for run in shots if not tables.is_encoder_method(run)]
    blocks: list[str | Table | Figure] = [tables.zero_shot(zero)] if zero else []
    if others:
        blocks.append(tables.few_shot(others, "methods on frozen features"))
    if encoders:
        blocks.append(tables.few_shot(encoders, "methods that train inside the towers (far more to compute)"))
    figure = panels.curves(runs)
    return [*blocks, figure] if figure else blocks


def _failures(results: Results) -> Section:
    failed = [(run, cell) for run in results.runs for cell in run.failed]
    if not failed:
        return Section("Failed cells", tables.FAILED, ["None."])
    rows: list[list[Entry] | Heading] = [
        [
            Entry(run.name, run=run.name),
            Entry(f"{task_name(run['task'])}, {run.data}: {run.label}"),
            Entry(cell["cell"], code=True),
            Entry(str(cell["error"])),
            Entry(str(cell["seed"])),
        ]
        for run, cell in failed
    ]
    table = Table("Cells that failed", ("run", "what", "cell", "error", "seed"), rows, words=4)
    return Section("Failed cells", tables.FAILED, [table])


def _appendix(results: Results) -> Section:
    versions: dict[str, str] = {}
    rows: list[list[Entry] | Heading] = []
    settings: list[list[Entry] | Heading] = []
    for run in results.runs:
        data = f"{task_name(run['task'])}, {run.data}"
        rows.append(Heading(f"{run.name} · {data}: {run.label}", run.name.lower()))
        rows += [_cell(cell, versions) for cell in (*run.done, *run.failed)]
        recipe = json.dumps({k: v for k, v in (run["recipe"] or {}).items() if k != "seed"}, ensure_ascii=False)
        settings.append([Entry(run.name, run=run.name), Entry(run.label), Entry(recipe, code=True)])
    columns = ("cell", "seed", "Acc %", "mAcc %", "trained on", "tested on", "seconds", "chosen settings", "versions")
    cells = Table("All cells, run by run", columns, rows, ("Images trained and tested on; seconds in all.",), words=1)
    known: list[list[Entry] | Heading] = [[Entry(name), Entry(text)] for text, name in versions.items()]
    return Section(
        "All cells",
        "cells",
        [
            cells,
            Table("Settings of each run, beside the seed", ("run", "what", "settings"), settings, words=3, folded=True),
            Table("Versions", ("", "packages"), known, words=2),
        ],
    )


def _cell(cell: Cell, versions: dict[str, str]) -> list[Entry]:
    text = ", ".join(f"{name} {version}" for name, version in (cell["versions"] or {}).items())
    name = versions.setdefault(text, f"V{len(versions) + 1}") if text else tables.NONE
    chosen = ", ".join(f"{key} {_brief(value)}" for key, value in (cell["chosen"] or {}).items())
    own = (cell["cell"],)
    numbers: list[tuple[str, Callable[[Any], str]]] = [
        ("accuracy", lambda value: tables.percent([value])),
        ("mean_accuracy", lambda value: tables.percent([value])),
        ("n_train", lambda value: f"{value:,}"),
        ("n_test", lambda value: f"{value:,}"),
    ]
    entries = [Entry(tables.NONE) if cell[key] is None else Entry(shown(cell[key]), key, own) for key, shown in numbers]
    if cell["status"] != "done":
        entries[0] = Entry("failed", tone="failed", run=tables.FAILED, title=str(cell["error"]))
    total = (cell["seconds"] or {}).get("total")
    seconds = Entry(tables.NONE) if total is None else Entry(f"{total:,.1f}", "seconds", own)
    identity = Entry(cell["cell"], code=True, anchor=f"cell-{cell['cell']}")
    return [identity, Entry(str(cell["seed"])), *entries, seconds, Entry(chosen or tables.NONE), Entry(name)]


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

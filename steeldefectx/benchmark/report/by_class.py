"""Which classes are recognized, and which are taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steeldefectx.benchmark.report import figures
from steeldefectx.benchmark.report.document import Entry, Figure, Heading, Panel, Section, Table
from steeldefectx.benchmark.report.lines import Results, Run, task_name
from steeldefectx.benchmark.report.tables import NONE, groups, percent
from steeldefectx.utils.figures import confusion

PAIRS = 8
"""Confused pairs that are named."""


def section(results: Results) -> Section:
    """Of each task and data set the run with the highest accuracy, class by class."""
    whole = Section("Class by class", "classes")
    done = [run for run in results.runs if run.done and not run["text_control"] and len(run["classes"]) > 1]
    for number, ((task, data), runs) in enumerate(groups(done, lambda r: (r["task"], r.data)).items(), 1):
        run = max(runs, key=lambda run: run.mean())
        name = f"{task_name(task)}, {data}"
        blocks: list[str | Table | Figure] = [f"The run with the highest accuracy: {run.label} ({run.name})."]
        counts = confusion_counts(results, run)
        if counts is not None:
            plot = confusion(run["classes"], counts)
            words = f"{name}: share of the images of each class that was predicted as each class"
            caption = f"{name}: of 100 images of the class on the left, how many were predicted as the class below."
            blocks.append(Figure(caption, [Panel(plot, words)]))
            pairs = confused_pairs(run, counts)
            blocks += [pairs] if pairs else ["No image was confused."]
        sizes = run["train_counts"] or {}
        if set(run["per_class"]) <= set(sizes) and len(set(sizes.values())) > 1:
            found = {}
            for label in run["per_class"]:
                values = [100 * cell["per_class"][label] for cell in run.done]
                found[label] = (float(np.mean(values)), min(values), max(values))
            plot = figures.recalls(sizes, found)
            caption = f"{name}: recall against class size. Bars: lowest and highest seed."
            blocks.append(Figure(caption, [Panel(plot, f"{name}: recall of each class against its size")]))
        whole.parts.append(Section(name, f"classes-{number}", [*blocks, class_recalls(run)]))
    return whole


def confusion_counts(results: Results, run: Run) -> np.ndarray | None:
    """(C, C) images of class [row] predicted as class [column], over all seeds; None without predictions."""
    found = results.all_predictions(run)
    if not found:
        return None
    counts = np.zeros((len(run["classes"]),) * 2, dtype=np.int64)
    for one in found:
        np.add.at(counts, (one.labels, one.predicted), 1)
    return counts


def confused_pairs(run: Run, counts: np.ndarray) -> Table | None:
    """The classes most often taken for another, by share of their images.

    Args:
        run: Whose they are.
        counts: From :func:`confusion_counts`.
    """
    wrong = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    np.fill_diagonal(wrong, 0)
    rows: list[list[Entry] | Heading] = []
    for position in np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]:
        row, column = divmod(int(position), len(counts))
        if wrong[row, column] == 0:
            break
        pair = f"{row}>{column}"
        values = (
            (f"{100 * wrong[row, column]:.1f}", f"confused_share:{pair}"),
            (f"{100 * wrong[column, row]:.1f}", f"confused_share:{column}>{row}"),
            (f"{counts[row, column]:,} of {counts[row].sum():,}", f"confused_count:{pair}"),
        )
        numbers = [Entry(text, metric, run.ids, run=run.name) for text, metric in values]
        rows.append([Entry(run["classes"][row]), Entry(run["classes"][column]), *numbers])
    if not rows:
        return None
    columns = ("class", "taken for", "% of its images", "% the other way", "images")
    notes = (f"Images counted over {len(run.done)} seeds.",) if len(run.done) > 1 else ()
    return Table(f"Most confused classes: {run.label}, {run.data}", columns, rows, notes, words=2)


def class_recalls(run: Run) -> Table:
    """Recall of each class with its size, the rarest class first.

    Args:
        run: One with something done.
    """
    sizes = run["train_counts"] or {}
    names: Sequence[str] = sorted(run["per_class"], key=lambda name: (sizes.get(name, 0), name))
    rows: list[list[Entry] | Heading] = []
    for name in names:
        values = [cell["per_class"][name] for cell in run.done]
        size = Entry(f"{sizes[name]:,}", f"train_count:{name}", run.ids, run=run.name) if name in sizes else Entry(NONE)
        rows.append([Entry(name), size, Entry(percent(values), f"recall:{name}", run.ids, run=run.name)])
    return Table(
        f"Recall of each class: {run.label}, {run.data}", ("class", "training images", "recall %"), rows, folded=True
    )

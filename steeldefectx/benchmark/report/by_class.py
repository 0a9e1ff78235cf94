"""Which classes are recognized, and which are taken for which."""

from __future__ import annotations

import numpy as np

from steeldefectx.benchmark.report import plots
from steeldefectx.benchmark.report.document import NONE, Document
from steeldefectx.benchmark.report.runs import Results, Run, groups
from steeldefectx.benchmark.report.tables import percent
from steeldefectx.utils.figures import confusion
from steeldefectx.utils.markdown import plain

PAIRS = 8
"""Confused pairs that are named."""


def by_class(document: Document, results: Results) -> None:
    """Of each task and data set the run with the highest accuracy, class by class."""
    done = [run for run in results.runs if run.done and not run["text_control"] and len(run["classes"]) > 1]
    for number, runs in enumerate(groups(done, lambda run: (run.where,)).values(), 1):
        if number == 1:
            document.heading("Class by class", "classes")
        run = max(runs, key=lambda run: run.mean())
        document.heading(run.where, f"classes-{number}", 3)
        document.text(f"The run with the highest accuracy: {plain(run.label)} ([{run.name}](#{run.anchor})).")
        counts = confusion_counts(results, run)
        if counts is not None:
            caption = (
                f"{run.where}: of 100 images of the class on the left, how many were predicted as the class below."
            )
            words = f"{run.where}: share of the images of each class that was predicted as each class"
            document.figure(caption, [(confusion(run["classes"], counts), words)])
            _confused_pairs(document, run, counts)
        sizes = run["train_counts"] or {}
        if set(run["per_class"]) <= set(sizes) and len(set(sizes.values())) > 1:
            caption = f"{run.where}: recall against class size. Bars: lowest and highest seed."
            document.figure(caption, [(plots.recalls(run), f"{run.where}: recall of each class against its size")])
        _recalls(document, run)


def confusion_counts(results: Results, run: Run) -> np.ndarray | None:
    """(C, C) images of class [row] predicted as class [column], over all seeds; None without predictions."""
    by_seed = results.all_predictions(run)
    if not by_seed:
        return None
    counts = np.zeros((len(run["classes"]),) * 2, dtype=np.int64)
    for predictions in by_seed:
        np.add.at(counts, (predictions.labels, predictions.predicted), 1)
    return counts


def _confused_pairs(document: Document, run: Run, counts: np.ndarray) -> None:
    """The classes most often taken for another, by share of their images."""
    wrong = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    np.fill_diagonal(wrong, 0)
    rows = []
    for position in np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]:
        row, column = divmod(int(position), len(counts))
        if wrong[row, column] == 0:
            break
        names = [plain(run["classes"][label]) for label in (row, column)]
        images = f"{counts[row, column]:,} of {counts[row].sum():,}"
        rows.append([*names, f"{wrong[row, column]:.1f}", f"{wrong[column, row]:.1f}", images])
    if not rows:
        document.text("No image was confused.")
        return
    columns = ("class", "taken for", "% of its images", "% the other way", "images")
    notes = (f"Images counted over {len(run.done)} seeds.",) if len(run.done) > 1 else ()
    document.table(f"Most confused classes: {run.label}, {run.data}", columns, rows, notes, words=2)


def _recalls(document: Document, run: Run) -> None:
    """Recall of each class with its size, the rarest class first."""
    sizes = run["train_counts"] or {}
    names = sorted(run["per_class"], key=lambda name: (sizes.get(name, 0), name))
    rows = [
        [
            plain(name),
            f"{sizes[name]:,}" if name in sizes else NONE,
            percent([line["per_class"][name] for line in run.done]),
        ]
        for name in names
    ]
    caption = f"Recall of each class: {run.label}, {run.data}"
    document.table(caption, ("class", "training images", "recall %"), rows, folded=True)

"""What stands behind the tables: intervals, paired tests, what the texts do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steeldefectx.benchmark.report import statistics
from steeldefectx.benchmark.report.document import Entry, Heading, Table
from steeldefectx.benchmark.report.lines import CONTROLS, Cell, Results, Run, task_title
from steeldefectx.benchmark.report.tables import NONE, groups, score, seeds

SIGNIFICANT = 0.05
MATRIX = 24
"""Runs in one matrix of paired tests."""


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same test images, seed by seed."""

    first: tuple[Cell, ...]
    second: tuple[Cell, ...]
    """Of the same seeds."""
    tests: tuple[statistics.Paired, ...]

    @property
    def difference(self) -> float:
        """Mean accuracy of the first minus that of the second, over the shared seeds."""
        return float(np.mean([a["accuracy"] - b["accuracy"] for a, b in zip(self.first, self.second, strict=True)]))

    @property
    def p_value(self) -> float:
        """Exact McNemar tests of all seeds, combined."""
        return statistics.combined_p([test.p_value for test in self.tests])

    @property
    def words(self) -> str:
        """What was counted."""
        counts = ", ".join(
            f"seed {cell['seed']}: {test.only_first} to {test.only_second}"
            for cell, test in zip(self.first, self.tests, strict=True)
        )
        return f"Images that only one of the two recognized: {counts}. p = {self.p_value:.3g}"


def compare(results: Results, first: Run, second: Run) -> Comparison | None:
    """Compare two runs on the seeds that both have; None without such seeds or the same test images."""
    pairs = [(a, b) for a in first.done for b in second.done if a["seed"] == b["seed"]]
    tests = []
    for a, b in pairs:
        found = results.predictions(a), results.predictions(b)
        if found[0] is None or found[1] is None or found[0].test_images != found[1].test_images:
            return None
        tests.append(statistics.mcnemar(found[0].hits, found[1].hits))
    if not pairs:
        return None
    return Comparison(tuple(a for a, _ in pairs), tuple(b for _, b in pairs), tuple(tests))


def all_metrics(results: Results) -> Table:
    """Every run with all metrics and intervals."""
    rows: list[list[Entry] | Heading] = []
    for (task, data), runs in groups(results.runs, lambda run: (run["task"], run.data)).items():
        rows.append(Heading(f"{task_title(task)}, {data}"))
        most = max(len(run.done) for run in runs)
        for run in runs:
            if run.done:
                others = ("macro_f1", "calibration_error", "head_accuracy", "medium_accuracy", "tail_accuracy")
                accuracies = [score(run), _interval(results, run), score(run, "mean_accuracy")]
                accuracies.append(_interval(results, run, "mean_accuracy_interval"))
                numbers = [*accuracies, *(score(run, metric) for metric in others)]
            else:
                numbers = [score(run), *[Entry(NONE)] * 8]
            rows.append([Entry(run.name, run=run.name), Entry(run.label), seeds(run, most), *numbers])
    columns = (
        "run",
        "what",
        "seeds",
        "Acc %",
        "95 %",
        "mAcc %",
        "95 %",
        "macro-F1 %",
        "ECE %",
        "head",
        "medium",
        "tail",
    )
    notes = (
        "95 %: percentile bootstrap interval over test images, for mAcc class by class. With several seeds it is that "
        "of their mean, images drawn once for all seeds: it shows what other test images could change, ± what "
        "another seed could.",
        "ECE: expected calibration error, 15 bins. Head, medium and tail: mean recall of the third of the classes with "
        "most training images, of the rest, and of the third with fewest.",
    )
    return Table("Every run, all metrics", columns, rows, notes, words=2)


def interval_text(interval: tuple[float, float]) -> str:
    """An interval of fractions, in percent."""
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"


def _interval(results: Results, run: Run, metric: str = "accuracy_interval") -> Entry:
    found = results.all_predictions(run)
    if not found:
        return Entry(NONE, tone="soft", title="No predictions: see Left out.")
    hits = np.mean([one.hits for one in found], axis=0)
    if metric == "accuracy_interval":
        interval = statistics.accuracy_interval(hits)
    else:
        interval = statistics.mean_accuracy_interval(hits, found[0].labels)
    return Entry(interval_text(interval), metric, run.ids, run=run.name)


def matrices(results: Results) -> list[Table]:
    """Paired tests between all runs of a task on the same test images; in task 3, of the same number of shots."""
    tables = []
    runs = [run for run in results.runs if results.all_predictions(run)]

    def key(run: Run) -> tuple[object, ...]:
        shots = run["shots"] if run["task"] == "task3" else None
        return (run["task"], shots, results.all_predictions(run)[0].test_images)

    for (task, shots, _), group in groups(runs, key).items():
        if len(group) > 1:
            amount = "" if shots is None else ", zero-shot" if shots == 0 else f", {shots} shot{'s' * (shots != 1)}"
            tables.append(_matrix(results, group, f"{task_title(task)}, {group[0].data}{amount}"))
    return tables


def _matrix(results: Results, group: list[Run], caption: str) -> Table:
    runs = sorted(group, key=lambda run: -run.mean())[:MATRIX]
    found = {}
    for row, first in enumerate(runs):
        for column in range(row + 1, len(runs)):
            comparison = compare(results, first, runs[column])
            if comparison is not None:
                found[row, column] = comparison
    holm = dict(zip(found, statistics.holm([one.p_value for one in found.values()]), strict=True))
    rows: list[list[Entry] | Heading] = []
    for row, run in enumerate(runs):
        entries = [Entry(run.name, run=run.name), Entry(run.label), score(run)]
        for column in range(len(runs)):
            pair = (min(row, column), max(row, column))
            if pair not in found:
                entries.append(Entry("" if row == column else NONE, tone="soft"))
            else:
                entries.append(_of_pair(found[pair], holm[pair], column > row, runs[row].name, runs[column].name))
        rows.append(entries)
    notes = [
        "Above the diagonal p, below it the difference in Acc, row minus column, in points; runs from best to worst. "
        "Exact McNemar tests on the same images, seed by seed; p of several seeds by Rüger's inequality, which does "
        "not take them for independent. Coloured: significant at 0.05 after Holm's "
        f"correction for the {len(found)} tests of this table."
    ]
    if len(group) > len(runs):
        notes.append(f"The best {len(runs)} of {len(group)} runs.")
    names = tuple(run.name for run in runs)
    return Table(caption, ("run", "what", "Acc %", *names), rows, tuple(notes), words=2, matrix=True)


def p_text(p_value: float) -> str:
    """A p-value with three digits."""
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def points(difference: float) -> str:
    """A difference of fractions, in points, with its sign."""
    rounded = round(100 * difference, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def _of_pair(comparison: Comparison, adjusted: float, upper: bool, row: str, column: str) -> Entry:
    tone = ("better" if comparison.difference > 0 else "worse") if adjusted < SIGNIFICANT else ""
    first = tuple(cell["cell"] for cell in comparison.first)
    second = tuple(cell["cell"] for cell in comparison.second)
    title = f"{row} and {column}. {comparison.words}; {adjusted:.3g} after Holm."
    if upper:
        return Entry(p_text(comparison.p_value), "p_value", first, second, run=row, tone=tone, title=title)
    if tone:
        tone = "worse" if tone == "better" else "better"
    return Entry(points(-comparison.difference), "difference", second, first, run=row, tone=tone, title=title)


def text_effects(results: Results) -> Table | None:
    """Each run trained on T1 to T3 against the same with T0 and with shuffled texts."""
    partners = [run for run in results.runs if run.done]
    rows: list[list[Entry] | Heading] = []
    trained = [run for run in partners if run["train_text"] not in (None, "T0") and not run["text_control"]]
    for (task, data), block in groups(trained, lambda run: (run["task"], run.data)).items():
        heading = Heading(f"{task_title(task)}, {data}")
        for run in block:
            others = [_partner(run, partners, "T0", None)]
            others += [_partner(run, partners, run["train_text"], control) for control in CONTROLS if control]
            if not any(others):
                continue
            if heading not in rows:
                rows.append(heading)
            entries = [entry for other in others for entry in _effect(results, run, other)]
            rows.append([Entry(run.name, run=run.name), Entry(run.label), score(run), *entries])
    if not rows:
        return None
    columns = ("run", "what", "Acc %", "− T0", "p", "− shuffled within", "p", "− shuffled across", "p")
    notes = (
        "Differences in Acc, in points, to the same run with T0 or with shuffled texts; exact McNemar tests, "
        "not corrected for how many they are.",
        "If texts of other images of the class serve as well as an image's own, what helps is not what they say of the "
        "image.",
    )
    return Table("What the texts do", columns, rows, notes, words=2)


def _partner(run: Run, runs: list[Run], train_text: str, control: str | None) -> Run | None:
    """The run that differs from another in its training texts alone."""
    same = ("task", "dataset", "config", "model", "method", "shots", "train_on", "test_on", "data_fingerprint")
    test_texts = (run["test_text"], train_text if run["test_text"] == run["train_text"] else run["test_text"])
    found = [
        other
        for other in runs
        if other["train_text"] == train_text
        and other["text_control"] == control
        and other["test_text"] in test_texts
        and other.variant == run.variant
        and all(other[key] == run[key] for key in same)
    ]
    return next(iter(found), None)


def _effect(results: Results, run: Run, other: Run | None) -> list[Entry]:
    comparison = None if other is None else compare(results, run, other)
    if other is None or comparison is None:
        return [Entry(NONE, tone="soft")] * 2
    first = tuple(cell["cell"] for cell in comparison.first)
    second = tuple(cell["cell"] for cell in comparison.second)
    clear = comparison.p_value < SIGNIFICANT
    tone = ("better" if comparison.difference > 0 else "worse") if clear else ""
    title = f"{run.name} and {other.name}. {comparison.words}"
    return [
        Entry(points(comparison.difference), "difference", first, second, run=other.name, tone=tone, title=title),
        Entry(p_text(comparison.p_value), "p_value", first, second, run=other.name, title=title),
    ]

"""What stands behind the tables: intervals, paired tests, what the texts do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steeldefectx.benchmark.grid import ACROSS, WITHIN
from steeldefectx.benchmark.report import statistics
from steeldefectx.benchmark.report.document import NONE, Document, link
from steeldefectx.benchmark.report.runs import Results, Run, groups, shots_text
from steeldefectx.benchmark.report.tables import score, seeds
from steeldefectx.utils.markdown import plain

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same test images, seed by seed."""

    difference: float
    """Mean accuracy of the first minus that of the second, over the seeds that both have."""
    p_value: float
    """Exact McNemar tests of these seeds, combined."""
    counts: str
    """What was counted, in words."""


def compare(results: Results, first: Run, second: Run) -> Comparison | None:
    """Compare two runs on the seeds that both have; None without such seeds or the same test images."""
    differences, p_values, counts = [], [], []
    for a, b in ((a, b) for a in first.done for b in second.done if a["seed"] == b["seed"]):
        ours, theirs = results.predictions(a), results.predictions(b)
        if ours is None or theirs is None or ours.test_images != theirs.test_images:
            return None
        test = statistics.mcnemar(ours.hits, theirs.hits)
        differences.append(a["accuracy"] - b["accuracy"])
        p_values.append(test.p_value)
        counts.append(f"seed {a['seed']}: {test.only_first} to {test.only_second}")
    if not counts:
        return None
    words = f"Images that only one of the two recognized: {', '.join(counts)}"
    return Comparison(float(np.mean(differences)), statistics.combined_p(p_values), words)


def all_metrics(document: Document, results: Results) -> None:
    """Every run with all metrics and intervals."""
    others = ("macro_f1", "calibration_error", "head_accuracy", "medium_accuracy", "tail_accuracy")
    rows = []
    for runs in groups(results.runs, lambda run: (run.where,)).values():
        most = max(len(run.done) for run in runs)
        for run in runs:
            numbers = [score(run), *[NONE] * 8]
            if run.done:
                accuracy, mean_accuracy = _intervals(results, run)
                numbers = [score(run), accuracy, score(run, "mean_accuracy"), mean_accuracy]
                numbers += [score(run, metric) for metric in others]
            rows.append([link(run.name, run.anchor), plain(run.where), plain(run.label), seeds(run, most), *numbers])
    columns = (
        *("run", "where", "what", "seeds", "Acc %", "95 %", "mAcc %", "95 %"),
        *("macro-F1 %", "ECE %", "head", "medium", "tail"),
    )
    notes = (
        "95 %: percentile bootstrap interval over test images, for mAcc class by class. With several seeds it is that "
        "of their mean, images drawn once for all seeds: it shows what other test images could change, ± what "
        "another seed could.",
        "ECE: expected calibration error, 15 bins. Head, medium and tail: mean recall of the third of the classes with "
        "most training images, of the rest, and of the third with fewest.",
    )
    document.table("Every run, all metrics", columns, rows, notes, words=3)


def _intervals(results: Results, run: Run) -> list[str]:
    """Of Acc and of mAcc, in percent."""
    by_seed = results.all_predictions(run)
    if not by_seed:
        return [NONE, NONE]
    hits = np.mean([predictions.hits for predictions in by_seed], axis=0)
    ends = (statistics.interval(hits), statistics.interval(hits, by_seed[0].labels))
    return [f"{100 * low:.1f} to {100 * high:.1f}" for low, high in ends]


def best_and_rest(document: Document, results: Results) -> None:
    """Of each task the best run against every other on the same test images; in task 3, of the same number of shots."""

    def key(run: Run) -> tuple[object, ...]:
        shots = run["shots"] if run["task"] == "task3" else None
        return (run["task"], shots, results.all_predictions(run)[0].test_images)

    rows = []
    tested = [run for run in results.runs if results.all_predictions(run)]
    for (_, shots, _), runs in groups(tested, key).items():
        best, *rest = sorted(runs, key=lambda run: -run.mean())
        pairs = [(run, comparison) for run in rest if (comparison := compare(results, best, run)) is not None]
        adjusted = statistics.holm([comparison.p_value for _, comparison in pairs])
        where = best.where if shots is None else f"{best.where}, {shots_text(shots)}"
        for (run, comparison), holm in zip(pairs, adjusted, strict=True):
            words = [plain(where), link(best.name, best.anchor), link(run.name, run.anchor), plain(run.label)]
            p_value = link(p_text(comparison.p_value), run.anchor, comparison.counts)
            numbers = [_difference(-comparison.difference, holm), p_value, p_text(holm)]
            rows.append([*words, score(run), *numbers])
    if rows:
        columns = ("where", "best", "run", "what", "Acc %", "− best", "p", "p, Holm")
        notes = (
            "Each run minus the best of its task and test images, in points of Acc. Exact McNemar tests on the same "
            "images, seed by seed; p of several seeds by Rüger's inequality, which does not take them for independent. "
            "Bold: significant at 0.05 after Holm's correction for the tests against this best run.",
        )
        document.heading("Paired tests", "paired")
        document.table("The best run against the rest", columns, rows, notes, words=4)


def p_text(p_value: float) -> str:
    """A p-value with three digits."""
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def points(difference: float) -> str:
    """A difference of fractions, in points, with its sign."""
    rounded = round(100 * difference, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def _difference(difference: float, p_value: float) -> str:
    return f"**{points(difference)}**" if p_value < SIGNIFICANT else points(difference)


def text_effects(document: Document, results: Results) -> None:
    """Each run trained on T1 to T3 against the same with T0 and with shuffled texts."""
    done = [run for run in results.runs if run.done]
    rows = []
    for run in done:
        level = run["train_text"]
        if level in (None, "T0") or run["text_control"]:
            continue
        others = [
            _partner(run, done, "T0", None),
            *(_partner(run, done, level, control) for control in (WITHIN, ACROSS)),
        ]
        if any(others):
            effects = [entry for other in others for entry in _effect(results, run, other)]
            rows.append([link(run.name, run.anchor), plain(run.where), plain(run.label), score(run), *effects])
    if rows:
        columns = ("run", "where", "what", "Acc %", "− T0", "p", "− shuffled within", "p", "− shuffled across", "p")
        notes = (
            "Differences in Acc, in points, to the same run with T0 or with shuffled training texts; exact McNemar "
            "tests, not corrected for how many they are. Bold: p below 0.05.",
            "If texts of other images of the class serve as well as an image's own, what helps is not what they say of "
            "the image.",
        )
        document.table("What the texts do", columns, rows, notes, words=3)


def _partner(run: Run, runs: list[Run], train_text: str, control: str | None) -> Run | None:
    """The run that differs from another in its training texts alone."""
    same = ("task", "dataset", "config", "model", "method", "shots", "train_on", "test_on", "data_fingerprint")
    test_texts = (run["test_text"], train_text if run["test_text"] == run["train_text"] else run["test_text"])
    partners = (
        other
        for other in runs
        if other["train_text"] == train_text
        and other["text_control"] == control
        and other["test_text"] in test_texts
        and other.variant == run.variant
        and all(other[key] == run[key] for key in same)
    )
    return next(partners, None)


def _effect(results: Results, run: Run, other: Run | None) -> list[str]:
    comparison = None if other is None else compare(results, run, other)
    if other is None or comparison is None:
        return [NONE, NONE]
    p_value = comparison.p_value
    difference = link(_difference(comparison.difference, p_value), other.anchor, comparison.counts)
    return [difference, plain(p_text(p_value))]

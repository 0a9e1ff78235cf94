"""The report's plots, with shapes beside the colours: which runs go into which, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steeldefectx.benchmark.grid import ACROSS, WITHIN, ZERO_SHOT
from steeldefectx.benchmark.report import statistics
from steeldefectx.benchmark.report.document import Document
from steeldefectx.benchmark.report.runs import CONTROL_TITLES, Results, Run, groups, short, shots_text
from steeldefectx.methods import ENCODER_METHODS
from steeldefectx.utils.figures import COLORS, INK, SOFT, STYLE

MARKERS = "osD^vPX*"
BARS = {None: ("#0072b2", ""), WITHIN: ("#56b4e9", "///"), ACROSS: ("#e69f00", "xxx")}
"""Control -> colour and hatch."""
WIDTH = 4.8
"""Inches of a plot that has its neighbour beside it."""


def shot_curves(document: Document, runs: list[Run]) -> None:
    """Accuracy against shots, a plot for each model and text level, if there are two points to join.

    Args:
        document: Where to.
        runs: Of task 3, one data set.
    """
    panels = []
    few_shot = [run for run in runs if run["shots"] and run.done and not run["text_control"]]
    for (model, texts), block in groups(few_shot, lambda run: (run["model"], run.texts)).items():
        lines = groups(block, lambda run: (" ".join(filter(None, (run["method"], run.variant))),))
        if max(map(len, lines.values())) > 1:
            named = {name: line for (name,), line in lines.items()}
            zero_shot = next((run for run in runs if _is_zero_shot_of(run, block[0])), None)
            title = f"{short(model)}, texts {texts}"
            words = f"{title}, {block[0].data}: accuracy against shots for {', '.join(named)}"
            panels.append((_curves(title, named, zero_shot), words))
    if panels:
        caption = (
            f"{few_shot[0].data}: accuracy against shots. Bars: sample standard deviation over seeds. Dashed: methods "
            "that train inside the towers."
        )
        document.figure(caption, panels)


def _is_zero_shot_of(run: Run, other: Run) -> bool:
    same = all(run[key] == other[key] for key in ("model", "test_text"))
    return run["shots"] == 0 and bool(run.done) and same


def _curves(title: str, lines: Mapping[str, list[Run]], zero_shot: Run | None) -> Figure:
    """Accuracy against shots, a line for each method, and zero-shot right across."""
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, 4.3), layout="constrained")
        axes = figure.subplots()
        for number, (name, runs) in enumerate(lines.items()):
            nudge = 1 + 0.012 * (number - (len(lines) - 1) / 2)  # error bars beside, not on each other
            means, deviations = zip(*map(_percent, runs), strict=True)
            axes.errorbar(
                [run["shots"] * nudge for run in runs],
                means,
                deviations,
                label=name,
                color=COLORS[number % len(COLORS)],
                marker=MARKERS[number % len(MARKERS)],
                linestyle="--" if runs[0]["method"] in ENCODER_METHODS else "-",
                markersize=5.5,
                linewidth=1.6,
                capsize=2.5,
                elinewidth=1,
            )
        if zero_shot is not None:
            label = f"zero-shot {zero_shot['test_text']}"
            axes.axhline(_percent(zero_shot)[0], color=SOFT, linestyle=":", linewidth=1.4, label=label)
        ticks = sorted({run["shots"] for runs in lines.values() for run in runs})
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{shots:g}" for shots in ticks])
        axes.minorticks_off()
        axes.set_xlabel("training images a class (shots)")
        axes.set_ylabel("Acc %")
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handlelength=2.4)
    return figure


def text_bars(document: Document, results: Results) -> None:
    """Accuracy by text level, a plot for each setting that was run with shuffled texts too."""

    def key(run: Run) -> tuple[Any, ...]:
        return (run.where, run["model"], run["method"], run["shots"], run.variant)

    panels = []
    trained = [run for run in results.runs if run.done and run["train_text"] and run["method"] != ZERO_SHOT]
    for block in groups(trained, key).values():
        if any(run["text_control"] for run in block):
            run = block[0]
            amount = f", {shots_text(run['shots'])}" if run["shots"] else ""
            title = f"{short(run['model'])}, {run['method']}{amount}"
            words = f"{run.where}, {title}: accuracy by text level and with shuffled texts"
            panels.append((_bars(f"{run.where}\n{title}", block), words))
    if panels:
        caption = "Accuracy by level of the texts, beside it with shuffled texts. Bars: standard deviation over seeds."
        document.figure(caption, panels)


def _bars(title: str, runs: list[Run]) -> Figure:
    """Accuracy by text level, and beside the true texts the shuffled ones."""
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, 3.5), layout="constrained")
        axes = figure.subplots()
        levels = sorted({run.texts for run in runs})
        for position, level in enumerate(levels):
            present = [run for control in BARS for run in runs if (run.texts, run["text_control"]) == (level, control)]
            for number, run in enumerate(present):
                mean, deviation = _percent(run)
                x = position + 0.27 * (number - (len(present) - 1) / 2)
                _bar(axes, x, mean, run["text_control"])
                axes.errorbar(x, mean, deviation, color=INK, capsize=2, elinewidth=1)
                above = (x, mean + deviation)
                axes.annotate(f"{mean:.1f}", above, (0, 2), textcoords="offset points", ha="center", fontsize=8)
        for control in BARS:
            if control in {run["text_control"] for run in runs}:
                _bar(axes, 0, 0, control, CONTROL_TITLES[control] or "true texts")
        axes.set_xticks(range(len(levels)), levels)
        axes.tick_params(axis="x", length=0)
        axes.margins(y=0.1)
        axes.set_ylabel("Acc %")
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handlelength=1.4)
    return figure


def _bar(axes: Axes, x: float, height: float, control: str | None, label: str | None = None) -> None:
    color, hatch = BARS[control]
    axes.bar(x, height, 0.25, label=label, color=color, hatch=hatch, edgecolor="white", linewidth=0)


def recalls(run: Run) -> Figure:
    """Recall of each class against its training images, with the lowest and highest seed; the worst are named."""
    names = list(run["per_class"])
    values = 100 * np.array([[line["per_class"][name] for name in names] for line in run.done])
    x = np.array([run["train_counts"][name] for name in names], dtype=float)
    y, low, high = values.mean(0), values.min(0), values.max(0)
    with mpl.rc_context(STYLE):
        figure = Figure((2 * WIDTH, 3.9), layout="constrained")
        axes = figure.subplots()
        spread = np.maximum(0, [y - low, high - y])
        axes.errorbar(x, y, spread, fmt="o", color=COLORS[0], markersize=5.5, elinewidth=1, capsize=2, alpha=0.9)
        axes.set_xscale("log")
        ticks = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if x.min() * 0.8 <= n <= x.max() * 1.25]
        if len(ticks) < 2:
            ticks = sorted({int(x.min()), int(x.max())})
        axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
        axes.minorticks_off()
        bottom = max(0.0, low.min() - 6)
        axes.set_ylim(bottom, 100 + 0.06 * (100 - bottom))
        axes.margins(x=0.12)
        _name_lowest(axes, names, x, y, bottom)
        axes.set_xlabel("training images of the class")
        axes.set_ylabel("recall %")
    return figure


def _name_lowest(axes: Axes, names: list[str], x: np.ndarray, y: np.ndarray, bottom: float) -> None:
    """Name the lowest points where there is room for a name, to the right of them or else to the left."""
    across = np.log(x) / (np.log(x.max() * 1.25) - np.log(x.min() * 0.8))
    up = y / (100 - bottom)
    named: list[int] = []
    for n in np.argsort(y, kind="stable")[:8].tolist():
        away, near = across - across[n], abs(up - up[n]) < 0.05
        close = any(abs(away[m]) < 0.2 and near[m] for m in named)
        right, left = not (near & (away > 0) & (away < 0.17)).any(), not (near & (away < 0) & (away > -0.17)).any()
        if y[n] == 100 or close or not (right or left):
            continue
        named.append(n)
        place: dict[str, Any] = {"xytext": (7, -3) if right else (-7, -3), "ha": "left" if right else "right"}
        axes.annotate(names[n], (x[n], y[n]), textcoords="offset points", fontsize=8.5, color=SOFT, **place)


def _percent(run: Run) -> tuple[float, float]:
    """Mean and standard deviation (0 for one seed) of the accuracy."""
    mean, deviation = statistics.mean_std(run.values("accuracy"))
    return 100 * mean, 100 * (deviation or 0)

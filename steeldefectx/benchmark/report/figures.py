"""The report's plots, with shapes beside the colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steeldefectx.utils.figures import COLORS, INK, SOFT, STYLE

MARKERS = "osD^vPX*"
BARS = {"": "#0072b2", "shuffled-within-class": "#56b4e9", "shuffled-across-classes": "#e69f00"}
HATCHES = {"": "", "shuffled-within-class": "///", "shuffled-across-classes": "xxx"}
WIDTH = 4.8
"""Inches of a plot that has its neighbour beside it."""

Points = Sequence[tuple[float, float, float | None]]
"""(x, mean, standard deviation or None)."""


def curves(title: str, lines: Mapping[str, Points], level: tuple[str, float] | None, dashed: Sequence[str]) -> Figure:
    """Accuracy against shots, a line for each method.

    Args:
        title: What is shown.
        lines: Method -> points, accuracies in percent.
        level: A name and an accuracy in percent drawn right across, for zero-shot.
        dashed: Methods drawn with dashes.
    """
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, 4.3), layout="constrained")
        axes = figure.subplots()
        ticks = sorted({x for points in lines.values() for x, _, _ in points})
        for number, (name, points) in enumerate(lines.items()):
            nudge = 1 + 0.012 * (number - (len(lines) - 1) / 2)  # error bars beside, not on each other
            axes.errorbar(
                [x * nudge for x, _, _ in points],
                [mean for _, mean, _ in points],
                [std or 0 for _, _, std in points],
                label=name,
                color=COLORS[number % len(COLORS)],
                marker=MARKERS[number % len(MARKERS)],
                linestyle="--" if name in dashed else "-",
                markersize=5.5,
                linewidth=1.6,
                capsize=2.5,
                elinewidth=1,
            )
        if level:
            axes.axhline(level[1], color=SOFT, linestyle=":", linewidth=1.4, label=level[0])
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
        axes.minorticks_off()
        axes.set_xlabel("training images a class (shots)")
        axes.set_ylabel("Acc %")
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handlelength=2.4)
    return figure


def bars(title: str, levels: Sequence[str], groups: Mapping[str, Mapping[str, tuple[float, float | None]]]) -> Figure:
    """Accuracy by text level, and beside the true texts the shuffled ones.

    Args:
        title: What is shown.
        levels: Text levels, in order.
        groups: Control ("" for true texts) -> level -> mean and standard deviation in percent.
    """
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, 3.5), layout="constrained")
        axes = figure.subplots()
        for position, level in enumerate(levels):
            present = [control for control in groups if level in groups[control]]
            for number, control in enumerate(present):
                mean, std = groups[control][level]
                x = position + 0.27 * (number - (len(present) - 1) / 2)
                _bar(axes, x, mean, control)
                axes.errorbar(x, mean, std or 0, color=INK, capsize=2, elinewidth=1)
                above = (x, mean + (std or 0))
                axes.annotate(f"{mean:.1f}", above, (0, 2), textcoords="offset points", ha="center", fontsize=8)
        for control in groups:
            _bar(axes, 0, 0, control, control.replace("-", " ") or "true texts")
        axes.set_xticks(range(len(levels)), levels)
        axes.tick_params(axis="x", length=0)
        axes.margins(y=0.1)
        axes.set_ylabel("Acc %")
        axes.set_title(title)
        figure.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handlelength=1.4)
    return figure


def _bar(axes: Axes, x: float, height: float, control: str, label: str | None = None) -> None:
    color, hatch = BARS.get(control, COLORS[3]), HATCHES.get(control, "xx")
    axes.bar(x, height, 0.25, label=label, color=color, hatch=hatch, edgecolor="white", linewidth=0)


def recalls(sizes: Mapping[str, int], found: Mapping[str, tuple[float, float, float]]) -> Figure:
    """Recall of each class against its size; the worst classes are named.

    Args:
        sizes: Class -> training images.
        found: Class -> mean, lowest and highest recall over the seeds, in percent.
    """
    with mpl.rc_context(STYLE):
        figure = Figure((2 * WIDTH, 3.9), layout="constrained")
        axes = figure.subplots()
        x = np.array([sizes[name] for name in found], dtype=float)
        y, low, high = np.array(list(found.values())).T
        axes.errorbar(
            x,
            y,
            np.maximum(0, [y - low, high - y]),
            fmt="o",
            color=COLORS[0],
            markersize=5.5,
            elinewidth=1,
            capsize=2,
            alpha=0.9,
        )
        axes.set_xscale("log")
        ticks = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if x.min() * 0.8 <= n <= x.max() * 1.25]
        if len(ticks) < 2:
            ticks = sorted({int(x.min()), int(x.max())})
        axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
        axes.minorticks_off()
        bottom = max(0.0, low.min() - 6)
        axes.set_ylim(bottom, 100 + 0.06 * (100 - bottom))
        axes.margins(x=0.12)
        _name_lowest(axes, list(found), x, y, bottom)
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

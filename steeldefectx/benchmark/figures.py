"""The report's plots: one style, colours that colour-blind readers tell apart, and shapes beside the colours."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, LINE = "#1c2430", "#5d6878", "#d5dbe3"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, without black and yellow."""
MARKERS = "osD^vPX*"
BARS = {"": "#0072b2", "shuffled-within-class": "#56b4e9", "shuffled-across-classes": "#e69f00"}
HATCHES = {"": "", "shuffled-within-class": "///", "shuffled-across-classes": "xxx"}
WIDTH = 4.8
"""Inches of a plot that has its neighbour beside it."""
THEMED = {INK: "var(--ink)", SOFT: "var(--soft)", LINE: "var(--line)"}
"""Colours that a page sets, so that plots are readable on light and dark."""
STYLE = {
    "font.size": 9.5,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "steeldefectx",  # the same plot is the same file
}

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


def confusion(classes: Sequence[str], counts: np.ndarray) -> Figure:
    """Which classes are taken for which: each row shows where the images of a class went.

    Args:
        classes: C names.
        counts: (C, C) images of class [row] predicted as class [column].
    """
    with mpl.rc_context(STYLE):
        side = 3.2 + 0.265 * len(classes)
        figure = Figure((side, side - 0.6), layout="constrained")
        axes = figure.subplots()
        share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        for (row, column), value in np.ndenumerate(share):
            if value > 0:
                right = row == column
                axes.fill_between(
                    [column - 0.5, column + 0.5],
                    row - 0.5,
                    row + 0.5,
                    color=COLORS[0] if right else COLORS[1],
                    alpha=float(0.1 + 0.9 * value**0.6) if not right else float(0.12 + 0.8 * value),
                    linewidth=0,
                )
            if value >= 0.005:
                dark = value > 0.5 if row == column else value > 0.3
                axes.text(
                    column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=7.5,
                    color="white" if dark else INK,
                )  # fmt: skip
        axes.set_xlim(-0.5, len(classes) - 0.5)
        axes.set_ylim(len(classes) - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", rotation_mode="anchor", fontsize=8.5)
        axes.set_yticks(range(len(classes)), classes, fontsize=8.5)
        axes.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
        axes.grid(False)
        axes.grid(which="minor", axis="both", color=LINE, linewidth=0.5)
        axes.tick_params(which="both", length=0)
        _frame(axes)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
    return figure


def _frame(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(LINE)


def to_png(figure: Figure) -> bytes:
    """A plot as PNG on white, the same bytes for the same plot."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE), _no_glyph_warnings():
        figure.savefig(buffer, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: Figure, prefix: str) -> str:
    """A plot as an ``<svg>`` element for a page: no background, the page's colours for ink and lines.

    Args:
        figure: The plot.
        prefix: What its ids begin with, so that they are unique on the page.
    """
    buffer = io.StringIO()
    with mpl.rc_context(STYLE), _no_glyph_warnings():
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg).replace("url(#", f"url(#{prefix}-")
    for color, variable in THEMED.items():
        svg = svg.replace(color, variable)
    return svg


def _no_glyph_warnings() -> warnings.catch_warnings:
    """Class names may be in scripts that the font lacks."""
    return warnings.catch_warnings(action="ignore")

"""Figures: one style, colours that colour-blind readers tell apart, and the forms they are written in."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, LINE = "#1c2430", "#5d6878", "#d5dbe3"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, without black and yellow."""
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

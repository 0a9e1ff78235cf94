"""Pictures of a data set for its card: classes, image sizes, attributes, and an image of each class."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steeldefectx.data.dataset_statistics import Statistics
from steeldefectx.data.images import open_image
from steeldefectx.language.attributes import CELLS
from steeldefectx.utils.grey_levels import to_display

TRAIN, TEST, INK, SOFT = "#3568b8", "#d98a2b", "#1c2430", "#5d6878"
THUMBNAIL = 160
SHOWN_SIZES = 12
EXAMPLES_PER_ROW = 5
ORDERED = {
    "scale": ("tiny", "small", "medium", "large", "extensive"),
    "polarity": ("dark", "neutral", "bright"),
    "saliency": ("low", "medium", "high"),
    "number": ("one", "two", "three", "four", "five", "multiple"),
}
"""Attributes whose values have an order; of the others the most frequent comes first."""
STYLE: dict[str, Any] = {"color": SOFT, "fontsize": 9}


def write_plots(statistics: Statistics, examples: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    """Write the plots that the data give, as PNG.

    Args:
        statistics: What the data set holds.
        examples: Class -> an image file's bytes.
        folder: Where to; made if need be.

    Returns:
        File name -> what it shows, in words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plots = {
        "examples.png": (_examples(examples), f"An image of each of {len(examples)} classes"),
        "classes.png": (_classes(statistics), "Images of each class, by split"),
        "sizes.png": (_sizes(statistics), "Image sizes"),
    }
    if statistics.cells:
        plots["attributes.png"] = (_attributes(statistics), "Attributes of the images that have a mask")
    written = {}
    for name, (figure, words) in plots.items():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # class names in scripts that the font lacks
            # No date and no version inside: the same data give the same file.
            figure.savefig(folder / name, dpi=130, metadata={"Software": None})
        written[name] = words
    return written


def _classes(statistics: Statistics) -> Figure:
    splits = statistics.splits()
    names = sorted(statistics.class_names(), key=lambda name: sum(statistics.classes[name, split] for split in splits))
    figure = Figure((8, 1.1 + 0.24 * len(names)), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(names))
    for split, color in zip(splits, (TRAIN, TEST), strict=False):
        counts = np.array([statistics.classes[name, split] for name in names])
        axes.barh(names, counts, left=left, color=color, label=split, height=0.7)
        left += counts
    for position, count in enumerate(left.astype(int)):
        axes.text(count, position, f" {count:,}", va="center", **STYLE)
    axes.set_xlim(0, left.max() * 1.1)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel("images", **STYLE)
    axes.legend(frameon=False, loc="lower right")
    _bare(axes)
    return figure


def _sizes(statistics: Statistics) -> Figure:
    shown = statistics.sizes.most_common(SHOWN_SIZES)
    other = sum(statistics.sizes.values()) - sum(count for _, count in shown)
    labels = [f"{width} × {height}" for (width, height), _ in shown] + (["other"] if other else [])
    counts = [count for _, count in shown] + ([other] if other else [])
    figure = Figure((8, 1 + 0.26 * len(labels)), layout="constrained")
    _bars(figure.subplots(), labels, counts, "images of so many pixels (width × height)")
    return figure


def _attributes(statistics: Statistics) -> Figure:
    figure = Figure((11, 7.5), layout="constrained")
    axes = figure.subplots(2, 4).ravel()
    for axis, (name, counts) in zip(axes, statistics.attributes.items(), strict=False):
        values = [value for value, _ in counts.most_common()]
        values = [value for value in ORDERED.get(name, values) if counts[value]] or values
        _bars(axis, values, [counts[value] for value in values], name.replace("_", " "))
    _grid(axes[len(statistics.attributes)], statistics.cells)
    return figure


def _bars(axes: Axes, labels: list[str], counts: list[int], title: str) -> None:
    axes.barh(labels[::-1], counts[::-1], color=TRAIN, height=0.7)
    for position, count in enumerate(counts[::-1]):
        axes.text(count, position, f" {count:,}", va="center", **STYLE)
    axes.set_xlim(0, max(counts) * 1.25)
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    _bare(axes)


def _grid(axes: Axes, cells: Counter[str]) -> None:
    """Where most of the defect lies, as a 3x3 grid of shares."""
    share = np.array([cells[cell] for cell in CELLS]).reshape(3, 3) / sum(cells.values())
    axes.imshow(share, cmap="Blues", vmin=0)
    for (row, column), value in np.ndenumerate(share):
        color = "white" if value > share.max() / 2 else INK
        axes.text(column, row, f"{value:.0%}", ha="center", va="center", color=color)
    axes.set_title("position of most of the defect", fontsize=10, color=INK, loc="left")
    axes.set_axis_off()


def _examples(examples: Mapping[str, bytes]) -> Figure:
    rows = -(-len(examples) // EXAMPLES_PER_ROW)
    columns = min(len(examples), EXAMPLES_PER_ROW)
    figure = Figure((2 * columns, 2.25 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (name, content) in zip(axes, examples.items(), strict=False):
        small = to_display(open_image(io.BytesIO(content)))
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        axis.imshow(small, interpolation="nearest")
        axis.set_title(_two_lines(name), fontsize=8, color=INK)
    return figure


def _two_lines(name: str) -> str:
    """A name broken at the space nearest its middle, if it is long."""
    spaces = [position for position, letter in enumerate(name) if letter == " "]
    if len(name) <= 18 or not spaces:
        return name
    middle = min(spaces, key=lambda position: abs(position - len(name) / 2))
    return f"{name[:middle]}\n{name[middle + 1 :]}"


def _bare(axes: Axes) -> None:
    """Bars with their numbers need neither ticks nor a frame."""
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    axes.tick_params(axis="y", length=0, labelsize=9)

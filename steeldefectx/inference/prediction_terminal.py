"""Predictions for people at a terminal: a line an image, then how many images are of which class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from steeldefectx.inference.table_files import Row
from steeldefectx.taxonomy import find_class

SHOWN = 40
"""Images with a line of their own."""


@contextmanager
def terminal_table() -> Iterator[Callable[[Path, list[Row]], None]]:
    """A function that adds a file's rows to two tables, which are printed when the ``with`` block ends well."""
    lines: list[tuple[Path, list[Row]]] = []
    counts: Counter[str | None] = Counter()

    def add(file: Path, rows: list[Row]) -> None:
        best = rows[0]
        counts["not readable" if best["error"] else None if best["abstained"] else best["class"]] += 1
        if len(lines) < SHOWN:
            lines.append((file, rows))

    yield add
    console = Console()
    console.print(_images(lines))
    if (more := sum(counts.values()) - len(lines)) > 0:
        console.print(f"{more:,} more images: --out FILE writes all.", style="dim", highlight=False)
    console.print(_classes(counts))


def _images(lines: list[tuple[Path, list[Row]]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("image", overflow="fold")
    table.add_column("class")
    table.add_column("%", justify="right")
    table.add_column("else", overflow="ellipsis", no_wrap=True, style="dim")
    folder = Path(os.path.commonpath([file.parent for file, _ in lines])) if lines else Path()
    for file, (best, *others) in lines:
        name = escape(os.fsencode(file.relative_to(folder)).decode("utf-8", "replace"))
        if best["error"]:
            table.add_row(name, f"[red]{escape(best['error'])}[/]", "", "")
            continue
        rest = ", ".join(f"{row['class']} {100 * row['probability']:.0f} %" for row in others)
        found = f"[yellow]unsure[/], perhaps {escape(best['class'])}" if best["abstained"] else escape(best["class"])
        table.add_row(name, found, f"{100 * best['probability']:.0f}", escape(rest))
    return table


def _classes(counts: Counter[str | None]) -> Table:
    table = Table(title=f"{sum(counts.values()):,} images", title_justify="left")
    table.add_column("class")
    table.add_column("images", justify="right")
    table.add_column("likely cause", style="dim")
    for name, count in counts.most_common():
        known = find_class(name) if name else None
        shown = "[yellow]unsure[/]" if name is None else escape(name)
        table.add_row(shown, f"{count:,}", known.cause if known else "")
    return table

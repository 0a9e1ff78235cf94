"""What a report is made of, whatever it is written as: sections of paragraphs, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass, field

from matplotlib.figure import Figure as Plot


@dataclass(frozen=True)
class Entry:
    """One entry of a table."""

    text: str
    metric: str = ""
    """What was computed, where it is a number of ours; with ``cells`` it can be computed again."""
    cells: tuple[str, ...] = ()
    """Ids of the result lines it was computed from."""
    others: tuple[str, ...] = ()
    """Where two runs are compared, the ids of the second; seed by seed those of ``cells``."""
    run: str = ""
    """Name of the run in the appendix that these belong to."""
    beside: str = ""
    """A smaller line below it: the published number, a remark."""
    best: bool = False
    tone: str = ""
    """``better``, ``worse``, ``failed`` or ``soft``."""
    title: str = ""
    """More, for a reader who points at it."""
    code: bool = False
    """Set as code."""
    anchor: str = ""
    """Id that links lead to."""


@dataclass(frozen=True)
class Heading:
    """A row that names those below it."""

    text: str
    anchor: str = ""
    """Id that links lead to; the rows up to the next heading belong to it."""


@dataclass(frozen=True)
class Table:
    """Rows under columns."""

    caption: str
    columns: tuple[str, ...]
    rows: list[list[Entry] | Heading]
    notes: tuple[str, ...] = ()
    words: int = 1
    """How many of the first columns hold words; the others hold numbers."""
    folded: bool = False
    """Shown only when asked for."""
    matrix: bool = False
    """Whether it is one, of small square entries."""


@dataclass(frozen=True)
class Panel:
    """One plot of a figure."""

    plot: Plot
    words: str
    """What it shows, for those who do not see it."""


@dataclass(frozen=True)
class Figure:
    """Plots side by side under one caption."""

    caption: str
    panels: list[Panel]


@dataclass
class Section:
    """A heading and what is below it."""

    title: str
    anchor: str
    blocks: list[str | Table | Figure] = field(default_factory=list)
    parts: list[Section] = field(default_factory=list)

"""A report as Markdown, with its figures as PNG files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from steeldefectx.benchmark.report.document import Entry, Figure, Heading, Section, Table
from steeldefectx.utils.figures import to_png

FIGURES = "figures"


def render(title: str, lead: str, counts: Sequence[tuple[str, str]], sections: Sequence[Section], folder: Path) -> str:
    """The text; writes the figures.

    Args:
        title: Its heading.
        lead: A sentence below it.
        counts: (number, what it counts).
        sections: What follows. Tables and figures are numbered.
        folder: Where the text will be; PNG files go to ``figures`` in it.
    """
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    writer = _Writer(folder)
    contents = [line for section in sections for line in _contents(section)]
    lines = [
        f"# {title}",
        lead,
        ", ".join(f"**{number}** {what}" for number, what in counts) + ".",
        "\n".join(contents),
    ]
    for section in sections:
        lines += writer.section(section, 2)
    return "\n\n".join(lines) + "\n"


def _contents(section: Section, indent: int = 0) -> list[str]:
    line = f"{'  ' * indent}- [{_plain(section.title)}](#{section.anchor})"
    return [line, *(below for part in section.parts for below in _contents(part, indent + 1))]


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text).replace("\n", " ")


class _Writer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables = self.figures = 0

    def section(self, section: Section, level: int) -> list[str]:
        lines = [f'<a id="{section.anchor}"></a>', f"{'#' * level} {_plain(section.title)}"]
        for block in section.blocks:
            if isinstance(block, Table):
                lines += self.table(block)
            elif isinstance(block, Figure):
                lines += self.figure(block)
            else:
                lines.append(_plain(block))
        return lines + [line for part in section.parts for line in self.section(part, level + 1)]

    def table(self, table: Table) -> list[str]:
        self.tables += 1
        rule = ["---" if n < table.words else "---:" for n in range(len(table.columns))]
        rows = [_row(_plain(name) for name in table.columns), _row(rule)]
        for row in table.rows:
            if isinstance(row, Heading):
                anchor = f'<a id="{row.anchor}"></a>' if row.anchor else ""
                rows.append(_row([f"{anchor}**{_plain(row.text)}**", *[""] * (len(table.columns) - 1)]))
            else:
                rows.append(_row(map(_entry, row)))
        caption = f"**Table {self.tables}.** {_plain(table.caption)}"
        return [caption, "\n".join(rows), *(f"<sub>{_plain(note)}</sub>" for note in table.notes)]

    def figure(self, figure: Figure) -> list[str]:
        self.figures += 1
        images = []
        for number, panel in enumerate(figure.panels, 1):
            name = f"{FIGURES}/figure-{self.figures:02d}-{number}.png"
            (self.folder / name).write_bytes(to_png(panel.plot))
            images.append(f"![{_plain(panel.words)}]({name})")
        return [f"**Figure {self.figures}.** {_plain(figure.caption)}", "\n".join(images)]


def _row(entries: Iterable[str]) -> str:
    return f"| {' | '.join(entries)} |"


def _entry(entry: Entry) -> str:
    """An entry; a number of ours has the run that it belongs to behind it."""
    text = _plain(entry.text)
    if entry.code:
        text = f"`{entry.text.replace('|', '¦').replace('`', '')}`" if entry.text else ""
    if entry.anchor:
        text = f'<a id="{entry.anchor}"></a>{text}'
    if entry.best:
        text = f"**{text}**"
    if entry.run and entry.text == entry.run:
        text = f"[{text}](#{entry.run.lower()})"
    elif entry.run:
        text += f" <sup>[{entry.run}](#{entry.run.lower()})</sup>"
    return f"{text}<br><sub>{_plain(entry.beside)}</sub>" if entry.beside else text

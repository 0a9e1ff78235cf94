"""A report in Markdown as it is written: headings, paragraphs, numbered tables and figures."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from steeldefectx.utils.markdown import plain, table

NONE = "–"


def link(text: str, anchor: str, tooltip: str = "") -> str:
    """A link within the report. ``text`` is Markdown, ``tooltip`` is not."""
    words = plain(tooltip).replace('"', "'")
    return f'[{text}](#{anchor} "{words}")' if words else f"[{text}](#{anchor})"


def code(text: str) -> str:
    """Text in which no character means anything."""
    return f"`{text.replace('`', chr(39))}`" if text else ""


def beside(text: str, remark: str) -> str:
    """Markdown with a smaller remark below it, if there is one."""
    return f"{text}<br><sub>{remark}</sub>" if remark else text


class Document:
    """What has been written so far.

    Args:
        title: Its heading.
        lead: A paragraph below it, as Markdown.
    """

    def __init__(self, title: str, lead: str) -> None:
        self.title = title
        self.blocks = [f"# {title}", lead]
        """Headings, paragraphs, tables and images, as Markdown."""
        self.contents: list[str] = []
        """Links to all sections: the lines of a Markdown list."""
        self.figures: dict[str, Figure] = {}
        """File that an image names -> plot."""
        self._tables = self._figures = 0

    @property
    def markdown(self) -> str:
        """The whole text, with its contents."""
        return "\n\n".join([*self.blocks[:2], "\n".join(self.contents), *self.blocks[2:]]) + "\n"

    def heading(self, title: str, anchor: str, level: int = 2) -> None:
        """Begin a section that links lead to."""
        self.contents.append(f"{'  ' * (level - 2)}- {link(plain(title), anchor)}")
        self.blocks.append(f'{"#" * level} <a id="{anchor}"></a>{plain(title)}')

    def text(self, text: str) -> None:
        """Add a paragraph, as Markdown."""
        self.blocks.append(text)

    def table(
        self,
        caption: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        notes: Sequence[str] = (),
        *,
        words: int = 1,
        folded: bool = False,
    ) -> None:
        """Add a table.

        Args:
            caption: What is in it.
            columns: Their names.
            rows: Entries as Markdown.
            notes: Sentences below it.
            words: How many of the first columns hold words; the others hold numbers.
            folded: Shown only when asked for.
        """
        self._tables += 1
        lines = "\n".join(table(columns, rows, right=range(words, len(columns))))
        if folded:
            summary = f"<summary><b>Table {self._tables}.</b> {plain(caption)}</summary>"
            self.blocks += [f"<details>{summary}", lines, "</details>"]
        else:
            self.blocks += [f"**Table {self._tables}.** {plain(caption)}", lines]
        self.blocks += [f"<sub>{plain(note)}</sub>" for note in notes]

    def figure(self, caption: str, panels: Sequence[tuple[Figure, str]]) -> None:
        """Add plots side by side, each with what it shows for those who do not see it."""
        self._figures += 1
        images = []
        for number, (plot, words) in enumerate(panels, 1):
            file = f"figures/figure-{self._figures:02d}-{number}.png"
            self.figures[file] = plot
            images.append(f"![{plain(words)}]({file})")
        self.blocks += [f"**Figure {self._figures}.** {plain(caption)}", "\n".join(images)]

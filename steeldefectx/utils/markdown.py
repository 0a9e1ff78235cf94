"""Markdown for the cards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()) -> list[str]:
    """The lines of a table.

    Args:
        head: Names of the columns.
        rows: Cells; a ``|`` in one stays in it.
        right: Columns of numbers, by position.
    """
    line = ["---:" if column in right else "---" for column in range(len(head))]
    cells = [[re.sub(r"(?<!\\)\|", r"\\|", str(cell)) for cell in row] for row in (head, line, *rows)]
    return [f"| {' | '.join(row)} |" for row in cells]


def plain(text: str) -> str:
    """A text that Markdown and HTML leave as it is, on one line: names of classes are whatever a folder is called."""
    return re.sub(r"([\\`*_\[\]|<>#&$])", r"\\\1", " ".join(text.split()))

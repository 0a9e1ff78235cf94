"""Names of files as a terminal can show them: on one line, and in UTF-8."""

from __future__ import annotations

import os
import unicodedata

CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that break lines, move the cursor, or stand for bytes that are no UTF-8."""


def printable(name: str | os.PathLike[str]) -> str:
    """A name with what cannot be printed escaped as in Python: ``a\\nb.jpg``."""
    text = os.fspath(name)
    if text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in CONTROL and char != "\t" else char for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()

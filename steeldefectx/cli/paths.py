"""Folders as users type them."""

from __future__ import annotations

from pathlib import Path


def absolute(folder: Path | None) -> Path | None:
    """The folder with ``~`` and the current folder in full, as it is to be found again in results; None stays None."""
    return None if folder is None else folder.expanduser().absolute()

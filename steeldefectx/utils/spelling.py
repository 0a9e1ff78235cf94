"""What a misspelt name may have been meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """A sentence with the nearest of the known names, and a blank behind it; empty where none is near."""
    near = get_close_matches(str(name), [str(other) for other in known], 1)
    return f"Did you mean {near[0]}? " if near else ""

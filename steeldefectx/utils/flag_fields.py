"""Fields of a dataclass of settings, each of which is a flag of a command."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def setting(default: Any, text: str, **extra: Any) -> Any:
    """A field with its help text."""
    return field(default=default, metadata={"help": text, **extra})

"""Settings as dataclass fields that are flags."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def setting(default: Any, text: str, **extra: Any) -> Any:
    """A field with its help text."""
    return field(default=default, metadata={"help": text, **extra})

"""Where things computed once are kept."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants


def cache_path(*parts: str) -> Path:
    """A path in ``$HF_HOME/steeldefectx``. Files in it are written beside it and renamed: one that exists is whole."""
    return Path(constants.HF_HOME, "steeldefectx", *parts)

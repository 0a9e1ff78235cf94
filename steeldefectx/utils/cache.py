"""Where things computed once are kept, and how much of it."""

from __future__ import annotations

import os
from pathlib import Path

from huggingface_hub import constants

COMPUTED = ("features", "pixels")
"""Folders of what can be computed again."""
ENDINGS = (".npy", ".safetensors")
LIMIT_VARIABLE, LIMIT_GB = "STEELDEFECTX_CACHE_GB", 50.0
"""Environment variable with the size that these may have together, in gigabytes, and the size without it."""


def cache_path(*parts: str) -> Path:
    """A path in ``$HF_HOME/steeldefectx``. Files in it are written beside it and renamed: one that exists is whole."""
    return Path(constants.HF_HOME, "steeldefectx", *parts)


def used(file: Path) -> None:
    """Note that a file of the cache was used: :func:`shrink` removes what was not for longest."""
    os.utime(file)


def shrink() -> None:
    """Remove computed files, those first that were not used for longest, until the rest is within the limit."""
    limit = float(os.environ.get(LIMIT_VARIABLE, LIMIT_GB)) * 1e9
    files = [file for folder in COMPUTED for file in cache_path(folder).rglob("*") if file.suffix in ENDINGS]
    newest_first = sorted(((file.stat(), file) for file in files), key=lambda entry: -entry[0].st_mtime)
    size = 0
    for state, file in newest_first:
        size += state.st_size
        if size > limit and file != newest_first[0][1]:  # the newest is in use
            file.unlink(missing_ok=True)

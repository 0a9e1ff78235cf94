"""Places that output goes to: seen to be writable before any work is done for them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from steeldefectx.errors import ConfigError


def check_output_file(out: Path, endings: Sequence[str] = ()) -> None:
    """See that a file can be written; its folder is made if need be.

    Args:
        out: The file.
        endings: What its name may end in; without any, anything.

    Raises:
        ConfigError: Another ending, a folder, or a place that cannot be written to.
    """
    if endings and out.suffix.lower() not in endings:
        which = f"one of {', '.join(endings)}; that decides the format" if len(endings) > 1 else endings[0]
        raise ConfigError(f"{out}: end its name in {which}.")
    if out.is_dir():
        raise ConfigError(f"{out}: a folder; name a file.")
    _try(out.parent, out)


def check_output_folder(out: Path) -> None:
    """See that files can be written into a folder, without leaving one where none was.

    Raises:
        ConfigError: A file, or a place that cannot be written to.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: a file; name a folder.")
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    _try(existing, out)


def _try(folder: Path, out: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        reason = "a file stands where a folder is needed" if isinstance(error, FileExistsError) else reason
        raise ConfigError(f"{out}: cannot be written there ({reason}); name another place.") from error

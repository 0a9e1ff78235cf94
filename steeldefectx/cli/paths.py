"""Folders and ports as users type them."""

from __future__ import annotations

import os
import socket
from difflib import get_close_matches
from pathlib import Path

import typer

from steeldefectx.errors import ConfigError, DataError

MANY = 20_000
"""Files that take seconds to be listed and understood."""


def absolute(folder: Path | None) -> Path | None:
    """The folder with ``~`` and the current folder in full, as it is to be found again in results; None stays None."""
    return None if folder is None else folder.expanduser().absolute()


def existing(path: Path, *, folder: bool = False, empty: bool = False) -> Path:
    """A path that is there, in full.

    Args:
        path: As typed.
        folder: Whether it has to be a folder.
        empty: Whether a folder may be empty.

    Raises:
        DataError: It is not, is an empty folder, or no folder where one is needed; what is there under a name near to
            it is named.
    """
    found = path.expanduser().absolute()
    if found.is_dir() and not empty and not any(found.iterdir()):
        raise DataError(f"{path}: an empty folder. Put something into it, or name another.")
    if found.is_dir() or (found.exists() and not folder):
        return found
    if found.exists():
        raise DataError(f"{path}: a file, where a folder is needed.")
    parent = next(other for other in found.parents if other.is_dir())
    names = [entry.name for entry in parent.iterdir() if entry.is_dir() or not folder]
    near = get_close_matches(found.relative_to(parent).parts[0], names, 1)
    hint = f"Did you mean {parent / near[0]}?" if near else f"{parent} is there, and has nothing like it."
    raise DataError(f"{path}: no such {'folder' if folder else 'file or folder'}. {hint}")


def look_through(path: Path, *, folder: bool = True, empty: bool = False) -> Path:
    """:func:`existing`, of images that are to be read; of many it is said at once that this takes a while.

    Args:
        path: As typed.
        folder: Whether it has to be a folder.
        empty: Whether a folder may be empty.

    Raises:
        DataError: As for :func:`existing`.
    """
    found = existing(path, folder=folder, empty=empty)
    count = 0
    for _, _, files in os.walk(found):
        count += len(files)
        if count >= MANY:
            if os.environ.get("RANK", "0") == "0":  # one of the processes of a launcher
                typer.echo(f"Looking through {path} ...", err=True)
            break
    return found


def refuse_taken_port(port: int) -> None:
    """See that a page can be served on a port of this machine; 0 stands for any that is free.

    Raises:
        ConfigError: It cannot.
    """
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(f"Port {port} of 127.0.0.1 cannot be listened on; give another --port.") from error

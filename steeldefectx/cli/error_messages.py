"""Errors at the command line: one message on standard error and an exit code, in place of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from steeldefectx.cli.extras import extra_with
from steeldefectx.errors import SteelDefectXError

USAGE_ERROR: Any = typer.BadParameter.__base__
"""Every error of what was typed: typer shows only this one of its kind."""
WORDS: dict[type[OSError], str] = {
    FileNotFoundError: "no such file or folder",
    FileExistsError: "a file stands where a folder is needed",
    NotADirectoryError: "a file stands where a folder is needed",
    IsADirectoryError: "a folder; name a file",
    PermissionError: "you may not read or write there",
}


@contextmanager
def errors_as_messages(program: str, debug: bool = False) -> Iterator[None]:
    """Print an error that the user can mend and leave with exit code 2; 130 after Ctrl+C.

    Args:
        program: What the message begins with.
        debug: Let the error pass, so that the traceback is shown.
    """
    try:
        yield
    except BrokenPipeError:  # the reader of the output, such as `head`, has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:
        module = error.name or ""
        if debug or not module or module.startswith("steeldefectx"):
            raise
        print(f"{program}: {_how_to_install(module)}", file=sys.stderr)
        raise SystemExit(2) from error
    except (SteelDefectXError, OSError) as error:
        if debug:
            raise
        print(f"{program}: {_in_words(error)}", file=sys.stderr)
        raise SystemExit(2) from error
    except KeyboardInterrupt:
        if debug:
            raise
        print(f"{program}: interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _in_words(error: Exception) -> str:
    """What is wrong, and where: the system's errors begin with a number that says nothing."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    files = " -> ".join(str(file) for file in (error.filename, error.filename2) if file is not None)
    what = WORDS.get(type(error), error.strerror.lower())
    return f"{files}: {what}." if files else f"{what}."


@contextmanager
def usage_errors_as_messages() -> Iterator[None]:
    """Print what is wrong with what was typed as one line, with an example of the command; leave with exit code 2."""
    try:
        yield
    except USAGE_ERROR as error:
        command = error.ctx.command_path if error.ctx else "steeldefectx"
        example = _example(error.ctx)
        message = " ".join(error.format_message().split()).removesuffix(".")
        message += "" if message.endswith("?") else "."
        print(f"{command}: {message} {example or f'{command} --help lists what there is.'}", file=sys.stderr)
        raise SystemExit(2) from error


def _example(context: Any) -> str | None:
    """The first command line in a command's help."""
    lines = (context.command.help or "").splitlines() if context else []
    found = next((line.strip() for line in lines if line.strip().startswith(f"{context.command_path} ")), None)
    return f"For example: {found.replace(chr(92) + '[', '[')}" if found else None


def _how_to_install(module: str) -> str:
    package = module.partition(".")[0]
    extra = extra_with(package)
    name = package if extra is None else f"'steeldefectx[{extra.name}]'"
    return f"{package} is not installed: pip install {name}."

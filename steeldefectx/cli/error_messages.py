"""Errors at the command line: one message on standard error and an exit code, in place of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from steeldefectx.cli.extras import extra_with
from steeldefectx.errors import SteelDefectXError


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
        print(f"{program}: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    except KeyboardInterrupt:
        if debug:
            raise
        print(f"{program}: interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _how_to_install(module: str) -> str:
    package = module.partition(".")[0]
    extra = extra_with(package)
    name = package if extra is None else f"'steeldefectx[{extra.name}]'"
    return f"{package} is not installed: pip install {name}."

"""What the commands have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from steeldefectx.errors import SteelDefectXError


@contextmanager
def errors_told() -> Iterator[None]:
    """What the user can mend goes to standard error without a traceback; exit code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("steeldefectx"):
            raise
        extras = "pip install 'steeldefectx[annotate]', with [demo] for the review desk and [postgres] for PostgreSQL"
        message = f"{error.name} is not installed: {extras}."
        typer.echo(f"steeldefectx: {message}", err=True)
        raise typer.Exit(2) from error
    except (SteelDefectXError, OSError) as error:
        typer.echo(f"steeldefectx: {error}", err=True)
        raise typer.Exit(2) from error

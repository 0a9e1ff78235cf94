"""What the commands have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from steeldefectx.errors import SteelDefectXError

EXTRAS = {"gradio": "demo", "onnx": "onnx", "onnxruntime": "onnx", "onnxscript": "onnx", "psycopg": "postgres"}
"""Package -> the extra that brings it; ``annotate`` brings the others that are not in the base installation."""


@contextmanager
def errors_told() -> Iterator[None]:
    """What the user can mend goes to standard error without a traceback; exit code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("steeldefectx"):
            raise
        package = (error.name or "").partition(".")[0]
        extra = EXTRAS.get(package, "annotate")
        typer.echo(f"steeldefectx: {package} is not installed: pip install 'steeldefectx[{extra}]'.", err=True)
        raise typer.Exit(2) from error
    except (SteelDefectXError, OSError) as error:
        typer.echo(f"steeldefectx: {error}", err=True)
        raise typer.Exit(2) from error

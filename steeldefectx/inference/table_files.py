"""Files that tables are written to: Parquet, CSV or JSON lines, by the file's ending; CSV on standard output.

In a CSV, a text that a spreadsheet would run as a formula (it begins with ``=``, ``+``, ``-``, ``@``, a tab or a
carriage return) has a ``'`` before it, and control characters, as names of files may have, are escaped. The other
formats have all texts as they are.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from steeldefectx.utils.printable import printable

Row = dict[str, Any]
OUTPUTS = (".csv", ".jsonl", ".parquet")
ROWS_IN_GROUP = 10_000
"""Rows that are gathered before a part of a Parquet file is written."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet."""


@contextmanager
def open_table(out: Path | None, schema: pa.Schema) -> Iterator[Callable[[Row], None]]:
    """A function that adds a row to a table, which appears under its name when the ``with`` block ends well.

    Args:
        out: The table, in the format of its ending; None: CSV on standard output, in UTF-8.
        schema: Its columns.
    """
    if out is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # a pipe's may be that of the system
        yield _csv(sys.stdout, schema)
        return
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        opened = _parquet(temporary, schema) if out.suffix.lower() == ".parquet" else _text(temporary, out, schema)
        with opened as write:
            yield write
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _text(path: Path, out: Path, schema: pa.Schema) -> Iterator[Callable[[Row], None]]:
    with open(path, "w", newline="", encoding="utf-8") as file:
        yield _csv(file, schema) if out.suffix.lower() == ".csv" else _json_lines(file)


def _csv(file: TextIO, schema: pa.Schema) -> Callable[[Row], None]:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(schema.names)
    return lambda row: table.writerow([_csv_cell(row[name]) for name in schema.names])


def _csv_cell(value: Any) -> Any:
    """Probabilities with four digits, no text that is a formula, and none that breaks a line or moves the cursor."""
    if isinstance(value, float):
        return f"{value:.4f}"
    if not isinstance(value, str):
        return value
    return printable(f"'{value}" if value.startswith(FORMULA) else value)


def _json_lines(file: TextIO) -> Callable[[Row], None]:
    return lambda row: print(json.dumps(row, ensure_ascii=False), file=file)


@contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Callable[[Row], None]]:
    rows: list[Row] = []
    with pq.ParquetWriter(path, schema) as table:

        def write(row: Row) -> None:
            rows.append(row)
            if len(rows) == ROWS_IN_GROUP:
                flush()

        def flush() -> None:
            table.write_table(pa.Table.from_pylist(rows, schema))
            rows.clear()

        yield write
        flush()

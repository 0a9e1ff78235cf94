"""The finished rows of a table that is being made, on disk from the first image on: no interruption loses them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from steeldefectx.inference.table_files import Row


class Unfinished:
    """``<table>.partial``: a line of settings, then a line of JSON for each finished file.

    What a call with other settings has left there is written over; so is a last line that broke off.

    Args:
        table: The table that is made.
        settings: All that its rows depend on beside the files; anything that JSON knows.
        files: What it has rows of.
    """

    def __init__(self, table: Path, settings: Any, files: Sequence[Path]):
        self.path = table.with_name(f"{table.name}.partial")
        self._states = {file: _state(file) for file in files}
        self._file = open(self.path, "a+b")  # noqa: SIM115
        self._places = self._find_rows(json.dumps(settings, sort_keys=True).encode() + b"\n")
        """State of a file -> where its line begins."""

    def _find_rows(self, header: bytes) -> dict[str, int]:
        places: dict[str, int] = {}
        self._file.seek(0)
        if self._file.readline() != header:
            self._file.truncate(0)
            self._file.write(header)
            return places
        end = len(header)
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            places[json.loads(line)["file"]] = end
            end += len(line)
        self._file.truncate(end)
        return places

    @property
    def todo(self) -> list[Path]:
        """Files without rows, or that have changed since."""
        return [file for file, state in self._states.items() if state not in self._places]

    def add(self, file: Path, rows: Sequence[Row]) -> None:
        """Keep the rows of a file."""
        self._places[self._states[file]] = self._file.seek(0, 2)
        self._file.write(json.dumps({"file": self._states[file], "rows": rows}).encode() + b"\n")
        self._file.flush()

    def rows(self, file: Path) -> list[Row]:
        """The rows of a finished file."""
        self._file.seek(self._places[self._states[file]])
        rows: list[Row] = json.loads(self._file.readline())["rows"]
        return rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file: it is kept where rows would be lost, and gone once the table is there."""
        self._file.close()
        if kind is None or not self._places:
            self.path.unlink(missing_ok=True)
            return
        print(
            f"{len(self._places):,} of {len(self._states):,} images are done and kept in {self.path}: "
            "run the same again to go on from there.",
            file=sys.stderr,
        )


def _state(file: Path) -> str:
    """A file's name, size and time of change: what its rows are kept for."""
    try:
        state = file.stat()
        return f"{file}\0{state.st_size}\0{state.st_mtime_ns}"
    except OSError:
        return f"{file}\0"

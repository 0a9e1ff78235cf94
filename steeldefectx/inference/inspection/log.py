"""The records of a folder of frames, a line of JSON each, added as they are made: what is there is not made again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from steeldefectx.errors import ConfigError
from steeldefectx.inference.inspection.records import Record
from steeldefectx.utils.results import write_json

LOG, SETTINGS = "frames.jsonl", "settings.json"


class InspectionLog:
    """``frames.jsonl`` of a report's folder, and ``settings.json``, how its records were made.

    A last line that broke off is cut. A frame that has changed since gets a new line, and the last one of a frame
    counts.

    Args:
        folder: Of the report; made if need be.
        settings: All that a record depends on beside the frame; anything that JSON knows.

    Raises:
        ConfigError: The folder has records that were made with other settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / LOG
        known = folder / SETTINGS
        if known.is_file() and self.path.is_file():
            _refuse_others(folder, json.loads(known.read_text("utf-8")), settings)
        else:
            write_json(settings, known)
        self._file = open(self.path, "a+b")  # noqa: SIM115
        self._places: dict[str, tuple[int, list[int]]] = {}
        """Name of a frame -> where its line begins, and the state of its file."""
        self._read()

    def _read(self) -> None:
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            record = json.loads(line)
            self._places[record["file"]] = end, record["state"]
            end += len(line)
        self._file.truncate(end)

    def has(self, name: str, file: Path) -> bool:
        """Whether there is a record of a frame as its file is now."""
        return name in self._places and self._places[name][1] == state_of(file)

    def add(self, record: Record, state: list[int]) -> None:
        """Keep a record, on the disk when this returns.

        Args:
            record: Of a frame.
            state: Its file's, by :func:`state_of`, from before it was read.
        """
        self._places[record["file"]] = self._file.seek(0, 2), state
        self._file.write(json.dumps(record | {"state": state}, ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def records(self) -> Iterator[Record]:
        """A record of each frame, in the order of their names."""
        for name in sorted(self._places):
            self._file.seek(self._places[name][0])
            record: Record = json.loads(self._file.readline())
            del record["state"]
            yield record

    def __len__(self) -> int:
        return len(self._places)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()


def state_of(file: Path) -> list[int]:
    """A file's size and time of change in nanoseconds; of none that is there, nothing."""
    try:
        state = file.stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns]


def _refuse_others(folder: Path, known: dict[str, Any], settings: dict[str, Any]) -> None:
    """Raises a ConfigError where settings differ, naming them."""
    asked = json.loads(json.dumps(settings))
    other = [name for name in sorted(known.keys() | asked.keys()) if known.get(name) != asked.get(name)]
    if other:
        raise ConfigError(
            f"{folder} holds an inspection with another {', '.join(other)}: name another --out, or remove that folder."
        )

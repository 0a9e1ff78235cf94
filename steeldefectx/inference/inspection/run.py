"""Inspecting a folder of frames: each once, whatever interrupts it, and again and again where frames keep coming."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image
from tqdm.auto import tqdm

from steeldefectx.data.images import open_image, unsettled
from steeldefectx.data.sources import find_images
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.inference.inspection.exports import export_records
from steeldefectx.inference.inspection.log import InspectionLog, state_of
from steeldefectx.inference.inspection.pictures import write_pictures
from steeldefectx.inference.inspection.records import FRAMES, REGIONS, Record, file_name, record_of, unreadable
from steeldefectx.inference.inspection.report_page import PAGE, write_report
from steeldefectx.inference.localize.inspector import SteelDefectInspector
from steeldefectx.inference.table_files import open_table
from steeldefectx.utils.grey_levels import to_display
from steeldefectx.utils.prefetch import prefetch
from steeldefectx.utils.printable import printable

PAUSE = 2.0
"""Seconds from one look for new frames to the next."""
REGION_ROWS = pa.schema([pa.field("file", pa.string()), pa.field("region", pa.int32()), *REGIONS])


@dataclass
class Inspected:
    """What came of a folder of frames."""

    frames: int = 0
    defective: int = 0
    regions: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        """As "300 frames: 120 with defects (310 regions), 179 sound, 1 not readable"."""
        sound = self.frames - self.defective - self.unreadable
        parts = [f"{self.defective:,} with defects ({self.regions:,} regions)", f"{sound:,} sound"]
        parts += [f"{self.unreadable:,} not readable"] * (self.unreadable > 0)
        return f"{self.frames:,} frame{'s' * (self.frames != 1)}: {', '.join(parts)}"


@dataclass(frozen=True)
class Task:
    """What is to be done."""

    inspector: SteelDefectInspector
    frames: Path
    """A folder that is searched at any depth, or one image."""
    out: Path
    """Folder of the report."""
    text: str | None = None
    """What is looked for; anything that is not the surface's own by default."""
    mm_per_pixel: float | None = None
    exports: Sequence[str] = ()
    """Formats of :mod:`.exports`."""

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: The report would lie among the frames, and its pictures would be taken for some.
        """
        if self.out.absolute().is_relative_to(self.frames.absolute()):
            raise ConfigError(f"--out {self.out} lies in {self.frames}, whose images are the frames: name another.")

    def settings(self) -> dict[str, Any]:
        """All that a record depends on beside the frame."""
        normal = self.inspector.normal
        reference = None
        if normal is not None:
            content = normal.patches.numpy().tobytes() + f"{normal.limit} {normal.spread}".encode()
            reference = f"{type(normal).__name__} {hashlib.sha256(content).hexdigest()[:16]}"
        about = {"checkpoint": self.inspector.localizer.clip.fingerprint(), "classes": self.inspector.classes}
        return about | {"text": self.text, "mm-per-pixel": self.mm_per_pixel, "reference": reference}


def inspect_frames(task: Task) -> Inspected:
    """Inspect the frames that have no record yet, and write tables, page and exports of all.

    Into the folder come ``frames.jsonl`` with a record a frame from the first one on, ``frames.parquet``,
    ``regions.parquet``, ``report.html`` with its pictures, and a folder for each export.

    Raises:
        DataError: No frames.
        ConfigError: A folder that holds an inspection with other settings, or exports that cannot be written.
    """
    files = find_images(task.frames)
    with InspectionLog(task.out, task.settings()) as log:
        _inspect(task, log, files)
        return _write(task, log)


def follow(task: Task, told: Callable[[Inspected], None], until: Callable[[], bool] = lambda: False) -> None:
    """Inspect frames as they come into a folder, until ``until`` says so or the process is stopped.

    A frame that changed a moment ago may still be being written, and waits. Tables and page are of all frames so far.

    Args:
        task: What is to be done.
        told: Called with what came of all frames so far, whenever there are new ones.
        until: Asked after each look.

    Raises:
        ConfigError: As for :func:`inspect_frames`.
    """
    with InspectionLog(task.out, task.settings()) as log:
        while True:
            files = _settled(task.frames)
            if _inspect(task, log, files):
                told(_write(task, log))
            if until():
                return
            time.sleep(PAUSE)


def _settled(frames: Path) -> list[Path]:
    try:
        return [file for file in find_images(frames) if not unsettled(file)]
    except DataError:  # none yet
        return []


def _inspect(task: Task, log: InspectionLog, files: Sequence[Path]) -> int:
    """Inspect those without a record; how many there were."""
    named = ((file_name(file, task.frames), file) for file in files)
    todo = [(name, file) for name, file in named if not log.has(name, file)]
    if 0 < len(todo) < len(files) and len(log):
        print(f"{len(files) - len(todo):,} of {len(files):,} frames are done, in {log.path}.", file=sys.stderr)
    for name, file, state, frame in tqdm(_read(todo), "inspect", len(todo), unit="frame", delay=2):
        if isinstance(frame, DataError):
            tqdm.write(f"unreadable: {frame}", file=sys.stderr)
            log.add(unreadable(name, str(frame).removeprefix(f"{printable(file)}: ")), state)
            continue
        found = task.inspector.inspect(frame, task.text)
        write_pictures(task.out, name, to_display(frame), found.regions)
        log.add(record_of(name, found, task.mm_per_pixel), state)
    return len(todo)


def _read(todo: Sequence[tuple[str, Path]]) -> Iterator[tuple[str, Path, list[int], Image.Image | DataError]]:
    """Frames, read while others are inspected, with the state that their files had before."""

    def read(entry: tuple[str, Path]) -> tuple[str, Path, list[int], Image.Image | DataError]:
        name, file = entry
        state = state_of(file)
        try:
            return name, file, state, open_image(file)
        except DataError as error:
            return name, file, state, error

    return prefetch(read, todo)


def _write(task: Task, log: InspectionLog) -> Inspected:
    """Tables, page and exports of all records."""
    inspected = Inspected()
    with (
        open_table(task.out / "frames.parquet", FRAMES) as frames,
        open_table(task.out / "regions.parquet", REGION_ROWS) as regions,
    ):
        for record in log.records():
            inspected.frames += 1
            inspected.defective += bool(record["regions"])
            inspected.regions += len(record["regions"])
            inspected.unreadable += record["error"] is not None
            frames({name: record[name] for name in FRAMES.names})
            for number, region in enumerate(record["regions"]):
                regions({"file": record["file"], "region": number, **region})
    looked_for = f'marked is what fits "{task.text}"' if task.text else _marked(task.inspector)
    write_report(log.records(), f"Of {task.frames.name}, by {task.inspector.localizer.clip.name}; {looked_for}.",
                 task.out / PAGE)  # fmt: skip
    if task.exports:
        records: list[Record] = list(log.records())
        export_records(records, task.frames, task.out, task.exports)
    return inspected


def _marked(inspector: SteelDefectInspector) -> str:
    if inspector.normal is None:
        return "marked is what does not look like the surface's own"
    return "marked is what is unlike what is normal there"

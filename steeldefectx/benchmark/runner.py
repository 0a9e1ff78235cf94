"""Running a grid: finished cells are passed over, a failed one is recorded, and the rest goes on.

With several processes each runs a cell at a time, on a GPU of its own where there are some. A process that dies
(no memory, a crash) costs the cell it had.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from steeldefectx.benchmark.grid import Cell
from steeldefectx.benchmark.result_lines import failed_line, line_of, write_predictions
from steeldefectx.benchmark.results_file import DONE, append_line, read_lines
from steeldefectx.benchmark.tasks import Workbench
from steeldefectx.errors import ModelError, SteelDefectXError
from steeldefectx.utils.cores import usable_cores
from steeldefectx.utils.results import Stopwatch

logger = logging.getLogger(__name__)


@dataclass
class GridSummary:
    """How a grid came out."""

    found: int = 0
    """Cells that were finished before."""
    done: int = 0
    failed: int = 0


def run_grid(cells: Sequence[Cell], folder: Path, processes: int = 1) -> GridSummary:
    """Run the cells that have no result yet; failed ones again.

    Args:
        cells: The grid.
        folder: Results go there, and are looked for there.
        processes: Cells at a time.

    Returns:
        How many were found, done and failed.

    Raises:
        DataError: The data of a cell cannot be read: nothing is run then.
    """
    bench, lines = Workbench(folder), read_lines(folder)
    keyed = {bench.key(cell): cell for cell in cells}
    open_cells = {key: cell for key, cell in keyed.items() if lines.get(key, {}).get("status") != DONE}
    summary = GridSummary(found=len(keyed) - len(open_cells))
    bar = tqdm(total=len(keyed), initial=summary.found, desc="benchmark", unit="cell", smoothing=0)
    results = _in_turn(open_cells, bench, bar) if processes == 1 else _spread(open_cells, folder, processes)
    for line in results:
        append_line(folder, line)
        if line["status"] == DONE:
            summary.done += 1
        else:
            summary.failed += 1
            tqdm.write(f"failed: {keyed[line['cell']]}: {line['error']}")
        bar.update()
    bar.close()
    return summary


def run_cell(key: str, cell: Cell, bench: Workbench) -> dict[str, Any]:
    """A cell's result line, with its predictions written; of a cell that fails, a line that says why."""
    watch = Stopwatch()
    try:
        outcome = bench.run(cell, watch)
        if not outcome.logits.isfinite().all():
            raise ModelError("It has diverged: logits of test images are no finite numbers. Lower its learning rate.")
        write_predictions(bench.folder, key, outcome)
        return line_of(key, cell, outcome, bench.fingerprint(cell), watch.total())
    except SteelDefectXError as error:
        return failed_line(key, cell, str(error))
    except Exception as error:  # a grid of days does not stop for one cell; its line tells
        logger.debug("%s", traceback.format_exc())
        where = traceback.extract_tb(error.__traceback__)[-1]
        return failed_line(key, cell, f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})")


def _in_turn(cells: dict[str, Cell], bench: Workbench, bar: Any) -> Iterator[dict[str, Any]]:
    for key, cell in cells.items():
        bar.set_postfix_str(str(cell))
        yield run_cell(key, cell, bench)


def _spread(cells: dict[str, Cell], folder: Path, processes: int) -> Iterator[dict[str, Any]]:
    """Each worker is handed a cell when it has done the last; one that has died is replaced."""
    waiting = _apart(cells)
    count = min(processes, len(waiting))
    workers = [_Worker(number, count, folder) for number in range(count)]
    try:
        for worker in workers:
            worker.give(waiting)
        while busy := [worker for worker in workers if worker.cell is not None]:
            for connection in wait([worker.connection for worker in busy]):
                worker = next(w for w in busy if w.connection is connection)
                yield worker.take()
                worker.give(waiting)
    finally:
        for worker in workers:
            worker.stop()


def _apart(cells: dict[str, Cell]) -> list[tuple[str, Cell]]:
    """Cells in an order in which those that share a training run are not neighbours: none has to wait for another's.

    They differ in their test text alone. The first of each come first, then the second, and so on.
    """
    ranks: Counter[str] = Counter()
    order = {}
    for key, cell in cells.items():
        training = repr(asdict(cell) | {"test_text": None})
        order[key] = ranks[training]
        ranks[training] += 1
    return sorted(cells.items(), key=lambda item: order[item[0]])


class _Worker:
    """A process that runs cells, and the cell that it has."""

    def __init__(self, number: int, count: int, folder: Path):
        self.number, self.count, self.folder = number, count, folder
        self.cell: tuple[str, Cell] | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, self.folder, self.number, self.count), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, waiting: list[tuple[str, Cell]]) -> None:
        """Hand over the next of the waiting cells."""
        self.cell = waiting.pop(0) if waiting else None
        if self.cell is not None:
            self.connection.send(self.cell)

    def take(self) -> dict[str, Any]:
        """The line of the cell that it had; if it has died, a new process takes its place."""
        assert self.cell is not None
        try:
            line: dict[str, Any] = self.connection.recv()
            return line
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            self._start()
            reason = f"its process died (exit code {code}); with -9, often for want of memory: try fewer --processes"
            return failed_line(*self.cell, reason)

    def stop(self) -> None:
        """End the process: one without a cell by itself, one with a cell at once."""
        self.connection.close()
        if self.cell is not None:
            self.process.kill()
        self.process.join()


def _work(connection: Connection, folder: Path, number: int, count: int) -> None:
    """What a worker does: cells in, lines out, until it is ended."""
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(torch.cuda.device_count()))))
    if gpus:
        devices = gpus.split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    torch.set_num_threads(max(1, usable_cores() // count))
    bench = Workbench(folder)
    while True:
        try:
            key, cell = connection.recv()
        except EOFError:
            return
        connection.send(run_cell(key, cell, bench))

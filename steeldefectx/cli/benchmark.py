"""The commands for the benchmark: benchmark, report."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from steeldefectx.cli.paths import existing
from steeldefectx.utils.output import check_output_folder


def benchmark(
    grid: Annotated[str, typer.Argument(help="A grid: a name (paper, few-shot, quick) or a YAML file.")],
    out: Annotated[Path, typer.Option(help="Folder for results.jsonl, predictions and checkpoints.")],
    data_dir: Annotated[Path | None, typer.Option(help="Folder with the images, whatever the grid says.")] = None,
    model: Annotated[str | None, typer.Option(help="Hub id or folder, whatever models the grid has.")] = None,
    processes: Annotated[
        int, typer.Option(metavar="N", min=1, help="Cells at a time, each on a GPU of its own, if any.")
    ] = 1,
    list_cells: Annotated[bool, typer.Option("--list", help="Say what would run, and stop.")] = False,
) -> None:
    """Run the four-task benchmark, or any part of it.

      steeldefectx benchmark quick --out runs/benchmark

    A grid lists cells: task, model, method, text levels, shots, seeds. A cell that has its result in OUT is not run
    again; one that fails is recorded with its reason, and the rest goes on. Run the same command again after an
    interruption: it goes on where it was. `steeldefectx report OUT` makes tables and figures of what is there.
    """
    from steeldefectx.benchmark.grid import load_grid  # imports yaml; --help does without

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    cells = load_grid(grid, None if data_dir is None else str(existing(data_dir, folder=True)), model)
    check_output_folder(out)
    if list_cells:
        for cell in cells:
            typer.echo(str(cell))
        return
    from steeldefectx.benchmark.runner import run_grid  # imports torch; --list does without

    summary = run_grid(cells, out, processes)
    typer.echo(f"{len(cells)} cells: {summary.found} were there, {summary.done} run, {summary.failed} failed.")
    typer.echo(f"steeldefectx report {out} makes tables and figures of them.")
    if summary.failed:
        raise typer.Exit(1)


def report(
    results: Annotated[Path, typer.Argument(help="Folder with results.jsonl.")],
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.md and figures/.")] = Path("report"),
) -> None:
    """Write the benchmark's tables and figures, with published numbers beside ours, as a page and as Markdown.

    steeldefectx report runs/benchmark --out report
    """
    folder = existing(results, folder=True)
    check_output_folder(out)
    from steeldefectx.benchmark.report.write import write_report  # imports matplotlib and scipy; --help does without

    written = write_report(folder, out)
    for problem in written.problems:
        typer.echo(f"steeldefectx: {problem}", err=True)
    cells = f"{written.cells:,} cells of {written.runs:,} runs, {written.failed:,} failed"
    typer.echo(f"Wrote {written.page} and {written.markdown}: {cells}.")

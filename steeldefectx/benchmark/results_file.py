"""``results.jsonl``, a JSON line for each cell: its fields, and how lines are added and read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

RESULTS_FILE = "results.jsonl"
PREDICTIONS = "predictions"
DONE, FAILED = "done", "failed"
SETTINGS = (
    *("task", "dataset", "config", "test_on", "train_on", "model", "method", "shots"),
    *("train_text", "test_text", "text_control"),
)
"""What tells experiments apart, beside the seed."""
FIELDS = (
    *("cell", "status", "error", *SETTINGS, "seed", "accuracy", "mean_accuracy", "macro_f1", "calibration_error"),
    *("head_accuracy", "medium_accuracy", "tail_accuracy", "per_class", "n_train", "n_test", "train_counts"),
    *("classes", "chosen", "validated", "seconds", "recipe", "data_fingerprint", "versions", "predictions"),
)
"""Of every line; null where a cell has failed. Lines of newer versions have ``confusion`` too."""


def append_line(folder: Path, line: dict[str, Any]) -> None:
    """Add a line to the results; it is on the disk when this returns.

    What a killed run left of a line is closed off first: it stays what it is, a broken line, and spoils no other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / RESULTS_FILE, "ab+") as file:
        broken = False
        if file.tell():
            file.seek(-1, os.SEEK_END)
            broken = file.read(1) != b"\n"
        text = json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
        file.write((b"\n" if broken else b"") + text.encode())
        file.flush()
        os.fsync(file.fileno())


def read_lines(folder: Path, problems: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """The newest line of each cell, by its id. Lines that are no JSON, as a killed run leaves one, are passed over.

    Args:
        folder: Of the results.
        problems: A sentence about each broken line is added.
    """
    path = folder / RESULTS_FILE
    newest: dict[str, dict[str, Any]] = {}
    texts = path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
            newest.pop(line["cell"], None)
            newest[line["cell"]] = line
        except (ValueError, KeyError, TypeError):
            if text.strip() and problems is not None:
                where = "the last line" if number == len(texts) else f"line {number}"
                problems.append(
                    f"{RESULTS_FILE}: {where} is broken off and left out; run the benchmark again to complete it."
                )
    return newest

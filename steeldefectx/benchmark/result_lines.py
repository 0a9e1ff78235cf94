"""Results as data: a JSON line for each cell, and a Parquet file with what was predicted of each test image."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from steeldefectx import metrics
from steeldefectx.benchmark.grid import Cell
from steeldefectx.data.labelled import Split
from steeldefectx.metrics.scores import scores
from steeldefectx.utils.results import versions

RESULTS = "results.jsonl"
PREDICTIONS = "predictions"
DONE, FAILED = "done", "failed"


@dataclass
class Found:
    """What a cell has found."""

    logits: torch.Tensor
    """(N, C) of the test images."""
    labels: np.ndarray
    """(N,) their classes."""
    hashes: list[str]
    """SHA-256 of their N files."""
    classes: list[str]
    """The C classes, of the test images."""
    train: Split | None = None
    """What was trained on; None for zero-shot."""
    train_classes: list[str] = field(default_factory=list)
    """Its classes."""
    method: str = "zero-shot"
    chosen: dict[str, Any] = field(default_factory=dict)
    """Few-shot settings that were chosen on validation images, or taken by default."""
    validated: bool = False
    """Whether they were chosen."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """Settings of training."""


def line_of(key: str, cell: Cell, found: Found, fingerprint: str, seconds: dict[str, float]) -> dict[str, Any]:
    """A cell's result line. Accuracies are fractions.

    Args:
        key: The cell's id.
        cell: The cell.
        found: What it found.
        fingerprint: Of the data.
        seconds: By part.
    """
    labels, sizes = found.labels, _sizes(found)
    predictions = found.logits.argmax(dim=1).numpy()
    counts = {label: sizes.get(name, 0) for label, name in enumerate(found.classes)}
    return _head(key, cell) | {
        "status": DONE,
        "method": found.method,
        **scores(found.logits, labels, found.classes),
        **metrics.group_accuracy(predictions, labels, counts),
        "n_train": 0 if found.train is None else len(found.train),
        "n_test": len(labels),
        "train_counts": sizes,
        "classes": found.classes,
        "chosen": found.chosen,
        "validated": found.validated,
        "seconds": seconds,
        "recipe": found.recipe | asdict(cell),
        "data_fingerprint": fingerprint,
        "versions": versions(),
        "predictions": f"{PREDICTIONS}/{key}.parquet",
    }


def failed_line(key: str, cell: Cell, error: str) -> dict[str, Any]:
    """The line of a cell that came to nothing, with the reason."""
    return _head(key, cell) | {"status": FAILED, "error": error, "recipe": asdict(cell), "versions": versions()}


def _head(key: str, cell: Cell) -> dict[str, Any]:
    """What a line says of its cell, and null for all that only a finished one has."""
    dataset = cell.data_dir or cell.config
    finished = dict.fromkeys(
        (
            *("error", "accuracy", "mean_accuracy", "macro_f1", "calibration_error"),
            *(
                "head_accuracy",
                "medium_accuracy",
                "tail_accuracy",
                "per_class",
                "confusion",
                "n_train",
                "n_test",
                "train_counts",
            ),
            *("classes", "chosen", "validated", "seconds", "data_fingerprint", "predictions"),
        )
    )
    return finished | {
        "cell": key,
        "task": cell.task,
        "dataset": dataset,
        "config": cell.config,
        "model": cell.model,
        "method": cell.method,
        "train_text": cell.test_text if cell.shots else cell.train_text,
        "test_text": cell.test_text,
        "text_control": cell.text_control,
        "shots": 0 if cell.method == "zero-shot" else cell.shots,
        "seed": cell.seed,
        "train_on": cell.train_on if cell.test_on else dataset,
        "test_on": cell.test_on or dataset,
    }


def _sizes(found: Found) -> dict[str, int]:
    """Training images of each class that was trained on."""
    if found.train is None:
        return {}
    counts = np.bincount(found.train.labels, minlength=len(found.train_classes)).tolist()
    return dict(zip(found.train_classes, counts, strict=True))


def write_predictions(folder: Path, key: str, found: Found) -> None:
    """Write a cell's Parquet file, whole or not at all: ``image`` (SHA-256 of the file), ``label``, ``prediction``,
    ``confidence`` (softmax probability of the prediction), a row for each test image.
    """
    confidence, prediction = found.logits.softmax(dim=1).max(dim=1)
    table = pa.table(
        {
            "image": found.hashes,
            "label": found.labels,
            "prediction": prediction.numpy(),
            "confidence": confidence.numpy(),
        }
    )
    path = folder / PREDICTIONS / f"{key}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    pq.write_table(table, temporary)
    temporary.replace(path)


def append_line(folder: Path, line: dict[str, Any]) -> None:
    """Add a line to the results; it is on the disk when this returns.

    What a killed run left of a line is closed off first: it stays what it is, a broken line, and spoils no other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / RESULTS, "ab+") as file:
        broken = False
        if file.tell():
            file.seek(-1, os.SEEK_END)
            broken = file.read(1) != b"\n"
        text = json.dumps(line, ensure_ascii=False) + "\n"
        file.write((b"\n" if broken else b"") + text.encode())
        file.flush()
        os.fsync(file.fileno())


def read_lines(folder: Path) -> dict[str, dict[str, Any]]:
    """The newest line of each cell, by its id; broken lines, left by a kill, are passed over."""
    path = folder / RESULTS
    found: dict[str, dict[str, Any]] = {}
    if path.is_file():
        for text in path.read_text("utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
                found[line["cell"]] = line
            except (ValueError, KeyError, TypeError):
                continue
    return found

"""From what a cell has predicted to its result line, and to a Parquet file with the prediction for each test image."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from steeldefectx import metrics
from steeldefectx.benchmark.grid import ZERO_SHOT, Cell
from steeldefectx.benchmark.results_file import DONE, FAILED, FIELDS, PREDICTIONS
from steeldefectx.data.labelled import Split
from steeldefectx.metrics.scores import scores
from steeldefectx.utils.results import versions


@dataclass
class Outcome:
    """What a cell has predicted, and how it came to it."""

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
    method: str = ZERO_SHOT
    chosen: dict[str, Any] = field(default_factory=dict)
    """Few-shot settings that were chosen on validation images, or taken by default."""
    validated: bool = False
    """Whether they were chosen."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """Settings of training."""

    @property
    def train_counts(self) -> dict[str, int]:
        """Training images of each class that was trained on."""
        if self.train is None:
            return {}
        counts = np.bincount(self.train.labels, minlength=len(self.train_classes)).tolist()
        return dict(zip(self.train_classes, counts, strict=True))


def line_of(key: str, cell: Cell, outcome: Outcome, fingerprint: str, seconds: dict[str, float]) -> dict[str, Any]:
    """A cell's result line. Accuracies are fractions.

    Args:
        key: The cell's id.
        cell: The cell.
        outcome: What it has predicted.
        fingerprint: Of the data.
        seconds: By part.
    """
    labels, train_counts = outcome.labels, outcome.train_counts
    predictions = outcome.logits.argmax(dim=1).numpy()
    counts = {label: train_counts.get(name, 0) for label, name in enumerate(outcome.classes)}
    return _unfinished(key, cell) | {
        "status": DONE,
        "method": outcome.method,
        **scores(outcome.logits, labels, outcome.classes),
        **metrics.group_accuracy(predictions, labels, counts),
        "n_train": 0 if outcome.train is None else len(outcome.train),
        "n_test": len(labels),
        "train_counts": train_counts,
        "classes": outcome.classes,
        "chosen": outcome.chosen,
        "validated": outcome.validated,
        "seconds": seconds,
        "recipe": outcome.recipe | asdict(cell),
        "data_fingerprint": fingerprint,
        "predictions": f"{PREDICTIONS}/{key}.parquet",
    }


def failed_line(key: str, cell: Cell, error: str) -> dict[str, Any]:
    """The line of a cell that came to nothing, with the reason."""
    return _unfinished(key, cell) | {"status": FAILED, "error": error, "recipe": asdict(cell)}


def _unfinished(key: str, cell: Cell) -> dict[str, Any]:
    """What a line says of its cell, and null for all that only a finished one has."""
    dataset = cell.data_dir or cell.config
    return dict.fromkeys((*FIELDS, "confusion")) | {
        "cell": key,
        "task": cell.task,
        "dataset": dataset,
        "config": cell.config,
        "model": cell.model,
        "method": cell.method,
        "train_text": cell.test_text if cell.shots else cell.train_text,
        "test_text": cell.test_text,
        "text_control": cell.text_control,
        "shots": 0 if cell.method == ZERO_SHOT else cell.shots,
        "seed": cell.seed,
        "train_on": cell.train_on if cell.test_on else dataset,
        "test_on": cell.test_on or dataset,
        "versions": versions(),
    }


def write_predictions(folder: Path, key: str, outcome: Outcome) -> None:
    """Write a cell's Parquet file, whole or not at all: ``image`` (SHA-256 of the file), ``label``, ``prediction``,
    ``confidence`` (softmax probability of the prediction), a row for each test image.
    """
    confidence, prediction = outcome.logits.softmax(dim=1).max(dim=1)
    table = pa.table(
        {
            "image": outcome.hashes,
            "label": outcome.labels,
            "prediction": prediction.numpy(),
            "confidence": confidence.numpy(),
        }
    )
    path = folder / PREDICTIONS / f"{key}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    pq.write_table(table, temporary)
    temporary.replace(path)

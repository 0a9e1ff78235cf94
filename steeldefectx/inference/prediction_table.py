"""Predictions of images as a table: a row for each of an image's most probable classes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm.auto import tqdm

from steeldefectx.errors import DataError
from steeldefectx.inference.classifier import Prediction, SteelDefectClassifier
from steeldefectx.inference.table_files import Row, check_output, open_table
from steeldefectx.inference.unfinished import Unfinished
from steeldefectx.utils.printable import printable

SCHEMA = pa.schema(
    {
        "file": pa.string(),
        "rank": pa.int32(),
        "class": pa.string(),
        "probability": pa.float64(),
        "abstained": pa.bool_(),
        "description": pa.string(),
        "cause": pa.string(),
        "error": pa.string(),
    }
)
"""A row for each of an image's most probable classes, the best with rank 1; one with ``error`` alone for a file that
is no readable image."""


def predict_files(
    classifier: SteelDefectClassifier,
    files: list[Path],
    out: Path | None,
    *,
    texts: Any = None,
    top_k: int = 3,
    abstain_below: float = 0.0,
    page: int = 0,
) -> list[str]:
    """Write the predictions of images into a table, which appears when it is complete.

    Where it breaks off, the finished rows stay in ``<out>.partial``, and the same call goes on from there: with the
    same model, classes and settings, for files that have not changed since.

    Args:
        classifier: What predicts.
        files: Image files.
        out: The table, in the format of its ending, see :mod:`.table_files`; None: CSV on standard output.
        texts: Other classes, see :meth:`SteelDefectClassifier.predict`; so are ``top_k`` and ``abstain_below``.
        top_k: Classes named for each image.
        abstain_below: Probability below which the classifier abstains.
        page: Page or frame of files of several, counted from 0.

    Returns:
        What is wrong with the files that could not be read, which are said on standard error too.

    Raises:
        ConfigError: A table that cannot be written there, or texts that make no sense.
        ModelError: Texts for a model that takes none.
    """

    def predict(images: Sequence[Path]) -> Iterator[list[Row]]:
        """The rows of each file."""
        predictions = classifier.predict_each(images, texts, top_k, abstain_below, page)
        for file, prediction in zip(tqdm(images, "predict", unit="image", delay=2), predictions, strict=True):
            if isinstance(prediction, DataError):
                tqdm.write(f"unreadable: {prediction}", file=sys.stderr)
            yield list(_rows(file, prediction))

    if out is None:
        return _write(out, files, predict(files))
    check_output(out)
    settings = {"classifier": classifier.fingerprint(), "texts": texts, "top_k": top_k, "abstain_below": abstain_below}
    settings |= {"page": page} if page else {}
    with Unfinished(out, settings, files) as unfinished:
        todo = unfinished.todo
        if len(todo) < len(files):
            done = len(files) - len(todo)
            print(f"{done:,} of {len(files):,} images are done, in {unfinished.path}.", file=sys.stderr)
        for file, rows in zip(todo, predict(todo), strict=True):
            unfinished.add(file, rows)
        return _write(out, files, map(unfinished.rows, files))


def _write(out: Path | None, files: Iterable[Path], rows_of_files: Iterable[list[Row]]) -> list[str]:
    """Write the table; what is wrong with files that could not be read."""
    problems = []
    with open_table(out, SCHEMA) as write:
        for file, rows in zip(files, rows_of_files, strict=True):
            problems += [f"{printable(file)}: {row['error']}" for row in rows if row["error"] is not None]
            for row in rows:
                write(row)
    return problems


def _rows(file: Path, prediction: Prediction | DataError) -> Iterator[Row]:
    row: Row = dict.fromkeys(SCHEMA.names) | {"file": os.fsencode(file).decode("utf-8", "replace")}
    if isinstance(prediction, DataError):
        yield row | {"error": str(prediction).removeprefix(f"{printable(file)}: ")}
        return
    for rank, (label, probability) in enumerate(zip(prediction.labels, prediction.probabilities, strict=True), 1):
        named = Prediction([label], [probability])
        about = {"abstained": prediction.abstained, "description": named.description, "cause": named.cause}
        yield row | {"rank": rank, "class": label, "probability": probability} | about

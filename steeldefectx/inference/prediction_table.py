"""Predictions of a folder of images as a table: Parquet, CSV or JSON lines, written while it is made."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from tqdm.auto import tqdm

from steeldefectx.errors import ConfigError, DataError
from steeldefectx.inference.classifier import Prediction, SteelDefectClassifier

Row = dict[str, Any]
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
ROWS_IN_GROUP = 10_000
"""Rows that are gathered before a part of a Parquet file is written."""
OUTPUTS = (".csv", ".jsonl", ".parquet")


def predict_files(
    classifier: SteelDefectClassifier,
    files: list[Path],
    out: Path | None,
    *,
    texts: Any = None,
    top_k: int = 3,
    abstain_below: float = 0.0,
) -> list[str]:
    """Write the predictions of images into a table, which appears when it is complete.

    Args:
        classifier: What predicts.
        files: Image files.
        out: The table, in the format of its ending; None: CSV on standard output.
        texts: Other classes, see :meth:`SteelDefectClassifier.predict`; so are ``top_k`` and ``abstain_below``.
        top_k: Classes named for each image.
        abstain_below: Probability below which the classifier abstains.

    Returns:
        What is wrong with the files that could not be read, which are said on standard error too.

    Raises:
        ConfigError: Another ending, or texts that make no sense.
        ModelError: Texts for a model that takes none.
    """
    problems: list[str] = []
    with open_table(out) as write, tqdm(files, "predict", unit="image", delay=2) as bar:
        for file, found in zip(files, classifier.predict_each(files, texts, top_k, abstain_below), strict=True):
            if isinstance(found, DataError):
                problems.append(str(found))
                tqdm.write(f"unreadable: {found}", file=sys.stderr)
            for row in _rows(file, found):
                write(row)
            bar.update()
    return problems


def _rows(file: Path, found: Prediction | DataError) -> Iterator[Row]:
    row: Row = dict.fromkeys(SCHEMA.names) | {"file": os.fsencode(file).decode("utf-8", "replace")}
    if isinstance(found, DataError):
        yield row | {"error": str(found).removeprefix(f"{file}: ")}
        return
    for rank, (label, probability) in enumerate(zip(found.labels, found.probabilities, strict=True), 1):
        named = Prediction([label], [probability])
        about = {"abstained": found.abstained, "description": named.description, "cause": named.cause}
        yield row | {"rank": rank, "class": label, "probability": probability} | about


@contextmanager
def open_table(out: Path | None) -> Iterator[Callable[[Row], None]]:
    """A function that adds a row to a table, which appears under its name when the ``with`` block ends well.

    Raises:
        ConfigError: An ending that stands for no format.
    """
    if out is None:
        yield _csv(sys.stdout)
        return
    if out.suffix.lower() not in OUTPUTS:
        raise ConfigError(f"{out}: end its name in one of {', '.join(OUTPUTS)}; that decides the format.")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with _parquet(temporary) if out.suffix.lower() == ".parquet" else _text(temporary, out.suffix) as write:
            yield write
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _text(path: Path, ending: str) -> Iterator[Callable[[Row], None]]:
    with open(path, "w", newline="", encoding="utf-8") as file:
        yield _csv(file) if ending.lower() == ".csv" else _json_lines(file)


def _csv(file: TextIO) -> Callable[[Row], None]:
    table = csv.DictWriter(file, SCHEMA.names, lineterminator="\n")
    table.writeheader()

    def write(row: Row) -> None:
        rounded = row if row["probability"] is None else row | {"probability": f"{row['probability']:.4f}"}
        table.writerow(rounded)

    return write


def _json_lines(file: TextIO) -> Callable[[Row], None]:
    return lambda row: print(json.dumps(row, ensure_ascii=False), file=file)


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[Row], None]]:
    rows: list[Row] = []
    with pq.ParquetWriter(path, SCHEMA) as table:

        def write(row: Row) -> None:
            rows.append(row)
            if len(rows) == ROWS_IN_GROUP:
                flush()

        def flush() -> None:
            table.write_table(pa.Table.from_pylist(rows, SCHEMA))
            rows.clear()

        yield write
        flush()


def read_texts(file: Path) -> Any:
    """Class names or descriptions from a YAML or JSON file, as :meth:`SteelDefectClassifier.predict` takes them.

    Raises:
        DataError: The file cannot be read, or holds neither a list nor a mapping.
    """
    try:
        found = yaml.safe_load(file.read_text("utf-8"))  # JSON is YAML
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"{file}: cannot be read ({' '.join(str(error).split())}).") from error
    if not isinstance(found, list | dict):
        raise DataError(f"{file}: a list of class names, or `class: description` lines, are needed.")
    return found

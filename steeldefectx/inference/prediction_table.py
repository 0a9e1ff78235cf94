"""Predictions of images as a table, a page, or rows in the terminal: one for each of an image's probable classes."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm.auto import tqdm

from steeldefectx.data.images import image_size
from steeldefectx.errors import DataError
from steeldefectx.inference.classifier import Prediction, SteelDefectClassifier
from steeldefectx.inference.prediction_page import PAGE, prediction_page
from steeldefectx.inference.prediction_terminal import terminal_table
from steeldefectx.inference.table_files import OUTPUTS, Row, open_table
from steeldefectx.inference.unfinished import Unfinished
from steeldefectx.utils.output import check_output_file
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
ENDINGS = (*OUTPUTS, PAGE)
FRAME_SIDE = 480
"""Pixels of the shorter side from which an image is rather a whole frame than a defect's own picture."""
LOOKED_AT = 100
"""Files whose headers say whether there are frames among them."""
UNSURE = "unsure"
"""What counts call an image on which the classifier abstained."""


@dataclass
class Predicted:
    """What came of some files."""

    images: int = 0
    """How many there were, readable or not."""
    counts: Counter[str] = field(default_factory=Counter)
    """Most probable class, or :data:`UNSURE` -> images."""
    problems: list[str] = field(default_factory=list)
    """What is wrong with the files that could not be read."""

    def __str__(self) -> str:
        """As "32 images, 18 Crazing, 14 Bright scratch"."""
        found = ", ".join(f"{count:,} {name}" for name, count in self.counts.most_common())
        unreadable = f"{len(self.problems):,} not readable" if self.problems else ""
        what = "image" if self.images == 1 else "images"
        return ", ".join(part for part in (f"{self.images:,} {what}", found, unreadable) if part)

    def add(self, file: Path, rows: Sequence[Row]) -> None:
        """Count a file."""
        self.images += 1
        if rows[0]["error"] is not None:
            self.problems.append(f"{file}: {rows[0]['error']}")
        else:
            self.counts[UNSURE if rows[0]["abstained"] else rows[0]["class"]] += 1


def predict_files(
    classifier: SteelDefectClassifier,
    files: list[Path],
    out: Path | None,
    *,
    texts: Any = None,
    top_k: int = 3,
    abstain_below: float = 0.0,
    page: int = 0,
) -> Predicted:
    """Write the predictions of images into a table or a page, which appears when it is complete.

    Where it breaks off, the finished rows stay in ``<out>.partial``, and the same call goes on from there: with the
    same model, classes and settings, for files that have not changed since.

    Args:
        classifier: What predicts.
        files: Image files.
        out: The table, in the format of its ending, see :mod:`.table_files`, or a page (``.html``); None: standard
            output, as CSV or, where that is a terminal, as lines for people.
        texts: Other classes, see :meth:`SteelDefectClassifier.predict`; so are ``top_k`` and ``abstain_below``.
        top_k: Classes named for each image.
        abstain_below: Probability below which the classifier abstains.
        page: Page or frame of files of several, counted from 0.

    Returns:
        How many images are of which class. Files that could not be read are said on standard error, too.

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
    check_output_file(out, ENDINGS)
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


def frames_remark(files: Sequence[Path]) -> str:
    """A remark on images that are rather whole frames; empty where none of the first files is one."""
    sizes = [size for file in files[:LOOKED_AT] if (size := image_size(file)) is not None]
    frames = sum(min(size) >= FRAME_SIDE for size in sizes)
    if not frames:
        return ""
    which = "The image is" if len(files) == 1 else f"{frames:,} of {len(sizes):,} images looked at are"
    return (
        f"{which} {FRAME_SIDE} pixels or more a side, and shrunk to what the model sees: "
        "steeldefectx inspect looks at whole frames, and says where."
    )


def _write(out: Path | None, files: Iterable[Path], rows_of_files: Iterable[list[Row]]) -> Predicted:
    """Write table, page or lines; count what is in them."""
    predicted = Predicted()
    with _open(out) as write:
        for file, rows in zip(files, rows_of_files, strict=True):
            predicted.add(file, rows)
            write(file, rows)
    return predicted


def _open(out: Path | None) -> AbstractContextManager[Callable[[Path, list[Row]], None]]:
    """A function that adds a file with its rows to what is written."""
    if out is None and sys.stdout.isatty():
        return terminal_table()
    if out is not None and out.suffix.lower() == PAGE:
        return prediction_page(out)
    return _file_table(out)


@contextmanager
def _file_table(out: Path | None) -> Iterator[Callable[[Path, list[Row]], None]]:
    with open_table(out, SCHEMA) as write:

        def write_all(_: Path, rows: list[Row]) -> None:
            for row in rows:
                write(row)

        yield write_all


def _rows(file: Path, prediction: Prediction | DataError) -> Iterator[Row]:
    row: Row = dict.fromkeys(SCHEMA.names) | {"file": os.fsencode(file).decode("utf-8", "replace")}
    if isinstance(prediction, DataError):
        yield row | {"error": str(prediction).removeprefix(f"{printable(file)}: ")}
        return
    for rank, (label, probability) in enumerate(zip(prediction.labels, prediction.probabilities, strict=True), 1):
        named = Prediction([label], [probability])
        about = {"abstained": prediction.abstained, "description": named.description, "cause": named.cause}
        yield row | {"rank": rank, "class": label, "probability": probability} | about

"""Rows of the dataset -> what training and evaluation take: images, labels, texts of the levels in use."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from steeldefectx.data import duplicates
from steeldefectx.data.builder import load_dataset
from steeldefectx.data.images import open_image
from steeldefectx.data.sides import remarks_of
from steeldefectx.data.splits import validation_split
from steeldefectx.errors import DataError
from steeldefectx.language.class_sentences import given_sentences, sentence_origins
from steeldefectx.taxonomy import TEXT_LEVELS
from steeldefectx.utils.drives import drive_error
from steeldefectx.utils.printable import printable

CLASS_LEVELS = ("T0", "T1")
"""Levels whose text is the same for every sample of a class."""
ROW_SETTINGS = (
    *("skip_bad", "gc10", "layout", "boxes", "page", "zip_encoding", "split_by"),
    *("t0_template", "t1_file", "t1", "annotations"),
)
"""Settings of the dataset that runs and grids have too."""


@dataclass
class Split:
    """Some samples: N images with labels and texts."""

    column: Any
    """Undecoded image column with ``bytes`` and ``path``, of these samples and maybe others."""
    column_hashes: list[str]
    """SHA-256 of each of the column's files."""
    rows: np.ndarray
    """(N,) int64, where in the column the samples are."""
    labels: np.ndarray
    """(N,) int64, positions in ``Data.classes``."""
    texts: dict[str, list[str | None]]
    """Text level -> N texts."""
    sources: np.ndarray
    """(N,) names of the data sets that the samples come from."""
    image_ids: np.ndarray | None = None
    """(N,) ids of the samples; None where nothing is held out of them."""
    classes: list[str] = field(default_factory=list)
    """``Data.classes``, for what is said of labels."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of each sample's image file."""
        return [self.column_hashes[row] for row in self.rows]

    def part(self, chosen: np.ndarray) -> Split:
        """Some of the samples, by a mask (N,) bool; the column stays whole."""
        texts = {
            level: [text for text, keep in zip(column, chosen, strict=True) if keep]
            for level, column in self.texts.items()
        }
        return replace(
            self,
            rows=self.rows[chosen],
            labels=self.labels[chosen],
            texts=texts,
            sources=self.sources[chosen],
            image_ids=None if self.image_ids is None else self.image_ids[chosen],
        )

    def held_out(self, fraction: float, seed: int) -> np.ndarray:
        """(N,) bool, True for a share of each class; a photograph's samples and near-duplicates stay together."""
        looks = duplicates.read_looks(
            self.rows.tolist(), lambda row: open_image(io.BytesIO(image_bytes(self.column[row])))
        )
        related = duplicates.groups_of(duplicates.near_duplicates(looks), len(self))
        if self.image_ids is not None:
            related += duplicates.photographs(self.image_ids)
        groups = duplicates.join_groups(related, len(self))
        return validation_split([str(label) for label in self.labels], fraction, seed, groups)

    def level(self, level: str) -> list[str]:
        """All texts of a level.

        Raises:
            DataError: A sample has none; the message names the levels that are complete.
        """
        missing = [text is None for text in self.texts[level]]
        if any(missing):
            complete = [name for name, texts in self.texts.items() if None not in texts]
            raise DataError(
                f"{sum(missing)} of {len(self)} samples have no {level} text{self._whose(np.array(missing))}. "
                f"Levels that these data have: {', '.join(complete)}."
            )
        return [text for text in self.texts[level] if text is not None]

    def _whose(self, missing: np.ndarray) -> str:
        """The classes of samples without a text."""
        if not self.classes:
            return ""
        names = [self.classes[label] for label in np.unique(self.labels[missing])]
        return f", of {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}"


@dataclass
class Data:
    """What a run trains on and reports on."""

    classes: list[str]
    """The classes that occur, in label order."""
    splits: dict[str, Split]
    remarks: list[str] = field(default_factory=list)
    """How many images are kept on one side of the split, in words, where there are some."""
    origins: str = ""
    """Where the classes' T1 come from, in words, if not all are the 25 classes' own."""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all images, labels and texts in ``splits``."""
        return _fingerprint(self.classes, self.splits)

    def split(self, name: str) -> Split:
        """A split.

        Raises:
            DataError: There are too few images for it.
        """
        if name not in self.splits or not len(self.splits[name]):
            sizes = ", ".join(f"{len(part)} in {other}" for other, part in self.splits.items())
            raise DataError(
                f"There are too few images for a {name} split ({sizes}): a class needs 4 to have one. Images of your "
                "own that nearly equal each other count as one, unless you give --split-by rule."
            )
        return self.splits[name]


def load_data(
    config: str,
    data_dir: str | None,
    *,
    validation: float = 0.0,
    seed: int = 0,
    **settings: Any,
) -> Data:
    """Load a config.

    Args:
        config: Config of the dataset.
        data_dir: Folder with images, where the config needs one.
        validation: When above 0, ``test`` is this share of train, and the true test split is not opened.
        seed: Of the validation draw.
        **settings: :data:`ROW_SETTINGS`; None leaves one as it is by default.

    Raises:
        DataError: Images that cannot be used.
        ConfigError: Unknown config, or no folder where one is needed.
    """
    rows = load_dataset(config, data_dir=data_dir, **{k: v for k, v in settings.items() if v is not None})
    opened = {name: part for name, part in rows.items() if name == "train" or not validation}
    label_names = rows["train"].features["label"].names
    present = sorted({label for part in opened.values() for label in part.unique("label")})
    classes = [label_names[label] for label in present]
    splits = {name: _split(part, present, classes) for name, part in opened.items()}
    if validation:
        held_out = splits["train"].held_out(validation, seed)
        splits = {"train": splits["train"].part(~held_out), "test": splits["train"].part(held_out)}
    origins = sentence_origins(classes, given_sentences(settings.get("t1_file"), settings.get("t1")))
    return Data(classes, splits, remarks_of(rows), origins)


def _split(rows: datasets.Dataset, present: list[int], classes: list[str]) -> Split:
    column = rows.cast_column("image", datasets.Image(decode=False))["image"]
    position = {label: index for index, label in enumerate(present)}
    texts = {level: list(rows[level]) for level in TEXT_LEVELS}
    # A class that nobody has described is told by its name's words.
    texts["T1"] = [described or named for named, described in zip(texts["T0"], texts["T1"], strict=True)]
    return Split(
        column=column,
        column_hashes=[hashlib.sha256(image_bytes(cell)).hexdigest() for cell in column],
        rows=np.arange(len(rows)),
        labels=np.array([position[label] for label in rows["label"]], dtype=np.int64),
        texts=texts,
        sources=np.array(rows["source"]),
        image_ids=np.array(rows["image_id"]),
        classes=classes,
    )


def image_bytes(cell: dict[str, Any]) -> bytes:
    """The encoded file behind a cell of an undecoded image column.

    Raises:
        DataError: The file, which was there when the rows were made, cannot be read.
        DriveGoneError: The drive that it lies on went away.
    """
    if cell["bytes"] is not None:
        return cell["bytes"]
    try:
        return Path(cell["path"]).read_bytes()
    except OSError as error:
        if gone := drive_error(error, cell["path"]):
            raise gone from error
        raise DataError(f"{printable(cell['path'])}: cannot be read any more ({error.strerror}).") from error


def _fingerprint(classes: list[str], splits: dict[str, Split]) -> str:
    digest = hashlib.sha256(repr(classes).encode())
    for name, split in splits.items():
        digest.update(repr((name, split.hashes, split.labels.tolist(), split.texts)).encode())
    return digest.hexdigest()


def class_texts(data: Data, level: str) -> list[list[str]]:
    """The texts that stand for each class: one for T0 and T1, all distinct ones of its training samples else.

    Raises:
        DataError: The level is missing, or a class has no training sample to take T2 or T3 from.
    """
    names = ("train", "test") if level in CLASS_LEVELS else ("train",)
    texts_of_class: list[dict[str, None]] = [{} for _ in data.classes]
    for split in (data.splits[name] for name in names if name in data.splits):
        for label, text in zip(split.labels, split.level(level), strict=True):
            texts_of_class[label][text] = None
    empty = [name for name, texts in zip(data.classes, texts_of_class, strict=True) if not texts]
    if empty:
        raise DataError(f"No training sample gives a {level} text for: {', '.join(empty)}. Test with T0 or T1.")
    return [list(texts) for texts in texts_of_class]


def notes_on_scores(data: Data, scored: list[Split], levels: Collection[str | None]) -> list[str]:
    """What a reader of scores has to know of the classes that they are of.

    Args:
        data: All data.
        scored: The splits that scores are of.
        levels: The text levels in use.
    """
    notes = [*data.remarks, *([data.origins] if data.origins and "T1" in levels else [])]
    if len(data.classes) == 1:
        notes.append(f"There is one class alone, {data.classes[0]}: among the data's classes every image is right.")
    tested = {int(label) for split in scored for label in split.labels}
    untested = [name for label, name in enumerate(data.classes) if label not in tested]
    if untested:
        notes.append(
            f"{len(untested)} of {len(data.classes)} classes have no image here and count in no score: "
            f"{', '.join(untested)}."
        )
    return notes

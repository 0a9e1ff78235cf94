"""Rows of the dataset -> what training and evaluation take: images, labels, texts of the levels in use."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from steeldefectx.data.builder import load_dataset
from steeldefectx.data.splits import validation_split
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.taxonomy import TEXT_LEVELS

CLASS_LEVELS = ("T0", "T1")
"""Levels whose text is the same for every sample of a class."""


@dataclass
class Split:
    """Some samples: N images with labels and texts."""

    images: Any
    """Undecoded image column, N cells with ``bytes`` and ``path``."""
    hashes: list[str]
    """SHA-256 of each image's file."""
    labels: np.ndarray
    """(N,) int64, positions in ``Data.classes``."""
    texts: dict[str, list[str | None]]
    """Text level -> N texts."""

    def __len__(self) -> int:
        return len(self.labels)

    def level(self, level: str) -> list[str]:
        """All texts of a level.

        Raises:
            DataError: A sample has none; the message names the levels that are complete.
        """
        missing = sum(text is None for text in self.texts[level])
        if missing:
            complete = [name for name, texts in self.texts.items() if None not in texts]
            raise DataError(
                f"{missing} of {len(self)} samples have no {level} text. "
                f"Levels that these data have: {', '.join(complete)}."
            )
        return [text for text in self.texts[level] if text is not None]


@dataclass
class Data:
    """What a run trains on and reports on."""

    classes: list[str]
    """The classes that occur, in label order."""
    splits: dict[str, Split]
    fingerprint: str
    """Hash of all images, labels and texts in ``splits``."""


def load_data(
    config: str,
    data_dir: str | None,
    names: tuple[str, ...],
    *,
    skip_bad: bool = False,
    t0_template: str,
    validation: float = 0.0,
    seed: int = 0,
) -> Data:
    """Load splits of a config.

    Args:
        config: Config of the dataset.
        data_dir: Folder with images, where the config needs one.
        names: Splits wanted: ``train``, ``test``.
        skip_bad: Leave out what cannot be read.
        t0_template: T0 sentence.
        validation: When above 0, ``test`` is this share of train, and the true test split is not opened.
        seed: Of the validation draw.

    Raises:
        DataError: Images that cannot be used.
        ConfigError: Unknown config, or no folder where one is needed.
    """
    if validation and "test" not in names:
        raise ConfigError("A validation share replaces the test split: ask for it.")
    rows = load_dataset(config, data_dir=data_dir, skip_bad=skip_bad, t0_template=t0_template)
    parts = {name: rows[name] for name in names} if not validation else _hold_out(rows["train"], validation, seed)
    label_names = rows["train"].features["label"].names
    present = sorted({label for part in parts.values() for label in part.unique("label")})
    classes = [label_names[label] for label in present]
    splits = {name: _split(part, present) for name, part in parts.items()}
    for name, split in splits.items():
        if not len(split):
            raise DataError(f"The {name} split is empty: too few images ({len(rows['train'])} in train).")
    return Data(classes, splits, _fingerprint(classes, splits))


def _hold_out(train: datasets.Dataset, fraction: float, seed: int) -> dict[str, datasets.Dataset]:
    held_out = validation_split([str(label) for label in train["label"]], fraction, seed)
    return {
        "train": train.select(np.flatnonzero(~held_out)),
        "test": train.select(np.flatnonzero(held_out)),
    }


def _split(rows: datasets.Dataset, present: list[int]) -> Split:
    images = rows.cast_column("image", datasets.Image(decode=False))["image"]
    position = {label: index for index, label in enumerate(present)}
    return Split(
        images=images,
        hashes=[hashlib.sha256(image_bytes(cell)).hexdigest() for cell in images],
        labels=np.array([position[label] for label in rows["label"]], dtype=np.int64),
        texts={level: list(rows[level]) for level in TEXT_LEVELS},
    )


def image_bytes(cell: dict[str, Any]) -> bytes:
    """The encoded file behind a cell of an undecoded image column."""
    return cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()


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
    order = [data.splits[name] for name in ("train", "test") if name in data.splits]
    sources = order if level in CLASS_LEVELS else [s for n, s in data.splits.items() if n == "train"]
    found: list[dict[str, None]] = [{} for _ in data.classes]
    for split in sources:
        for label, text in zip(split.labels, split.level(level), strict=True):
            found[label][text] = None
    empty = [name for name, texts in zip(data.classes, found, strict=True) if not texts]
    if empty:
        raise DataError(f"No training sample gives a {level} text for: {', '.join(empty)}. Test with T0 or T1.")
    return [list(texts) for texts in found]

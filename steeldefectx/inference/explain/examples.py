"""What is explained: images with the texts they are asked about, and masks where there are some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from steeldefectx.data.builder import load_dataset
from steeldefectx.data.sources import read_mask
from steeldefectx.errors import DataError
from steeldefectx.language.class_sentences import class_sentence
from steeldefectx.taxonomy import TEXT_LEVELS, t0_sentence


@dataclass
class Example:
    """An image and what is known of it."""

    name: str
    """File or image id."""
    image: Image.Image
    class_name: str | None = None
    """Its class, where the data say; None for an image alone."""
    texts: dict[str, str | None] | None = None
    """Text level -> its text; None for an image alone."""
    mask: np.ndarray | None = None
    """(H, W) bool."""


def dataset_rows(config: str, data_dir: str | None, split: str, limit: int) -> Any:
    """Rows of a split of the data set, the classes in turn.

    Raises:
        DataError: Images that cannot be used, or no such split.
        ConfigError: Unknown config, or no folder where one is needed.
    """
    parts = load_dataset(config, data_dir=data_dir)
    if split not in parts:
        raise DataError(f"There are too few images for a {split} split: a class needs 4 to have one.")
    seen: Counter[int] = Counter()
    turns = []
    for row, label in enumerate(parts[split]["label"]):
        turns.append((seen[label], label, row))
        seen[label] += 1
    return parts[split].select([row for _, _, row in sorted(turns)[:limit]])


def dataset_examples(rows: Any) -> Iterator[Example]:
    """The rows as examples."""
    names = rows.features["label"].names
    for row in rows:
        yield Example(
            name=row["image_id"],
            image=row["image"],
            class_name=names[row["label"]],
            texts={level: row[level] for level in TEXT_LEVELS},
            mask=None if row["mask"] is None else read_mask(row["mask"], None),
        )


def texts_of(example: Example, levels: Sequence[str], predicted: str | None) -> dict[str, str]:
    """The texts of those of some levels that there are: the example's own; for an image alone, T0 and T1 of the class
    it is predicted as.
    """
    texts = _all_texts(example, predicted)
    return {level: text for level in levels if (text := texts.get(level))}


def what_is_missing(example: Example, levels: Sequence[str], predicted: str | None) -> str:
    """That an example lacks some levels, and what it has, in words."""
    texts = _all_texts(example, predicted)
    missing = [level for level in levels if not texts.get(level)]
    has = ", ".join(level for level, text in texts.items() if text) or "none"
    whose = "" if example.texts else ", those of the class that it is predicted as"
    return (
        f"{example.name} has no {' and no '.join(missing)} text. Levels that it has: {has}{whose}. "
        "--text asks for a text of your own."
    )


def _all_texts(example: Example, predicted: str | None) -> dict[str, str | None]:
    if example.texts is not None:
        return example.texts
    return {} if predicted is None else {"T0": t0_sentence(predicted), "T1": class_sentence(predicted)}

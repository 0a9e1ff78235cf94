"""What a data set holds, counted: for its card, its plots and whoever wants the numbers."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from steeldefectx.data.duplicates import photograph_of
from steeldefectx.data.images import traits_of
from steeldefectx.data.splits import train_size
from steeldefectx.taxonomy import CLASSES, GC10, TEXT_LEVELS

ROWS_AT_A_TIME = 64
ATTRIBUTE_COUNTS = ("scale", "polarity", "saliency", "number", "shape", "direction", "spatial_distribution")
"""Attributes with one value an image."""


@dataclass
class Statistics:
    """Counts of samples, by what they are."""

    classes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(class, split)."""
    sources: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(class, source)."""
    masks: Counter[str] = field(default_factory=Counter)
    """Class -> samples with a mask."""
    texts: Counter[str] = field(default_factory=Counter)
    """Text level -> samples that have it."""
    photographs: dict[str, set[str]] = field(default_factory=dict)
    """Photograph of GC10-DET, where its samples are named by it -> the splits that they are in."""
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(width, height) in pixels."""
    attributes: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in ATTRIBUTE_COUNTS})
    """Attribute -> value -> samples."""
    cells: Counter[str] = field(default_factory=Counter)
    """Cell of the 3x3 grid -> samples in which most of the defect lies there."""

    def __len__(self) -> int:
        return sum(self.classes.values())

    def class_names(self) -> list[str]:
        """Classes that occur, alphabetically."""
        return sorted({name for name, _ in self.classes})

    def splits(self) -> dict[str, int]:
        """Split -> samples, train first."""
        rows: Counter[str] = Counter()
        for (_, split), count in self.classes.items():
            rows[split] += count
        return dict(sorted(rows.items(), reverse=True))

    def add(self, split: str, class_name: str, row: dict[str, Any]) -> None:
        """Count one row, with undecoded image and mask."""
        self.classes[class_name, split] += 1
        self.sources[class_name, row["source"]] += 1
        if row["source"] == GC10 and row["image_id"].startswith(f"{GC10}/"):
            self.photographs.setdefault(photograph_of(row["image_id"]), set()).add(split)
        self.masks[class_name] += row["mask"] is not None
        self.texts.update(level for level in TEXT_LEVELS if row[level] is not None)
        self.sizes[traits_of(io.BytesIO(row["image"]["bytes"])).size] += 1
        attributes = row["attributes"]
        if attributes is not None:
            for name, values in self.attributes.items():
                values[attributes[name]] += 1
            if attributes["position"]:
                self.cells[max(attributes["position"], key=lambda cell: cell["fraction"])["cell"]] += 1


def of_parquet(files: dict[str, list[Path]], class_names: list[str]) -> Statistics:
    """Count the rows of Parquet files, a few at a time.

    Args:
        files: Split -> its files.
        class_names: Class of each label.
    """
    statistics = Statistics()
    columns = ["image", "mask", "label", "source", "image_id", *TEXT_LEVELS, "attributes"]
    for split, shards in files.items():
        for shard in shards:
            with pq.ParquetFile(shard) as parquet:
                for batch in parquet.iter_batches(ROWS_AT_A_TIME, columns=columns):
                    for row in batch.to_pylist():
                        statistics.add(split, class_names[row["label"]], row)
    return statistics


def of_release() -> Statistics:
    """The public release as published: all 25 classes. Sizes and attributes of its images are not counted."""
    statistics = Statistics()
    for c in CLASSES:
        total = sum(c.released.values())
        statistics.classes[c.name, "train"] = train_size(total)
        statistics.classes[c.name, "test"] = total - train_size(total)
        statistics.sources.update({(c.name, source): count for source, count in c.released.items()})
        statistics.masks[c.name] = total
    statistics.texts.update(dict.fromkeys(("T0", "T1", "T3"), len(statistics)))
    statistics.sizes[256, 256] = len(statistics)
    return statistics

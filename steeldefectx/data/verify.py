"""``steeldefectx verify``: the texts of a data set checked against its masks, as JSON lines and as a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from steeldefectx.errors import ConfigError, DataError
from steeldefectx.language.claim_check import CheckedText, check
from steeldefectx.language.claims import KINDS
from steeldefectx.language.evidence import Evidence, evidence_from_class, evidence_from_mask
from steeldefectx.taxonomy import TEXT_LEVELS
from steeldefectx.utils.atomic import atomic_write
from steeldefectx.utils.grey_levels import to_grey

SAMPLE = "sample"
"""What stands in place of a folder for the synthetic images."""


@dataclass(frozen=True)
class TextRow:
    """A text of an image."""

    image_id: str
    level: str
    """T0 to T3, or another name for the text's kind."""
    text: str
    image: np.ndarray
    """(H, W) uint8, grey levels."""
    mask: np.ndarray | None
    """(H, W) bool, True on the defect; None: the class and the image's other texts are the evidence."""
    class_name: str


@dataclass(frozen=True)
class VerifiedRow:
    """A text of an image, checked."""

    image_id: str
    level: str
    text: str
    class_name: str
    checked: CheckedText

    def line(self) -> str:
        """As a line of JSON."""
        return json.dumps(
            {
                "image_id": self.image_id,
                "level": self.level,
                "class": self.class_name,
                "text": self.text,
                "evidence": self.checked.source,
                "claims": len(self.checked.claims),
                "risk": self.checked.risk,
                "contradictions": [asdict(contradiction) for contradiction in self.checked.contradictions],
            },
            ensure_ascii=False,
        )


@dataclass
class VerificationSummary:
    """How many texts and claims were checked, and what was contradicted."""

    texts: int = 0
    wrong_texts: int = 0
    claims: Counter[str] = field(default_factory=Counter)
    contradictions: Counter[str] = field(default_factory=Counter)

    def add(self, checked: CheckedText) -> None:
        """Count a text."""
        self.texts += 1
        self.wrong_texts += bool(checked.contradictions)
        self.claims.update(claim.kind for claim in checked.claims)
        self.contradictions.update(contradiction.kind for contradiction in checked.contradictions)


def verify_rows(rows: Iterable[TextRow]) -> Iterator[VerifiedRow]:
    """Check texts one by one, in their order.

    Args:
        rows: The texts of one image one after the other: they share its evidence, and without a mask each is compared
            with the others.

    Raises:
        DataError: A mask that does not fit its image, or is empty; the message names the image.
    """
    for image_id, group in groupby(rows, key=lambda row: row.image_id):
        texts = list(group)
        for number, row in enumerate(texts):
            if number == 0 or row.mask is None:
                others = [other.text for other in texts[:number] + texts[number + 1 :]]
                evidence = _evidence(row, others)
            yield VerifiedRow(image_id, row.level, row.text, row.class_name, check(row.text, evidence))


def _evidence(row: TextRow, others: list[str]) -> Evidence:
    if row.mask is None:
        return evidence_from_class(row.class_name, others)
    try:
        return evidence_from_mask(row.image, row.mask, row.class_name)
    except DataError as error:
        raise DataError(f"{row.image_id}: {error}") from error


def verify_dataset(data: str, config: str, level: str, out: Path, **settings: Any) -> VerificationSummary:
    """Check the texts of a data set and write a JSON line for each; the file appears when it is complete.

    Args:
        data: Folder with the images, or ``sample``.
        config: As for ``load_dataset``; of no account for ``sample``.
        level: Text level: T1, T2 or T3.
        out: File to write.
        **settings: Fields of :class:`~steeldefectx.data.builder.SteelDefectXConfig`.

    Raises:
        ConfigError: A level that claims nothing, or an unknown config.
        DataError: No such folder, images that cannot be used, or no text of this level.
    """
    if level not in TEXT_LEVELS[1:]:
        raise ConfigError(f"Texts of level {level!r} claim nothing that can be checked: choose T1, T2 or T3.")
    rows = _load(data, config, settings)
    with_text = [number for number, text in enumerate(rows[level]) if (text or "").strip()]
    if not with_text:
        raise DataError(f"{data}: no image has a {level} text; choose another --level, or annotate the images first.")
    verified = verify_rows(_text_rows(rows.select(with_text), level))
    return write_verified(tqdm(verified, "verify", len(with_text), unit="text", delay=2), out)


def write_verified(rows: Iterable[VerifiedRow], out: Path | None) -> VerificationSummary:
    """Sum up verified texts, and write a line of each.

    Args:
        rows: The texts.
        out: JSON lines; the file appears when it is complete. None: nothing is written.
    """
    summary = VerificationSummary()
    if out is None:
        for row in rows:
            summary.add(row.checked)
        return summary
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as file:
        for row in rows:
            summary.add(row.checked)
            file.write(row.line() + "\n")
    return summary


def _load(data: str, config: str, settings: dict[str, Any]) -> Any:
    """All rows of a data set, of both splits."""
    from datasets import concatenate_datasets

    from steeldefectx.data.builder import load_dataset

    if data == SAMPLE:
        splits = load_dataset(SAMPLE)
    else:
        folder = Path(data).expanduser().absolute()
        if not folder.is_dir():
            raise DataError(f"{data}: no such folder; for the synthetic images say {SAMPLE}.")
        splits = load_dataset(config, data_dir=str(folder), **settings)
    return concatenate_datasets(list(splits.values()))


def _text_rows(rows: Any, level: str) -> Iterator[TextRow]:
    names = rows.features["label"].names
    for row in rows:
        mask = None if row["mask"] is None else np.asarray(row["mask"].convert("L")) > 127
        image = np.asarray(to_grey(row["image"]))
        yield TextRow(row["image_id"], level, row[level], image, mask, names[row["label"]])


def print_summary(summary: VerificationSummary) -> None:
    """Claims and contradictions by kind, on standard output."""
    table = Table("kind of claim", title=f"{summary.texts:,} texts, {summary.wrong_texts:,} with a contradiction")
    for heading in ("claims", "contradicted"):
        table.add_column(heading, justify="right")
    for kind in KINDS:
        wrong = summary.contradictions[kind]
        table.add_row(kind, f"{summary.claims[kind]:,}", f"[yellow]{wrong:,}[/]" if wrong else "0")
    Console().print(table)

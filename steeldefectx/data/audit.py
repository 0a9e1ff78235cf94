"""What may be wrong with a folder of images: near-duplicates, blank images, masks and texts that do not fit."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from steeldefectx.data import builder, duplicates, sides
from steeldefectx.data.configs import FOLDER_CONFIGS, check_config
from steeldefectx.data.sample_rows import sample_texts
from steeldefectx.data.sources import Listing, Problem, Sample, sample_mask
from steeldefectx.errors import ConfigError
from steeldefectx.taxonomy import CLASS_NAMES
from steeldefectx.utils.atomic import atomic_write

LABEL = "doubtful_labels"
ACROSS, WITHIN, CONFLICT = "duplicates_across_splits", "duplicates_within_a_split", "duplicates_of_other_class"
UNUSABLE, BLANK, MASK, TEXT = "unusable_files", "blank_images", "masks", "texts"
KINDS = {
    LABEL: "Images that look like another class",
    ACROSS: "Near-duplicates across splits",
    WITHIN: "Near-duplicates within a split",
    CONFLICT: "Near-duplicates with different classes",
    UNUSABLE: "Files that cannot be used",
    BLANK: "Blank images",
    MASK: "Masks that do not fit",
    TEXT: "Texts that are empty or name another class",
}
"""Kind of finding -> its heading."""
DROP, LOOK, KEEP = "drop", "look", "keep"
ADVICE = {LABEL: LOOK, CONFLICT: LOOK, UNUSABLE: DROP, BLANK: DROP, MASK: LOOK, TEXT: LOOK}
"""Kind of finding -> what to do with its files; of near-duplicates of one class all but the first are dropped."""

CONFIGS = ("default", *FOLDER_CONFIGS)
_MASK_REASONS = ("a mask of", "an empty mask")
"""How a problem begins that is one of a mask."""


@dataclass(frozen=True)
class Finding:
    """One thing a person should look at."""

    kind: str
    """One of :data:`KINDS`."""
    detail: str
    """What it is, in words."""
    paths: tuple[Path, ...] = ()
    """The files to look at."""
    captions: tuple[str, ...] = ()
    """What is said below each: id, class and split."""

    def advice(self, number: int) -> str:
        """What to do with the file at a position: ``drop``, ``look`` or ``keep``."""
        return ADVICE.get(self.kind) or (DROP if number else KEEP)


@dataclass(frozen=True)
class Doubt:
    """A sample whose class something else contradicts."""

    position: int
    """Among the samples."""
    other: str
    """The class that it may be of."""
    share: float
    """How much speaks for it, 0..1."""
    own: float
    """How much speaks for its own class, 0..1."""


@dataclass(frozen=True)
class Audit:
    """All that was looked at and found."""

    data_dir: Path
    balance: dict[str, tuple[int, int]]
    """Class -> images for training, for testing."""
    findings: list[Finding]
    photographs: list[list[int]]
    """Positions of the samples of each photograph that has several: they are on one side of the split."""

    @property
    def remark(self) -> str:
        """What there is to say of the photographs; empty where none has several samples."""
        return sides.kept_together(self.photographs)

    def counts(self) -> dict[str, int]:
        """Findings of each kind."""
        count = Counter(finding.kind for finding in self.findings)
        return {kind: count[kind] for kind in KINDS}

    def write_json(self, file: Path) -> None:
        """Write counts, class balance and findings."""
        content = {
            "data_dir": str(self.data_dir),
            "images": sum(map(sum, self.balance.values())),
            "counts": self.counts(),
            "classes": {name: {"train": n, "test": m} for name, (n, m) in self.balance.items()},
            "findings": [asdict(finding) for finding in self.findings],
        }
        with atomic_write(file) as stream:
            stream.write(json.dumps(content, indent=2, default=str) + "\n")

    def write_csv(self, file: Path) -> None:
        """Write a line for each file that something was found about, with what to do with it."""
        with atomic_write(file) as stream:
            lines = csv.writer(stream, lineterminator="\n")
            lines.writerow(("file", "do", "finding", "detail"))
            for finding in self.findings:
                for number, path in enumerate(finding.paths):
                    name = os.fsencode(path).decode("utf-8", "replace")
                    lines.writerow((name, finding.advice(number), KINDS[finding.kind], finding.detail))


def audit(
    data_dir: Path,
    config: str = "default",
    split: str = "auto",
    doubtful_labels: Callable[[Sequence[Sample]], Sequence[Doubt]] | None = None,
    **settings: Any,
) -> Audit:
    """Look through the images, masks and texts of a folder.

    Args:
        data_dir: Folder with the images.
        config: ``default``, ``class-folders`` or ``auto``.
        split: ``rule``, ``grouped`` or ``auto``: the split that duplicates are looked for across.
        doubtful_labels: Finds samples that look like another class, the most doubtful first; takes a model, which data
            know nothing of.
        **settings: How the folder is read, see :func:`.builder.find_samples`.

    Raises:
        DataError: No such folder, or no usable image in it.
        ConfigError: A config that reads no folder, or an unknown split.
    """
    check_config(config)
    config = builder.resolved_config(config, data_dir, settings.get("zip_encoding"))
    if config not in CONFIGS:
        raise ConfigError(f"The config {config!r} cannot be audited: choose one of {', '.join(CONFIGS)}.")
    listing = builder.find_samples(config, data_dir, skip_bad=True, **settings)
    looks = duplicates.sample_looks(listing.samples)
    groups = duplicates.groups_of(duplicates.near_duplicates(looks), len(listing.samples))
    parts = sides.assign_splits(listing.samples, sides.split_rule(config, split), groups)
    doubts = [] if doubtful_labels is None else doubtful_labels(listing.samples)
    findings = [
        *_doubts(listing.samples, parts, doubts),
        *_duplicates(listing.samples, parts, groups),
        *_unusable(listing.problems),
        *_blank(listing.samples, parts, looks.deviations),
        *_masks(listing),
        *_texts(listing.samples),
    ]
    kept_together = duplicates.photographs(sample.image_id for sample in listing.samples)
    return Audit(data_dir, _balance(listing.samples, parts), findings, kept_together)


def _balance(samples: Sequence[Sample], parts: Sequence[str]) -> dict[str, tuple[int, int]]:
    count = Counter((sample.class_name, part) for sample, part in zip(samples, parts, strict=True))
    names = sorted({sample.class_name for sample in samples})
    return {name: (count[name, "train"], count[name, "test"]) for name in names}


def _doubts(samples: Sequence[Sample], parts: Sequence[str], doubts: Sequence[Doubt]) -> Iterator[Finding]:
    for doubt in doubts:
        sample = samples[doubt.position]
        detail = (
            f"labelled {sample.class_name}; of the images most like it {100 * doubt.share:.0f} % are {doubt.other}, "
            f"{100 * doubt.own:.0f} % are {sample.class_name}"
        )
        caption = f"{sample.image_id}\n{sample.class_name} · {parts[doubt.position]}"
        yield Finding(LABEL, detail, (sample.path,), (caption,))


def _duplicates(samples: Sequence[Sample], parts: Sequence[str], groups: list[list[int]]) -> Iterator[Finding]:
    for group in groups:
        if len({duplicates.photograph_of(samples[n].image_id) for n in group}) == 1:  # parts or copies of one image
            continue
        classes = sorted({samples[n].class_name for n in group})
        sides = sorted({parts[n] for n in group}, reverse=True)
        kind = CONFLICT if len(classes) > 1 else ACROSS if len(sides) > 1 else WITHIN
        detail = f"{len(group)} images of {' and '.join(classes)}, in {' and '.join(sides)}"
        captions = tuple(f"{samples[n].image_id}\n{samples[n].class_name} · {parts[n]}" for n in group)
        yield Finding(kind, detail, tuple(samples[n].path for n in group), captions)


def _unusable(problems: Sequence[Problem]) -> Iterator[Finding]:
    for problem in problems:
        if not problem.reason.startswith(_MASK_REASONS):
            yield Finding(UNUSABLE, problem.reason, (problem.path,), (problem.path.name,))


def _blank(samples: Sequence[Sample], parts: Sequence[str], deviations: np.ndarray) -> Iterator[Finding]:
    for n in np.flatnonzero(deviations < duplicates.BLANK_STD).tolist():
        sample = samples[n]
        caption = f"{sample.image_id}\n{sample.class_name} · {parts[n]}"
        yield Finding(BLANK, f"grey levels deviate by {deviations[n]:.2f}", (sample.path,), (caption,))


def _masks(listing: Listing) -> Iterator[Finding]:
    for problem in listing.problems:
        if problem.reason.startswith(_MASK_REASONS):
            yield Finding(MASK, problem.reason, (problem.path,), (problem.path.name,))
    for sample in listing.samples:
        mask = sample_mask(sample, whole=True)
        if mask is not None and mask.all():
            files = (sample.path, *([sample.mask] if isinstance(sample.mask, Path) else []))
            captions = (sample.image_id, *(file.name for file in files[1:]))
            yield Finding(MASK, "a mask that covers the whole image", files, captions)


def _texts(samples: Sequence[Sample]) -> Iterator[Finding]:
    class_names = (*CLASS_NAMES, *sorted({sample.class_name for sample in samples} - set(CLASS_NAMES)))
    for sample in samples:
        for level, text in sample_texts(sample).items():
            reason = None if text is None else text_problem(text, sample.class_name, class_names)
            if reason is not None:
                yield Finding(TEXT, f"{level}: {reason}: “{text}”", (sample.path,), (sample.image_id,))


def text_problem(text: str, class_name: str, class_names: Sequence[str] = CLASS_NAMES) -> str | None:
    """What is wrong with the text of an image: it is empty or names another class than its own.

    Names are looked for as whole words, the longest first, so that "slag inclusion" does not name Inclusion.
    A name of one word ("patches", "inclusion") also describes looks: it counts only where it is called the
    defect or class ("a crazing defect", "surface defect: Crazing").
    """
    if not text.strip():
        return "empty"
    rest = text
    for name in sorted({class_name, *class_names}, key=len, reverse=True):
        if name == class_name:
            rest = _mentions(name, False).sub("...", rest)
        elif _mentions(name, len(name.split()) == 1).search(rest):
            return f"names {name} but is of {class_name}"
    return None


@cache
def _mentions(name: str, called_so: bool) -> re.Pattern[str]:
    """Finds a class name; ``called_so``: only where the text calls it the defect or class."""
    words = r"[\s_-]+".join(re.escape(word) for word in re.split(r"[\s_-]+", name))
    whole = rf"(?<!\w){words}(?:s|es)?(?!\w)"
    if called_so:
        whole = rf"(?:(?:defect|class)\w*\s*(?::|is|of|as)\s*(?:an?\s+)?{whole}|{whole}\s+defects?(?!\w))"
    return re.compile(whole, re.IGNORECASE)

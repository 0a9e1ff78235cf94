"""Descriptions as data: ``annotations.jsonl``, a line an image.

The data set takes such a file, or a store, as its T2 and T3; see ``annotations`` of
:mod:`steeldefectx.data.builder`.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from steeldefectx.errors import AnnotationError
from steeldefectx.utils.atomic import atomic_write
from steeldefectx.utils.surrogates import replace_surrogates

LISTED_PROBLEMS = 20


@dataclass(frozen=True)
class Annotation:
    """The descriptions of one image, and where they come from."""

    image_id: str
    class_name: str | None = None
    source: str | None = None
    sha256: str | None = None
    """Of the image's file."""
    T2: str | None = None
    """As drafted."""
    T3: str | None = None
    """As reviewed."""
    T2_from: dict[str, Any] | None = None
    """``model``, ``prompt_version``, ``coverage``, ``score``, ``risk``."""
    T3_from: dict[str, Any] | None = None
    """``annotators``, and ``adjudicated_by`` where they differed."""


def fingerprint(annotations: Iterable[Annotation]) -> str:
    """SHA-256 of the texts, by image id."""
    texts = sorted((annotation.image_id, annotation.T2, annotation.T3) for annotation in annotations)
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def write_jsonl(annotations: Iterable[Annotation], path: Path) -> None:
    """Write a line for each image; the file appears whole or not at all."""
    with atomic_write(path) as file:
        for annotation in annotations:
            fields = {key: value for key, value in asdict(annotation).items() if value is not None}
            file.write(json.dumps(fields, ensure_ascii=False) + "\n")


def read_jsonl(path: Path) -> list[Annotation]:
    """Read a JSONL file, by image id.

    Raises:
        AnnotationError: Another kind of file, or lines that are no annotations: all are listed.
    """
    _refuse_other_forms(path)
    annotations: dict[str, Annotation] = {}
    problems = []
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                annotation = _annotation(line)
                if annotation.image_id in annotations:
                    raise ValueError(f"a second line of {annotation.image_id}")
                annotations[annotation.image_id] = annotation
            except (ValueError, RecursionError) as error:
                problems.append(f"  line {number}: {error}")
    if problems:
        more = [f"  ... and {len(problems) - LISTED_PROBLEMS:,} more"] if len(problems) > LISTED_PROBLEMS else []
        lines = "\n".join([*problems[:LISTED_PROBLEMS], *more])
        raise AnnotationError(f"{path}: {len(problems):,} lines are no annotations:\n{lines}")
    return [annotations[image_id] for image_id in sorted(annotations)]


def _refuse_other_forms(path: Path) -> None:
    """Name what is mended once, not line by line."""
    with open(path, "rb") as file:
        start = file.read(100)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise AnnotationError(f"{path}: UTF-16, as some editors and shells write it. Save it as UTF-8.")
    if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
        raise AnnotationError(f"{path}: a JSON array. Write an object a line, without the brackets and commas between.")


def _annotation(line: bytes) -> Annotation:
    try:
        entry = replace_surrogates(json.loads(line.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8; save the file as UTF-8") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("image_id"), str):
        raise ValueError("no JSON object with a text image_id")
    texts: dict[str, Any] = {"image_id": entry["image_id"]}
    for key in ("class_name", "source", "sha256", "T2", "T3"):
        if not isinstance(entry.get(key), str | None):
            raise ValueError(f"{key} is no text")
        texts[key] = entry.get(key)
    for key in ("T2_from", "T3_from"):
        if not isinstance(entry.get(key), dict | None):
            raise ValueError(f"{key} is no object")
        texts[key] = entry.get(key)
    return Annotation(**texts)

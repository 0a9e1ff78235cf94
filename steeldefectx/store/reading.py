"""Reading descriptions from wherever they are kept: an annotation store, or a JSONL file."""

from __future__ import annotations

import os
from pathlib import Path

from steeldefectx.errors import AnnotationError
from steeldefectx.store.annotations import Annotation, read_jsonl

SQLITE_HEAD = b"SQLite format 3\x00"


def read_annotations(target: str | os.PathLike[str]) -> list[Annotation]:
    """Read a store (SQLite file or PostgreSQL URL) or a JSONL file, by image id.

    Raises:
        AnnotationError: There is none, or lines are no annotations: all are listed.
    """
    if "://" not in os.fspath(target):
        path = Path(target).expanduser()
        try:
            with open(path, "rb") as file:
                is_store = file.read(len(SQLITE_HEAD)) == SQLITE_HEAD
        except OSError as error:
            raise AnnotationError(f"The annotations cannot be read: {error}.") from error
        if not is_store:
            return read_jsonl(path)
    from steeldefectx.store.annotation_store import Store
    from steeldefectx.store.exchange import annotations_of  # imports SQLAlchemy; files do without

    store = Store.open(target, create=False)
    try:
        return annotations_of(store)
    finally:
        store.close()

"""Label Studio's export as JSON-MIN: rows that keep an image and the values of one annotation, as tasks.

{"image": "a.jpg", "label": [{"points": [...], "polygonlabels": ["dent"]}], "annotation_id": 3, "annotator": 1, ...}
{"image": "b.jpg", "choice": "rust", "annotation_id": 4, "annotator": 1, ...}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from steeldefectx.data.sources.layouts.columns import CLASS_WORDS
from steeldefectx.data.sources.list_tables import names_image

KEYS = (re.compile(rb'"annotation_id"\s*:'), re.compile(rb'"annotator"\s*:'))
"""What every row has."""
_ABOUT = ("annotation_id", "annotator", "created_at", "id", "image", "lead_time", "updated_at")
_CHOICE = ("choice", *CLASS_WORDS)
"""Keys whose text is a choice; of others nothing tells it from a text, or from what came with the task."""


def is_row(row: Any) -> bool:
    """Whether it is a row of JSON-MIN."""
    return isinstance(row, dict) and "data" not in row and {"annotation_id", "annotator"} <= row.keys()


def tasks_of(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks that rows are of, each with its annotations, as the export JSON has them."""
    tasks: dict[str, dict[str, Any]] = {}
    for row in rows:
        data = {key: value for key, value in row.items() if isinstance(value, str)}
        task = tasks.setdefault(str(row.get("id", row["annotation_id"])), {"data": data, "annotations": []})
        times = {key: row.get(key) for key in ("created_at", "updated_at")}
        task["annotations"].append({"result": _result(row)} | times)
    return list(tasks.values())


def _result(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of a row; where there is none, but what may be one, results that are listed: it may not be sound."""
    given = {key: value for key, value in row.items() if key not in _ABOUT and not _names_image(value)}
    result = [each for key, value in given.items() for each in _of_key(key, value)]
    return result or [
        {"id": key, "type": "value that may be a choice"} for key, value in given.items() if _is_said(value)
    ]


def _is_said(value: Any) -> bool:
    """Whether a value may be a class: text, or several; numbers are what came with the task, or a rating."""
    return isinstance(value, str | list | dict) and bool(value)


def _names_image(value: Any) -> bool:
    return isinstance(value, str) and (names_image(value) or names_image(value.partition("?")[0]))


def _of_key(key: str, value: Any) -> list[dict[str, Any]]:
    """What one tag of the interface says: a list of regions, several choices, or one."""
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return [_region(f"{key} {number}", each) for number, each in enumerate(value, 1)]
    if isinstance(value, dict) and isinstance(value.get("choices"), list):
        return [{"id": key, "type": "choices", "value": value}]
    if isinstance(value, str) and value.strip() and re.sub(r"[\W_]", "", key.lower()) in _CHOICE:
        return [{"id": key, "type": "choices", "value": {"choices": [value]}}]
    return []


def _region(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """A region, whose kind is that of its labels."""
    kind = next((key for key in value if key.endswith("labels")), "choices" if "choices" in value else "")
    size = {key: value.get(key) for key in ("original_width", "original_height")}
    return {"id": name, "type": kind, "value": value} | size

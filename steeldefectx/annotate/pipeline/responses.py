"""From a model's answers to the texts in them that can be used: refused, withheld and empty ones are left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from steeldefectx.annotate.pipeline.prompts import NOT_VISIBLE
from steeldefectx.language.coverage import DIMENSIONS
from steeldefectx.store.schema import Answer

LENGTH, CONTENT_FILTER = "length", "content_filter"
"""Finish reasons of a text that was cut off, and of one that was withheld."""
_REFUSAL = re.compile(
    r"(i['’]?m|i am) (very )?(sorry|unable|not able)|(sorry|unfortunately|apologies)\b"
    r"|(as an ai|i) (can(no|['’]?)t|won['’]?t|am not able to) (help|assist|provide|describe|comply|view|see|analy)",
    re.IGNORECASE,
)
"""How a refusal begins that comes as an ordinary text."""


@dataclass(frozen=True)
class ResponseText:
    """A usable text of an answer."""

    text: str
    truncated: bool
    """Cut off before its end."""
    answer_id: int


def clean_text(text: str | None) -> str:
    """A choice's text on one line."""
    return " ".join((text or "").split())


def usable_texts(answers: Sequence[Answer]) -> list[ResponseText]:
    """The usable texts of answers, in their order."""
    texts = []
    for answer, choice in _choices(answers):
        text = clean_text(choice["text"])
        withheld = choice["refusal"] or choice["finish_reason"] == CONTENT_FILTER
        if text and not withheld and not _REFUSAL.match(text):
            texts.append(ResponseText(text, choice["finish_reason"] == LENGTH, answer.id))
    return texts


def unusable_reason(answers: Sequence[Answer]) -> str:
    """What is wrong with answers that have no usable text."""
    choices = [choice for _, choice in _choices(answers)]
    refusals = [clean_text(choice["refusal"] or choice["text"]) for choice in choices]
    if any(refusals):
        return f"refused: {next(filter(None, refusals))[:200]}"
    return "refused" if any(choice["finish_reason"] == CONTENT_FILTER for choice in choices) else "an empty answer"


def _choices(answers: Sequence[Answer]) -> Iterator[tuple[Answer, dict[str, Any]]]:
    return ((answer, choice) for answer in answers for choice in answer.choices)


def supplement_text(text: str) -> str | None:
    """The JSON object that answers about each dimension, as one running text; None if it is no such object.

    Words around the object, such as a code fence, do not matter.
    """
    start, end = text.find("{"), text.rfind("}")
    try:
        parsed = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, dict):
        return None
    sentences = [parsed[key].strip() for key in DIMENSIONS if isinstance(parsed.get(key), str)]
    stated = [s for s in sentences if s and s.lower().rstrip(".") != NOT_VISIBLE]
    return " ".join(s if s[-1] in ".!?" else f"{s}." for s in stated) or None

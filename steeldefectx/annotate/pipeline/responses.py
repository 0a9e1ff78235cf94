"""From a model's answers to the texts in them that can be used, and why the others cannot."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from steeldefectx.annotate.pipeline.answer_text import MIN_WORDS, clean_answer, without_thought
from steeldefectx.annotate.pipeline.prompts import CANDIDATES, NOT_VISIBLE, SUPPLEMENT, prompt_texts
from steeldefectx.annotate.pipeline.useless_answers import useless_reason
from steeldefectx.language.coverage import DIMENSIONS
from steeldefectx.store.schema import Answer
from steeldefectx.utils.surrogates import replace_surrogates

CUT_OFF = ("length", "max_tokens", "model_length", "error", "network_error")
"""Finish reasons of a text that was cut off: at the limit of tokens, or when the model failed."""
WITHHELD = ("content_filter", "content-filter", "safety", "sensitive")
_THINKING_ADVICE = "--max-tokens gives it more, --no-thinking turns it off"


@dataclass(frozen=True)
class ResponseText:
    """A usable text of an answer."""

    text: str
    truncated: bool
    """Cut off before its end."""
    answer_id: int
    doubtful: bool = False
    """Something that is no description may be left in it."""


@dataclass(frozen=True)
class UselessText:
    """A text of an answer that cannot be used."""

    reason: str


def usable_texts(answers: Sequence[Answer]) -> list[ResponseText]:
    """The usable texts of answers, in their order."""
    return [read for read in _read_all(answers) if isinstance(read, ResponseText)]


def unusable_reason(answers: Sequence[Answer]) -> str:
    """What is wrong with answers that have no usable text: what is wrong with most of them."""
    reasons = [read.reason for read in _read_all(answers) if isinstance(read, UselessText)]
    if not reasons:
        return "an empty answer"
    kinds = Counter(reason.partition(":")[0] for reason in reasons)
    most = kinds.most_common(1)[0][0]
    return next(reason for reason in reasons if reason.startswith(most))


def _read_all(answers: Sequence[Answer]) -> Iterator[ResponseText | UselessText]:
    return (_read(answer, replace_surrogates(choice)) for answer in answers for choice in answer.choices)


def _read(answer: Answer, choice: dict[str, Any]) -> ResponseText | UselessText:
    """A choice's text, cleaned: stores keep answers as they came."""
    finish = choice.get("finish_reason")
    if choice.get("refusal"):
        return UselessText(f"refused: {str(choice['refusal'])[:200]}")
    if finish in WITHHELD:
        return UselessText("refused: withheld by a filter of the endpoint")
    raw = choice.get("text") or ""
    cleaned = clean_answer(raw)
    by_dimensions = _asks_by_dimensions(answer)
    text = supplement_text(raw) or "" if by_dimensions else cleaned.text
    if cleaned.unfinished_thought or not text:
        thought = cleaned.thought or bool(choice.get("thought"))
        return UselessText(_empty_reason(thought, finish in CUT_OFF, _token_limit(answer)))
    reason = useless_reason(text, prompt_texts(SUPPLEMENT if by_dimensions else answer.step))
    if reason is not None:
        return UselessText(reason)
    return ResponseText(text, finish in CUT_OFF, answer.id, cleaned.doubtful and not by_dimensions)


def _asks_by_dimensions(answer: Answer) -> bool:
    """Whether a sentence for each dimension was asked for, by a response format or, where that is refused, in words."""
    format_name = "response_format"
    asked = format_name in answer.parameters or format_name in answer.parameters.get("refused", ())
    return answer.step == SUPPLEMENT or (answer.step == CANDIDATES and asked)


def _token_limit(answer: Answer) -> str:
    limit = answer.parameters.get("max_completion_tokens", answer.parameters.get("max_tokens"))
    return "its tokens" if limit is None else f"all {limit} tokens"


def _empty_reason(thought: bool, cut_off: bool, limit: str) -> str:
    if thought and cut_off:
        return f"the model thinks; its thought took {limit}: {_THINKING_ADVICE}"
    if thought:
        return f"the model thinks, and says nothing after its thought: {_THINKING_ADVICE}"
    if cut_off:
        return f"an empty answer that took {limit}, so the model may think: {_THINKING_ADVICE}"
    return "an empty answer"


def supplement_text(text: str) -> str | None:
    """The JSON object that answers about each dimension, as one running text; None if it is no such object.

    Words around the object, such as a code fence, do not matter. Of an object that was cut off, what is complete in it
    counts; and lines that name the dimensions, or a plain text, where no object came.
    """
    text = without_thought(text)[0]
    if "{" in text:
        sentences = _dimensions(text[text.find("{") : text.rfind("}") + 1]) or _complete_pairs(text)
    else:
        sentences = dict(_LINE.findall(text))
        if len(sentences) < MIN_WORDS:
            return _plain_supplement(text)
    answers = {key.lower(): value for key, value in sentences.items() if isinstance(value, str)}
    stated = [answers.get(key, "").strip() for key in DIMENSIONS]
    stated = [s for s in stated if s and s.lower().rstrip(".") != NOT_VISIBLE]
    return " ".join(s if s[-1] in ".!?" else f"{s}." for s in stated) or None


_KEYS = "|".join(DIMENSIONS)
_LINE = re.compile(rf"(?im)^[\W\d_]*({_KEYS})[\W_]*:[\W_]*(\S.*?)\W*$")
_PAIR = re.compile(rf'(?i)"({_KEYS})"\s*:\s*("(?:[^"\\]|\\.)*")')


def _dimensions(text: str) -> dict[str, Any]:
    """The object in a JSON text that has dimensions as keys; empty if there is none."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    candidates = [parsed, *(parsed.values() if isinstance(parsed, dict) else ())]
    found = (value for value in candidates if isinstance(value, dict) and {*map(str.lower, value)} & {*DIMENSIONS})
    return next(found, {})


def _complete_pairs(text: str) -> dict[str, Any]:
    """The answers in an object that is none any more, since it was cut off."""
    try:
        return {key: json.loads(value) for key, value in _PAIR.findall(text)}
    except ValueError:
        return {}


def _plain_supplement(text: str) -> str | None:
    cleaned = clean_answer(text)
    is_text = len(cleaned.text.split()) > 2 * MIN_WORDS and cleaned.text[0] not in "[{"
    return cleaned.text if is_text and not cleaned.doubtful else None

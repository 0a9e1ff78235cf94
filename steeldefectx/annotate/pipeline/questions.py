"""What is asked of an endpoint, and what its answers say."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steeldefectx.annotate.pipeline import prompts
from steeldefectx.annotate.pipeline.costs import Prices, image_tokens, text_tokens
from steeldefectx.annotate.pipeline.images import data_uri
from steeldefectx.annotate.pipeline.prompts import CANDIDATES, SUPPLEMENT
from steeldefectx.annotate.pipeline.settings import Settings
from steeldefectx.store.tables import AnnotatedImage, Answer

LENGTH, FILTERED = "length", "content_filter"
"""Finish reasons of a text that was cut off, and of one that was withheld."""
_REFUSAL = re.compile(
    r"(i['’]?m|i am) (very )?(sorry|unable|not able)|(sorry|unfortunately|apologies)\b"
    r"|(as an ai|i) (can(no|['’]?)t|won['’]?t|am not able to) (help|assist|provide|describe|comply|view|see|analy)",
    re.IGNORECASE,
)
"""How a refusal begins that comes as an ordinary text."""


@dataclass(frozen=True)
class Question:
    """A request for one or more choices."""

    step: str
    """One of :data:`~steeldefectx.annotate.pipeline.prompts.STEPS`."""
    class_name: str
    image: AnnotatedImage | None
    """None where the question is about the class."""
    n: int
    max_tokens: int
    temperature: float
    top_p: float

    @property
    def image_id(self) -> str:
        """Id of the image; empty where the question is about a class."""
        return "" if self.image is None else self.image.image_id

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the request; ``n`` is left out where it is 1, as some endpoints do not know it."""
        asked = {"temperature": self.temperature, "top_p": self.top_p, "max_tokens": self.max_tokens}
        return asked | ({"n": self.n} if self.n > 1 else {})

    def messages(self) -> list[dict[str, Any]]:
        """Messages of the request, the image in them.

        Raises:
            OSError: The image cannot be read.
        """
        picture = None if self.image is None else data_uri(Path(self.image.path))
        return prompts.messages(self.step, self.class_name, picture)

    def tokens(self, model: str, size: tuple[int, int] | None) -> tuple[int, int]:
        """Tokens in and out, rather too many.

        Args:
            model: Its name.
            size: Width and height of the image, if there is one.
        """
        of_image = 0 if size is None else image_tokens(model, *size)
        return text_tokens("".join(prompts.texts(self.step, self.class_name))) + of_image, self.n * self.max_tokens

    def answer(
        self, model: str, choices: list[dict[str, Any]], tokens: tuple[int, int], prices: Prices | None
    ) -> Answer:
        """The row that keeps what was paid for."""
        return Answer(
            step=self.step,
            image_id=self.image_id or None,
            class_name=self.class_name if self.image is None else None,
            prompt_version=prompts.VERSION,
            model=model,
            parameters=self.parameters,
            choices=choices,
            tokens_in=tokens[0],
            tokens_out=tokens[1],
            cost=0.0 if prices is None else prices.cost(*tokens),
        )


def ask(step: str, settings: Settings, subject: AnnotatedImage | str, n: int = 1) -> Question:
    """A question of a step.

    Args:
        step: One of :data:`~steeldefectx.annotate.pipeline.prompts.STEPS`.
        settings: The numbers.
        subject: An image, or the name of a class.
        n: Choices asked for.
    """
    tokens = {CANDIDATES: settings.max_tokens, SUPPLEMENT: settings.supplement_max_tokens}
    most = tokens.get(step, settings.class_max_tokens)
    image = None if isinstance(subject, str) else subject
    class_name = subject if isinstance(subject, str) else subject.class_name
    return Question(step, class_name, image, n, most, settings.temperature, settings.top_p)


@dataclass(frozen=True)
class Text:
    """A usable text of an answer."""

    text: str
    truncated: bool
    answer_id: int


def choice_texts(answers: Sequence[Answer]) -> list[Text]:
    """The choices that are texts, on one line each; refused and empty ones left out."""
    found = []
    for answer in answers:
        for choice in answer.choices:
            text = " ".join((choice["text"] or "").split())
            withheld = choice["refusal"] or choice["finish_reason"] == FILTERED
            if text and not withheld and not _REFUSAL.match(text):
                found.append(Text(text, choice["finish_reason"] == LENGTH, answer.id))
    return found


def why_unusable(answers: Sequence[Answer]) -> str:
    """What is wrong with answers that have no usable choice."""
    choices = [choice for answer in answers for choice in answer.choices]
    words = [" ".join((choice["refusal"] or choice["text"] or "").split()) for choice in choices]
    if any(words):
        return f"refused: {next(filter(None, words))[:200]}"
    return "refused" if any(choice["finish_reason"] == FILTERED for choice in choices) else "an empty answer"


def supplement_text(answer: str) -> str | None:
    """The answers about single dimensions as one text; None if they are no JSON object of the known keys.

    Words around the object, such as a code fence, do not matter.
    """
    start, end = answer.find("{"), answer.rfind("}")
    try:
        said = json.loads(answer[start : end + 1])
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    answers = [said[key].strip() for key in prompts.DIMENSIONS if isinstance(said.get(key), str)]
    told = [a for a in answers if a and a.lower().rstrip(".") != prompts.UNSEEN]
    return " ".join(a if a[-1] in ".!?" else f"{a}." for a in told) or None

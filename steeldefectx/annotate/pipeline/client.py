"""Asking an OpenAI-compatible endpoint. Retries with backoff, as Retry-After says, are the client library's own."""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import openai

from steeldefectx.annotate.pipeline.costs import Prices
from steeldefectx.annotate.pipeline.questions import Question
from steeldefectx.errors import AnnotationError, ConfigError
from steeldefectx.store.tables import Answer

JSON = dict[str, Any]
RETRIES = 6
"""Of a request that was refused for its rate, failed at the server or timed out; half a minute in all."""
REASON_LENGTH = 300
NO_KEY = "none"
"""Sent to endpoints of one's own that need no key."""


class RequestError(AnnotationError):
    """A question that has no answer; the message says why."""


class HopelessError(AnnotationError):
    """The endpoint will not answer any question."""


class Endpoint:
    """An endpoint and a model.

    The key comes from ``OPENAI_API_KEY`` and, like a password in the URL, shows in no message.

    Args:
        model: The model's name there.
        base_url: The endpoint; None for ``OPENAI_BASE_URL``, or OpenAI's own.
        prices: Dollars for tokens; None counts none.
        timeout: Seconds that a request may take.

    Raises:
        ConfigError: OpenAI's own endpoint, and no key; or no URL.
    """

    def __init__(self, model: str, base_url: str | None, prices: Prices | None, timeout: float):
        base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
        key = os.environ.get("OPENAI_API_KEY") or (NO_KEY if base_url else None)
        if key is None:
            raise ConfigError("Set OPENAI_API_KEY, or name an endpoint of your own with --base-url.")
        if base_url is not None and urlsplit(base_url).scheme not in ("http", "https"):
            raise ConfigError("--base-url is an http:// or https:// address, such as http://localhost:8000/v1.")
        self.model = model
        self.prices = prices
        self.client = openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=RETRIES, timeout=timeout)
        self.several_choices = True
        """Whether one request may ask for several choices; False once the endpoint has not given them."""
        self._secrets = _secrets(key, base_url)

    async def ask(self, question: Question, messages: list[dict[str, Any]]) -> Answer:
        """One request, with fewer choices than asked for where the endpoint gives no more.

        Raises:
            RequestError: No answer, for this question.
            HopelessError: None, and none to any other.
        """
        try:
            # chat.completions.create goes through messages and reply by their types, for as long as all else takes.
            body = {"model": self.model, "messages": messages, **question.parameters}
            return self.answer(question, await self.client.post("/chat/completions", body=body, cast_to=JSON))
        except openai.BadRequestError as error:
            if question.n > 1 and _names_n(error):
                self.several_choices = False
                raise SeveralChoicesError(self.reason(error)) from None
            raise RequestError(self.reason(error)) from None
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise HopelessError(f"The endpoint refuses: {self.reason(error)}") from None
        except (openai.OpenAIError, ValueError) as error:  # ValueError: a reply that is no JSON
            raise RequestError(self.reason(error)) from None

    def answer(self, question: Question, reply: dict[str, Any]) -> Answer:
        """What a reply's body says, as the row that keeps it.

        Raises:
            RequestError: It is no reply of chat completions.
        """
        try:
            choices = [_choice(choice) for choice in reply["choices"]]
            usage = reply.get("usage") or {}
            estimate = question.tokens(self.model, None)
            tokens = (
                int(usage.get("prompt_tokens", estimate[0])),
                int(usage.get("completion_tokens", estimate[1])),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise RequestError("the endpoint's reply is not that of chat completions") from None
        if not choices:
            raise RequestError("the endpoint's reply has no choices")
        if len(choices) < question.n:
            self.several_choices = False
        return question.answer(self.model, choices, tokens, self.prices)

    def reason(self, error: Exception) -> str:
        """What went wrong, in a line, without secrets."""
        if isinstance(error, openai.APITimeoutError):
            return f"no answer within {self.client.timeout:g} s, {RETRIES + 1} times"
        if isinstance(error, openai.APIConnectionError):
            return self.clean(f"no connection: {error.__cause__ or error}")
        if isinstance(error, openai.APIStatusError):
            return self.clean(f"HTTP {error.status_code}: {_message(error.body) or error.response.reason_phrase}")
        if isinstance(error, json.JSONDecodeError):
            return "the endpoint's reply is not JSON"
        return self.clean(f"{type(error).__name__}: {error}")

    def clean(self, text: str) -> str:
        """A text on one line, of bounded length, without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = re.sub(r"data:image/[^\s\"']+", "(image)", text)
        return " ".join(text.split())[:REASON_LENGTH]


class SeveralChoicesError(RequestError):
    """The endpoint does not give several choices to one request."""


def _names_n(error: openai.BadRequestError) -> bool:
    """Whether a refusal is about the parameter ``n``."""
    body = error.body if isinstance(error.body, dict) else {}
    return body.get("param") == "n" or re.search(r"\bn\b", _message(error.body)) is not None


def _message(body: object) -> str:
    """The message in an error's body, whatever shape that has."""
    if isinstance(body, dict):
        inner = body.get("message") or body.get("detail") or body.get("error") or body
        return inner if isinstance(inner, str) else json.dumps(inner, default=str)
    return "" if body is None else str(body)


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    message = choice.get("message") or {}
    text = message.get("content")
    return {
        "text": text if isinstance(text, str) else None,
        "finish_reason": choice.get("finish_reason"),
        "refusal": message.get("refusal"),
    }


def _secrets(key: str, base_url: str | None) -> list[str]:
    """All that must not be shown, longest first."""
    url = urlsplit(base_url or "")
    parts = [key if key != NO_KEY else "", url.query]
    parts += [form for part in (url.username, url.password) if part for form in (part, unquote(part))]
    if url.username:  # as the Authorization header has it
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        parts.append(base64.b64encode(pair.encode()).decode())
    return sorted({part for part in parts if part}, key=len, reverse=True)

"""One request to an OpenAI-compatible endpoint, and its reply as a row of the store.

Retries with backoff, as Retry-After says, are the client library's own.
"""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import openai

from steeldefectx.annotate.pipeline.costs import Prices
from steeldefectx.annotate.pipeline.prompts import PROMPT_VERSION, ChatRequest
from steeldefectx.errors import AnnotationError, ConfigError
from steeldefectx.store.schema import Answer

MAX_RETRIES = 6
"""Of a request that was refused for its rate, failed at the server or timed out; half a minute in all."""
MAX_MESSAGE_LENGTH = 300
NO_KEY = "none"
"""Sent to endpoints of one's own that need no key."""


class RequestError(AnnotationError):
    """A request that has no answer; the message says why."""


class RefusedNError(RequestError):
    """The endpoint does not give several choices to one request."""


class EndpointError(AnnotationError):
    """The endpoint will not answer any request."""


class Endpoint:
    """A model at an endpoint.

    The key comes from ``OPENAI_API_KEY`` and, like a password in the URL, shows in no message.

    Args:
        model: The model's name there.
        base_url: The endpoint; None for ``OPENAI_BASE_URL``, or OpenAI's own.
        prices: Of tokens; None where they are not known, costs are 0 then.
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
        self.client = openai.AsyncOpenAI(api_key=key, base_url=base_url, max_retries=MAX_RETRIES, timeout=timeout)
        self.supports_n = True
        """Whether one request may ask for several choices; False once the endpoint has not given them."""
        self._secrets = _secrets(key, base_url)

    async def complete(self, request: ChatRequest, messages: list[dict[str, Any]]) -> Answer:
        """Send a request; the answer may have fewer choices than asked for.

        Raises:
            RequestError: This request has no answer.
            EndpointError: No request will have one.
        """
        try:
            # chat.completions.create goes through messages and reply by their types, for as long as all else takes.
            body = {"model": self.model, "messages": messages, **request.parameters}
            reply = await self.client.post("/chat/completions", body=body, cast_to=dict[str, Any])
            return self.parse_reply(request, reply)
        except openai.BadRequestError as error:
            if request.n > 1 and _names_n(error):
                self.supports_n = False
                raise RefusedNError(self.error_message(error)) from None
            raise RequestError(self.error_message(error)) from None
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise EndpointError(f"The endpoint refuses: {self.error_message(error)}") from None
        except (openai.OpenAIError, ValueError) as error:  # ValueError: a reply that is no JSON
            raise RequestError(self.error_message(error)) from None

    def parse_reply(self, request: ChatRequest, reply: dict[str, Any]) -> Answer:
        """The body of a reply as the store keeps it.

        Raises:
            RequestError: It is no reply of chat completions.
        """
        try:
            choices = [_parse_choice(choice) for choice in reply["choices"]]
            usage = reply.get("usage") or {}
            estimate = request.estimate_tokens(self.model, None)
            tokens_in = int(usage.get("prompt_tokens", estimate[0]))
            tokens_out = int(usage.get("completion_tokens", estimate[1]))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise RequestError("the endpoint's reply is not that of chat completions") from None
        if not choices:
            raise RequestError("the endpoint's reply has no choices")
        if len(choices) < request.n:
            self.supports_n = False
        return Answer(
            step=request.step,
            image_id=request.image_id or None,
            class_name=request.class_name if request.image is None else None,
            prompt_version=PROMPT_VERSION,
            model=self.model,
            parameters=request.parameters,
            choices=choices,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=0.0 if self.prices is None else self.prices.cost(tokens_in, tokens_out),
        )

    def error_message(self, error: Exception) -> str:
        """What went wrong, on one line, without secrets."""
        if isinstance(error, openai.APITimeoutError):
            return f"no answer within {self.client.timeout:g} s, {MAX_RETRIES + 1} times"
        if isinstance(error, openai.APIConnectionError):
            return self.redact(f"no connection: {error.__cause__ or error}")
        if isinstance(error, openai.APIStatusError):
            message = _message(error.body) or error.response.reason_phrase
            return self.redact(f"HTTP {error.status_code}: {message}")
        if isinstance(error, json.JSONDecodeError):
            return "the endpoint's reply is not JSON"
        return self.redact(f"{type(error).__name__}: {error}")

    def redact(self, text: str) -> str:
        """A text on one line, of bounded length, without secrets and images."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = re.sub(r"data:image/[^\s\"']+", "(image)", text)
        return " ".join(text.split())[:MAX_MESSAGE_LENGTH]


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


def _parse_choice(choice: dict[str, Any]) -> dict[str, Any]:
    message = choice.get("message") or {}
    text = message.get("content")
    return {
        "text": text if isinstance(text, str) else None,
        "finish_reason": choice.get("finish_reason"),
        "refusal": message.get("refusal"),
    }


def _secrets(key: str, base_url: str | None) -> list[str]:
    """Key and password in every form that must not be shown, longest first."""
    url = urlsplit(base_url or "")
    parts = [key if key != NO_KEY else "", url.query]
    parts += [form for part in (url.username, url.password) if part for form in (part, unquote(part))]
    if url.username:  # as the Authorization header has it
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        parts.append(base64.b64encode(pair.encode()).decode())
    return sorted({part for part in parts if part}, key=len, reverse=True)

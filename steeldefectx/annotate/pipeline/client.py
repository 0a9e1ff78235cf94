"""One request to an OpenAI-compatible endpoint, and its reply as a row of the store.

Attempts are repeated here and not by the client library, which goes by the status alone: it would ask seven times with
an account that is empty, and not again where a gateway reports its rate limit within a reply of status 200.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import openai

from steeldefectx.annotate.pipeline.answer_text import parse_choice
from steeldefectx.annotate.pipeline.costs import Prices
from steeldefectx.annotate.pipeline.endpoint_errors import (
    CERTIFICATE,
    INVALID_STATUS,
    EndpointError,
    Refusal,
    RefusedNError,
    RequestError,
    address_advice,
    is_azure,
    is_certificate_error,
    message_of,
    parse_body,
    refusal_of,
    refusal_within,
    wait_before,
    what_came,
)
from steeldefectx.annotate.pipeline.prompts import PROMPT_VERSION, ChatRequest
from steeldefectx.annotate.pipeline.redaction import AROUND_A_KEY, Redactor, clean_key, redact_logs
from steeldefectx.annotate.pipeline.request_parameters import RequestParameters, stored_parameters
from steeldefectx.errors import ConfigError
from steeldefectx.store.schema import Answer
from steeldefectx.utils.surrogates import replace_surrogates

MAX_RETRIES = 6
"""Of a request that was refused for its rate, failed at the server or timed out; half a minute in all."""
NO_KEY = "none"
"""Sent to endpoints of one's own that need no key."""
KEY_NAME, URL_NAME = "OPENAI_API_KEY", "OPENAI_BASE_URL"


class Endpoint:
    """A model at an endpoint.

    The key comes from ``OPENAI_API_KEY`` and, like a password in the URL, shows in no message.

    Args:
        model: The model's name there.
        base_url: The endpoint; None for ``OPENAI_BASE_URL``, or OpenAI's own.
        prices: Of tokens; None where they are not known, costs are 0 then.
        timeout: Seconds that a request may take.

    Raises:
        ConfigError: OpenAI's own endpoint, and no key; one that cannot be a key; or no URL.
    """

    def __init__(self, model: str, base_url: str | None, prices: Prices | None, timeout: float):
        base_url = (base_url or os.environ.get(URL_NAME) or "").strip(AROUND_A_KEY) or None
        key = clean_key(os.environ.get(KEY_NAME), KEY_NAME)
        if key is None and base_url is None:
            raise ConfigError(f"Set {KEY_NAME}, or name an endpoint of your own with --base-url.")
        self.model = model
        self.prices = prices
        self.client = _open_client(base_url, key or NO_KEY, timeout)
        self.base_url = str(self.client.base_url)
        self.supports_n = True
        """Whether one request may ask for several choices; False once the endpoint has not given them."""
        self._parameters = RequestParameters()
        self._has_answered = False
        self._redactor = Redactor(key, base_url)
        redact_logs(self._redactor)

    async def complete(self, request: ChatRequest, messages: list[dict[str, Any]]) -> Answer:
        """Send a request; the answer may have fewer choices than asked for.

        Parameters that the endpoint does not take are left out, or sent by another name, from then on.

        Raises:
            RequestError: This request has no answer.
            EndpointError: No request will have one.
        """
        attempt = 1
        while True:
            sent = self.accepted_parameters(request)
            reply = await self._post({"model": self.model, "messages": messages, **sent}, last=attempt > MAX_RETRIES)
            if not isinstance(reply, Refusal):
                return self.parse_reply(request, reply, sent)
            if self.adapts(sent, reply):
                if request.n > 1 and not self.supports_n:
                    raise RefusedNError(self.redact(reply.describe(self.base_url)))
                continue
            if reply.outcome == "end":
                raise EndpointError(self.redact(f"The endpoint refuses: {reply.describe(self.base_url)}"))
            if reply.outcome == "fail" or attempt > MAX_RETRIES:
                raise RequestError(self.redact(reply.describe(self.base_url)))
            await asyncio.sleep(wait_before(attempt, reply.asked_wait))
            attempt += 1

    def accepted_parameters(self, request: ChatRequest) -> dict[str, Any]:
        """The parameters of a request as the endpoint takes them, as far as that is known."""
        return self._parameters.accepted(request.parameters)

    def adapts(self, sent: dict[str, Any], refusal: Refusal) -> bool:
        """Learn from a refusal what the endpoint does not take; whether a request may be accepted now.

        Args:
            sent: Parameters that were refused.
            refusal: What came.
        """
        if refusal.status not in INVALID_STATUS:
            return False
        if sent.get("n", 1) > 1 and _names_n(refusal):
            self.supports_n = False
            return True
        return self._parameters.learn(sent, refusal.body, refusal.message)

    async def _post(self, body: dict[str, Any], *, last: bool) -> dict[str, Any] | Refusal:
        """One attempt.

        Args:
            body: Of the request.
            last: No further attempt is made.

        Raises:
            RequestError: The reply is nothing that can be read; or there was none, in the last attempt.
            EndpointError: No request will have one.
        """
        try:
            # chat.completions.create goes through messages and reply by their types, for as long as all else takes.
            content = await self.client.post(
                "/chat/completions", body=body, cast_to=bytes, options={"max_retries": 0}
            )  # as bytes, for what is in it is not always what its headers say
        except openai.APIStatusError as error:
            return refusal_of(error.status_code, error.response.content, error.response.headers)
        except openai.APIConnectionError as error:
            message = self.error_message(error)
            if is_certificate_error(error):
                raise EndpointError(message) from None
            if last:
                raise RequestError(message) from None
            return Refusal(503, message)
        except (openai.OpenAIError, ValueError) as error:
            raise RequestError(self.error_message(error)) from None
        reply = replace_surrogates(parse_body(content))
        if isinstance(reply, str):
            raise self._unreadable(reply)
        if not isinstance(reply, dict):
            raise RequestError("the endpoint's reply is not that of chat completions")
        return refusal_within(reply) or reply

    def _unreadable(self, text: str) -> RequestError | EndpointError:
        """What is wrong with a reply that is no JSON; before any other this is what the endpoint always does."""
        found = what_came(text)
        if found is None:
            return RequestError("the endpoint's reply is not JSON")
        advice = address_advice(self.base_url)
        if "stream" in found:
            advice = "It must be able to answer without streaming."
        message = self.redact(f"the endpoint's reply is {found}, not JSON. {advice}".rstrip())
        return RequestError(message) if self._has_answered else EndpointError(message[:1].upper() + message[1:])

    def parse_reply(self, request: ChatRequest, reply: dict[str, Any], sent: dict[str, Any] | None = None) -> Answer:
        """The body of a reply as the store keeps it.

        Args:
            request: What was asked.
            reply: Parsed JSON.
            sent: Parameters as they were sent; None: as the request has them.

        Raises:
            RequestError: It is no reply of chat completions.
        """
        refusal = refusal_within(reply)
        if refusal is not None:
            raise RequestError(self.redact(refusal.describe(self.base_url)))
        if not isinstance(reply.get("choices"), list):
            raise RequestError("the endpoint's reply is not that of chat completions")
        choices = [self._masked(parse_choice(choice)) for choice in reply["choices"] if isinstance(choice, dict)]
        if not choices:
            raise RequestError("the endpoint's reply has no choices")
        if len(choices) < request.n:
            self.supports_n = False
        self._has_answered = True
        usage = reply.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        estimate = request.estimate_tokens(self.model, None)
        tokens_in = _count(usage.get("prompt_tokens"), estimate[0])
        tokens_out = _count(usage.get("completion_tokens"), estimate[1])
        return Answer(
            step=request.step,
            image_id=request.image_id or None,
            class_name=request.class_name if request.image is None else None,
            prompt_version=PROMPT_VERSION,
            model=self.model,
            parameters=stored_parameters(request.parameters, request.parameters if sent is None else sent),
            choices=choices,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=0.0 if self.prices is None else self.prices.cost(tokens_in, tokens_out),
        )

    def _masked(self, choice: dict[str, Any]) -> dict[str, Any]:
        """A choice without secrets, which a gateway may write into it."""
        return {name: self._redactor.mask(value) if isinstance(value, str) else value for name, value in choice.items()}

    def error_message(self, error: Exception) -> str:
        """What went wrong, on one line, without secrets."""
        if isinstance(error, openai.APITimeoutError):
            return f"no answer within {self.client.timeout:g} s, {MAX_RETRIES + 1} times"
        if isinstance(error, openai.APIConnectionError):
            message = f"no connection: {error.__cause__ or error}"
            return self.redact(CERTIFICATE.format(message=message) if is_certificate_error(error) else message)
        if isinstance(error, openai.APIStatusError):
            return self.redact(f"HTTP {error.status_code}: {message_of(error.body) or error.response.reason_phrase}")
        return self.redact(f"{type(error).__name__}: {error}")

    def redact(self, text: str) -> str:
        """A text on one line, of bounded length, without secrets and images."""
        return self._redactor.redact(text)


def _open_client(base_url: str | None, key: str, timeout: float) -> openai.AsyncOpenAI:
    """The library's client; its own retries are for all that is no chat request.

    Raises:
        ConfigError: No URL.
    """
    settings: dict[str, Any] = {"api_key": key, "max_retries": MAX_RETRIES, "timeout": timeout}
    if base_url is not None:
        settings |= _address(base_url)
        if is_azure(base_url):
            settings["default_headers"] = {"api-key": key}
    try:
        kind = openai.AsyncAzureOpenAI if "api_version" in settings else openai.AsyncOpenAI
        return kind(**settings)
    except OSError as error:  # it reads certificates
        file = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
        raise ConfigError(f"The certificates of SSL_CERT_FILE ({file}) cannot be read: {error}.") from None


def _address(base_url: str) -> dict[str, Any]:
    """The client's settings for an address.

    Raises:
        ConfigError: It is none.
    """
    try:
        url = urlsplit(base_url)
        usable = url.scheme in ("http", "https") and url.hostname and (url.port or 1)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError("--base-url is an http:// or https:// address, such as http://localhost:8000/v1.")
    # The library would put the path of a request behind the query.
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    path = url.path.rstrip("/").removesuffix("/chat/completions")
    settings: dict[str, Any] = {"base_url": urlunsplit((url.scheme, url.netloc, path, "", "")), "default_query": query}
    if is_azure(base_url) and "/deployments/" in path and "api-version" in query:
        settings["api_version"] = query.pop("api-version")
    return settings


def _names_n(refusal: Refusal) -> bool:
    """Whether a refusal is about the parameter ``n``."""
    inner = refusal.body.get("error", refusal.body) if isinstance(refusal.body, dict) else {}
    param = inner.get("param") if isinstance(inner, dict) else None
    return param == "n" or re.search(r"(?<![\w\\])n(?![\w\\])", refusal.message) is not None


def _count(value: object, otherwise: int) -> int:
    """A number of tokens as endpoints write it; the estimate where it is none."""
    try:
        number = int(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return otherwise
    return number if number >= 0 else otherwise

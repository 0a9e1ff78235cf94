"""What an endpoint means when it does not answer: whether to try again, to fail this request, or to end the run."""

from __future__ import annotations

import email.utils
import json
import math
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from steeldefectx.errors import AnnotationError

FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
"""Seconds before the first and before later attempts, where the endpoint does not say; each twice the one before."""
MAX_RETRY_AFTER = 120.0
"""Seconds: an endpoint that wants more is not waited for."""
PASSING_STATUS = (408, 409, 425, 429)
"""Besides all from 500: another attempt may succeed."""
REFUSED_STATUS = (401, 402, 403, 404, 405, 407)
"""No request will succeed."""
INVALID_STATUS = (400, 422)
"""Something in the request is not accepted."""
NO_MONEY = re.compile(
    r"insufficient_quota|billing_hard_limit|exceeded your current quota|insufficient (credits|balance|funds)"
    r"|billing_not_active|credit balance is too low",
    re.IGNORECASE,
)
BROKEN_OFF = ("error", "network_error")
"""Finish reasons of gateways whose model failed."""
STATUS_OF_CODE = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "internal_error": 500,
    "overloaded_error": 503,
    "timeout": 504,
    "invalid_api_key": 401,
    "model_not_found": 404,
}
"""Codes and types of errors that come with status 200."""
CERTIFICATE = (
    "{message}. If the endpoint's certificate is of an authority of your own, name the file with it (PEM) in the "
    "environment variable SSL_CERT_FILE."
)


class RequestError(AnnotationError):
    """A request that has no answer; the message says why."""


class RefusedParametersError(RequestError):
    """The endpoint does not take a request's parameters, and may take others: it is worth asking again."""


class RefusedNError(RefusedParametersError):
    """The endpoint does not give several choices to one request."""


class EndpointError(AnnotationError):
    """The endpoint will not answer any request."""


@dataclass(frozen=True)
class Refusal:
    """What came in the place of an answer."""

    status: int
    """Of HTTP; or what an error within a reply of status 200 amounts to."""
    message: str
    """The endpoint's words, or what it sent, without secrets taken out."""
    body: Any = None
    headers: Mapping[str, str] | None = None

    @property
    def outcome(self) -> Literal["retry", "fail", "end"]:
        """Whether to try again, to give up the request, or all of them."""
        if self.status in REFUSED_STATUS or (self.status == 429 and NO_MONEY.search(self._code_and_message)):
            return "end"
        passing = self.status in PASSING_STATUS or self.status >= 500
        return "retry" if passing and (self.asked_wait or 0.0) <= MAX_RETRY_AFTER else "fail"

    @property
    def asked_wait(self) -> float | None:
        """Seconds that the endpoint asks to wait; None if it does not, or nothing that can be waited."""
        return retry_after(self.headers or {})

    @property
    def _code_and_message(self) -> str:
        return f"{json.dumps(self.body, default=str)} {self.message}"

    def describe(self, base_url: str) -> str:
        """What went wrong and what to do about it.

        Args:
            base_url: Of the endpoint; what is missing in it may be the reason.
        """
        text = f"HTTP {self.status}: {self.message}".rstrip(": ")
        if (self.asked_wait or 0.0) > MAX_RETRY_AFTER:
            text += f" (it asks to wait for {self.asked_wait:,.0f} s, which is too long)"
        advice = self._advice(base_url)
        return f"{text.rstrip('.')}. {advice}" if advice else text

    def _advice(self, base_url: str) -> str:
        if self.status in (404, 405):
            return address_advice(base_url, self.message)
        if self.status == 401 or (self.status == 403 and "key" in self.message.lower()):
            return "Is OPENAI_API_KEY the key of this endpoint?"
        if self.status == 407:
            return "A proxy wants a name and a password: HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT."
        if self.status == 402 or (self.status == 429 and self.outcome == "end"):
            return "Nothing is left of what the account may spend; with more, run the same command again."
        if self.status in (502, 504) and isinstance(self.body, str):
            return "A proxy has given up waiting for the endpoint: ask for less at a time (--concurrency)."
        return ""


def address_advice(base_url: str, message: str = "") -> str:
    """What may be wrong with an endpoint's address, if that is it; empty else."""
    url = urlsplit(base_url)
    if is_azure(base_url):
        return (
            "At Azure --base-url is https://NAME.openai.azure.com/openai/v1, and --model the name of the deployment; "
            "older addresses end in /openai/deployments/NAME?api-version=VERSION."
        )
    if "/v1" not in url.path and "model" not in message:
        return f"Is /v1 missing in --base-url, as in {url.scheme}://HOST{url.path.rstrip('/')}/v1?"
    return ""


def is_azure(base_url: str) -> bool:
    """Whether an endpoint is one of Azure's, which want the key in a header of their own."""
    host = urlsplit(base_url).hostname or ""
    return host.endswith((".azure.com", ".azure.us", ".azure.cn", ".azure-api.net"))


def refusal_of(status: int, content: bytes, headers: Mapping[str, str]) -> Refusal:
    """The refusal that a response of an error's status is."""
    body = parse_body(content)
    message = page_title(body) if isinstance(body, str) else message_of(body)
    return Refusal(status, message, body, headers)


def refusal_within(reply: dict[str, Any]) -> Refusal | None:
    """The refusal in a reply of status 200 that has no usable choice; None if there is none."""
    choices = [choice for choice in reply.get("choices") or [] if isinstance(choice, dict)]
    if any(_has_content(choice) for choice in choices):
        return None
    errors = [holder["error"] for holder in (reply, *choices) if holder.get("error")]
    if not errors and choices and all(choice.get("finish_reason") in BROKEN_OFF for choice in choices):
        errors = ["the model's answer broke off"]
    if not errors:
        return None
    error = errors[0]
    fields = error if isinstance(error, dict) else {}
    status = next((code for code in map(_status, (fields.get("code"), fields.get("type"))) if code), 0)
    return Refusal(status or (500 if choices else 400), message_of({"error": error}), reply)


def _has_content(choice: dict[str, Any]) -> bool:
    message = choice.get("message")
    return isinstance(message, dict) and bool(message.get("content") or message.get("refusal"))


def _status(code: object) -> int | None:
    if isinstance(code, str):
        code = STATUS_OF_CODE.get(code.lower(), int(code) if code.isdecimal() and len(code) == 3 else 0)
    return code if isinstance(code, int) and 400 <= code < 600 else None


def parse_body(content: bytes) -> Any:
    """The body of a response: what its JSON says, or its text, whatever its headers claim."""
    try:
        text = content.decode(json.detect_encoding(content))
    except UnicodeError:
        text = content.decode("latin-1")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def what_came(text: str) -> str | None:
    """What a body is that is no JSON: a web page, or a stream of events; None for anything else."""
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return f"a web page ({page_title(text)})"
    if start.startswith(("data:", "event:", ": ")):
        return "a stream of events"
    return None


def page_title(text: str) -> str:
    """A web page's title, or its words; any other text as it is."""
    if "<" not in text:
        return text.strip()
    title = re.search(r"(?is)<(title|h1)[^>]*>(.*?)</\1", text)
    words = title[2] if title else re.sub(r"(?is)<(style|script).*?</\1>", " ", text)
    return " ".join(re.sub(r"<[^>]*>", " ", words).split())[:200]


def message_of(body: object) -> str:
    """The message in an error's body, whatever shape that has; with the cause that a gateway hides in it."""
    if not isinstance(body, dict):
        return "" if body is None else body if isinstance(body, str) else json.dumps(body, default=str)
    error, metadata = body.get("error"), body.get("metadata")
    if isinstance(error, dict):
        return message_of(error)
    message = body.get("message") or body.get("detail") or error
    if not message:
        return json.dumps(body, default=str)
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    texts = [part if isinstance(part, str) else json.dumps(part, default=str) for part in (message, raw) if part]
    return ": ".join(texts)


def is_certificate_error(error: BaseException | None) -> bool:
    """Whether a connection failed since the endpoint's certificate is not trusted."""
    while error is not None:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def wait_before(attempt: int, asked: float | None) -> float:
    """Seconds to wait before another attempt: what the endpoint asks, else longer each time; a little by chance.

    Args:
        attempt: 1 for the second one.
        asked: Seconds that the endpoint asks for.
    """
    if asked is not None:
        return min(asked, MAX_RETRY_AFTER)
    return float(min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.75, 1.0))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that headers ask to wait: as milliseconds, seconds, or a date; None for nothing, or nonsense."""
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * factor
        except (KeyError, ValueError):
            continue
        return seconds if math.isfinite(seconds) and seconds > 0 else None
    try:
        until = email.utils.parsedate_to_datetime(headers["retry-after"]).timestamp()
        # By the endpoint's own clock, where it tells the time: this machine's may be wrong.
        date = headers.get("date")
        now = email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return until - now if until > now else None

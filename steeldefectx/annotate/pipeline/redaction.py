"""The key of an endpoint: read from whatever surrounds it, and kept out of every message in whatever form it has."""

from __future__ import annotations

import base64
import json
import logging
import re
import urllib.request
import weakref
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from steeldefectx.errors import ConfigError

MAX_MESSAGE_LENGTH = 300
SHOWN_LENGTH = 20_000
"""Characters of a message that are looked at; of what is left :data:`MAX_MESSAGE_LENGTH` are shown."""
PART_LENGTH = 8
"""Characters of a secret that may not be shown together."""
MASK = "***"
AROUND_A_KEY = " \t\r\n\v\f\ufeff\u200b\u200c\u200d\u2060\u00a0\"'`“”‘’"
"""What key files, shells and editors leave around a key."""
HTTP_LOGGERS = ("httpx", "httpx2", "openai", "openai._base_client")
NO_SECRETS = ("api-version",)
"""Parameters of a URL that may be shown."""


def clean_key(text: str | None, name: str) -> str | None:
    """A key without quotes, byte order mark and white space around it; None where nothing is left.

    Args:
        text: As it was found.
        name: Where, for the message.

    Raises:
        ConfigError: It has characters that no key has: white space within, or beyond ASCII.
    """
    key = (text or "").strip(AROUND_A_KEY)
    if re.search(r"\s", key):
        raise ConfigError(f"{name} has white space in the middle of it. Set it to the key alone, on one line.")
    if not (key.isascii() and key.isprintable()):
        places = ", ".join(str(place) for place, sign in enumerate(key, 1) if not " " < sign < "\x7f")
        raise ConfigError(
            f"{name} has characters that no key has (number {places} of {len(key)}), as some editors and chats put in "
            "place of plain ones. Copy the key again."
        )
    return key or None


class Redactor:
    """Takes secrets out of texts.

    Args:
        key: Of the endpoint; None if it has none.
        base_url: Of the endpoint: user, password and the values of its query are secrets too.
    """

    def __init__(self, key: str | None, base_url: str | None):
        secrets = [key or "", *_url_secrets(base_url or "")]
        for proxy in urllib.request.getproxies().values():
            secrets += _url_secrets(proxy)
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._whole = sorted((form for form in forms if len(form) <= PART_LENGTH), key=len, reverse=True)
        self._parts = {
            form[start : start + PART_LENGTH] for form in forms for start in range(len(form) - PART_LENGTH + 1)
        }

    def redact(self, text: str) -> str:
        """A text on one line, of bounded length, without secrets and images."""
        text = self.mask(re.sub(r"data:image/[^\s\"']+", "(image)", text[:SHOWN_LENGTH]))
        return " ".join(text.split())[:MAX_MESSAGE_LENGTH]

    def mask(self, text: str) -> str:
        """A text without secrets: one mask in place of each run of characters that are all in parts of them."""
        for form in self._whole:
            text = text.replace(form, MASK)
        hidden = bytearray(len(text))
        for start in range(len(text) - PART_LENGTH + 1):
            if text[start : start + PART_LENGTH] in self._parts:
                hidden[start : start + PART_LENGTH] = b"\x01" * PART_LENGTH
        shown, masked = [], False
        for sign, hide in zip(text, hidden, strict=True):
            if not hide:
                shown.append(sign)
            elif not masked:
                shown.append(MASK)
            masked = bool(hide)
        return "".join(shown)


class _LogFilter(logging.Filter):
    """Takes the secrets of all endpoints that are in use out of what HTTP libraries log: it has their addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.redactors: weakref.WeakSet[Redactor] = weakref.WeakSet()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, redacted."""
        message = record.getMessage()
        for redactor in self.redactors:
            message = redactor.mask(message)
        record.msg, record.args = message, ()
        return True


_log_filter = _LogFilter()


def redact_logs(redactor: Redactor) -> None:
    """Keep an endpoint's secrets out of logs, for as long as it is in use."""
    _log_filter.redactors.add(redactor)
    for name in HTTP_LOGGERS:
        logging.getLogger(name).addFilter(_log_filter)


def _url_secrets(address: str) -> Iterator[str]:
    url = urlsplit(address)
    for part in (url.username, url.password):
        if part:
            yield from (part, unquote(part))
    if url.username:  # as the Authorization header has it
        yield f"{unquote(url.username)}:{unquote(url.password or '')}"
    for name, value in parse_qsl(url.query):
        if name.lower() not in NO_SECRETS:
            yield value


def _forms(secret: str) -> Iterable[str]:
    """A secret as programs write it: in code, JSON, URLs and base64, there also behind one or two other bytes."""
    data = secret.encode("utf-8", "surrogateescape")
    quoted = quote(data, safe=""), quote_plus(data)
    yield from (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], *quoted)
    yield from (re.sub("%..", lambda code: code[0].lower(), form) for form in quoted)
    for before in range(3):
        # Of the characters at both ends some belong to what stands beside the secret.
        encoded = base64.b64encode(b"\0" * before + data).decode().rstrip("=")[(0, 2, 3)[before] :]
        encoded = encoded if (len(data) + before) % 3 == 0 else encoded[:-1]
        if len(encoded) >= PART_LENGTH:
            yield from (encoded, encoded.replace("+", "-").replace("/", "_"))

"""The parameters of a request, and which of them an endpoint does not take: renamed or left out from then on."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

NO_THINKING: dict[str, Any] = {
    "reasoning_effort": "none",
    "chat_template_kwargs": {"enable_thinking": False, "thinking": False},
}
"""What turns thinking off: the first at OpenAI, OpenRouter, Ollama and llama.cpp, the second at vLLM, SGLang and
llama.cpp, where the model's own template asks for one of the two names. Who does not know one ignores or refuses it."""
TOKEN_LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""Two names for one thing: an endpoint that refuses one may take the other. What a run costs depends on it, so it is
never left out."""
EFFORT, EFFORTS = "reasoning_effort", ("none", "minimal", "low")
"""A parameter whose least value is not the same everywhere."""
OTHER_NAMES = {EFFORT: r"think value|does not support thinking|\bthinking is not supported"}
"""Parameter -> how refusals speak of it that do not name it."""
MAX_NAMED = 2
"""Parameters that a refusal names at most; one that lists more lists those that exist."""
log = logging.getLogger(__name__)


class RequestParameters:
    """What an endpoint takes, as far as its refusals have shown."""

    def __init__(self) -> None:
        self._renamed: dict[str, str] = {}
        self._dropped: set[str] = set()
        self._effort: str | None = None

    def accepted(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters under the names that the endpoint takes, without those that it does not."""
        renamed = {self._renamed.get(name, name): value for name, value in parameters.items()}
        taken = {name: value for name, value in renamed.items() if name not in self._dropped}
        return taken | ({EFFORT: self._effort} if self._effort and EFFORT in taken else {})

    def learn(self, sent: Mapping[str, Any], body: object, message: str) -> bool:
        """Learn from the refusal of a request, and say it once.

        Args:
            sent: The parameters of the request, as they were sent.
            body: Of the refusal.
            message: That body's message.

        Returns:
            Whether the same request may be accepted now. It is not if nothing is known of what was refused.
        """
        names = _named(sent, body, message)
        for name in names:
            if name in TOKEN_LIMITS:
                other = TOKEN_LIMITS[name]
                if self._renamed.get(other) == name:
                    return False  # it takes neither
                if name not in self._renamed:
                    self._renamed[name] = other
                    log.warning("The endpoint does not take %s; it is asked with %s from now on.", name, other)
            elif name == EFFORT and (effort := _least_effort(sent[name], message)):
                if self._effort != effort:
                    self._effort = effort
                    log.warning("The endpoint thinks at least a little: %s is %s from now on.", name, effort)
            elif name not in self._dropped:
                self._dropped.add(name)
                log.warning("The endpoint does not take %s; it is asked without from now on.", name)
        return bool(names)


def _named(sent: Mapping[str, Any], body: object, message: str) -> list[str]:
    """The sent parameters that a refusal is about; ``n`` is not among them, which is known elsewhere."""
    inner = body.get("error", body) if isinstance(body, dict) else {}
    param = inner.get("param") if isinstance(inner, dict) else None
    names = [name for name in sent if name != "n"]
    if isinstance(param, str) and param:
        named = re.split(r"[.\[]", param.removeprefix("body."))[0]
        return [named] if named in names and _is_unknown(named, message) else []
    found = [name for name in names if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", message)]
    found += [name for name, words in OTHER_NAMES.items() if name in names and re.search(words, message)]
    found = [name for name in found if _is_unknown(name, message)]
    if set(found) == {"temperature", "top_p"}:  # one of the two only
        return ["top_p"]
    return found if len(found) <= MAX_NAMED else []


def _least_effort(sent: object, message: str) -> str | None:
    """The least thinking that a refusal names, more than what was sent; None if it names none."""
    more = EFFORTS[EFFORTS.index(sent) + 1 :] if sent in EFFORTS else ()
    return next((effort for effort in more if re.search(rf"\b{effort}\b", message)), None)


def _is_unknown(name: str, message: str) -> bool:
    """Whether the name of a limit of tokens is refused, rather than its value."""
    return name not in TOKEN_LIMITS or (
        TOKEN_LIMITS[name] in message
        or re.search(r"(?i)not supported|unsupported|unknown|unrecogni[sz]ed|not permitted|unexpected|extra", message)
        is not None
    )


def stored_parameters(asked: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as the store keeps them: those that were sent; ``refused`` names those left out, or changed."""
    names = [name for name in asked if name != "n"]  # that one is divided among requests
    refused = [name for name in names if sent.get(name, sent.get(TOKEN_LIMITS.get(name, name))) != asked[name]]
    return dict(sent) | ({"refused": refused} if refused else {})


def same_settings(asked: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether stored parameters are what asking so gives, however many choices were asked for at once."""
    refused = set(stored.get("refused", ()))
    return _settings(asked, refused) == _settings(stored, refused | {"refused"})


def _settings(parameters: Mapping[str, Any], without: set[str]) -> str:
    known = {("max_tokens" if name in TOKEN_LIMITS else name): value for name, value in parameters.items()}
    return json.dumps({name: known[name] for name in sorted(known) if name not in without | {"n"}}, sort_keys=True)

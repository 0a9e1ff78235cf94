"""What a model says, taken out of what it sends: without its thought, special tokens, Markdown and the talk around it.

Data and rules; on texts that are nothing but a description they change nothing (measured in
``tests/annotate/pipeline/test_answer_text.py``). The answers themselves stay in the store as they came.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

THOUGHT_PARTS = ("thinking", "reasoning", "redacted_thinking", "reasoning_content")
"""Types of the parts of a content that are no answer."""
THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""Fields of a message with what the model thought."""

_TAGS = "think|thinking|thought|thoughts|reasoning|reflection|seed:think|analysis"
_OPEN = re.compile(
    rf"<(?:{_TAGS})>|\[THINK\]|◁think▷|<\|START_THINKING\|>|<unused94>thought"
    r"|<\|channel\|?>\s*(?:analysis|commentary|thought)(?:\s*<\|message\|>)?"
    r"|^\s*Here is my thought process:",
    re.IGNORECASE,
)
"""How a thought begins: Qwen, DeepSeek and others; Mistral; Kimi; Cohere; MedGemma; gpt-oss and Gemma; Granite."""
_CLOSE = re.compile(
    rf"</(?:{_TAGS})>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>|<unused95>|<channel\|>"
    r"|(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>\s*final\s*<\|message\|>|Here is my response:",
    re.IGNORECASE,
)
_TURN_ENDS = re.compile(
    r"<\|(?:im_end|endoftext|eot_id|end_of_text|end|return|eom_id|user|im_start|start_header_id)\|>|</s>"
    r"|<end_of_turn>|<start_of_turn>|<eos>|<｜end▁of▁sentence｜>|\[INST\]"
)
"""Tokens after which a model talks on, in the place of the one who asked."""
_TOKENS = re.compile(
    r"<\|[A-Za-z0-9_▁ ]{2,30}\|?>|<[A-Za-z_]{2,20}\|>|<｜[^｜<>]{2,30}｜>|</?s>|<(?:start|end)_of_(?:turn|image)>"
    r"|<(?:bos|eos|pad|unk|image|answer|response|output)>|</(?:answer|response|output)>|\[/?INST\]|<</?SYS>>"
    r"|◁[/a-z_]{2,20}▷"
)
_ROLE = re.compile(r"^\s*(?:assistant|model)\s*[:\n]\s*", re.IGNORECASE)

_FENCE = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_HEADING = re.compile(r"^\s*#{1,6}\s+")
_BULLET = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.)])\s+")
_EMPHASIS = re.compile(r"(\*{1,3}|_{2,3})(?=[^\s*_])(.+?)(?<=[^\s*_])\1")
_RULE = re.compile(r"^\s*(?:[-*_=]\s*){3,}$")

_LABEL = re.compile(
    r"^(?:(?:here(?:['’]s| is) )?(?:the |a |my )?(?:short |brief |detailed |clear |revised |final )*"
    r"(?:image |picture |defect |surface |steel )*(?:description|answer|response|output|caption|summary|analysis)"
    r"(?: of [^.:!?]{1,80}| \d)?)\s*:\s*",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^(?:(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|alright|great|gladly|no problem|yes)[!,.]+\s+"
    r"(?:(?:i['’]ll|i will|i can|i['’]d be happy to|let me|happy to)[^.:!]{0,120}[.:!]\s+)?)+",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"^(?:here(?:['’]s| is| are)|below is|the following is|this is) [^.:!?\n]{0,120}"
    r"(?:description|answer|response|analysis|sentences|summary)[^.:!?\n]{0,80}[:.]\s+",
    re.IGNORECASE,
)
_LOOKING = re.compile(
    r"^(?:based on|looking at|judging from|judging by|from) (?:the|this) (?:provided |given |uploaded |attached )*"
    r"(?:image|picture|photo)(?: (?:provided|given|you (?:provided|sent|uploaded)))?,\s+",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(?:let me know|feel free|please (?:let me know|feel free|note|do not hesitate)|i hope|hope (?:this|that)"
    r"|if you (?:need|have|want|would|['’]d)|would you like|do you (?:want|need)|is there anything|note that this is"
    r"|note: ?this|(?:this|the) description (?:is|was) based|i(?:['’]m| am) (?:happy|glad|here) to|happy to help"
    r"|\(?(?:word|token) count)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_LEFTOVER = re.compile(
    r"```|\*\*|<\||\|>|^#|\|[^|]+\||https?://|\b(?:I|I['’](?:m|ll|ve|d)|you|your|my|as an ai|let me|let['’]s|please)\b"
    r"|[{}]|</?[a-z]+>"
)
"""Signs of talk that no rule has cut."""
TEXTS_KEPT = 4096
"""Texts whose outcome is kept: an answer is looked at when it comes, and once more when its image is done."""
MIN_WORDS = 3
"""Words that are left at least where something is cut off: less would be no description."""


def leftovers(text: str) -> list[tuple[int, int]]:
    """Where a text shows signs of talk or Markdown that no rule has cut: starts and ends in characters."""
    return [match.span() for match in _LEFTOVER.finditer(text)]


@dataclass(frozen=True)
class CleanText:
    """What an answer says."""

    text: str
    """On one line; empty where nothing is said."""
    thought: bool = False
    """The model thought, as far as can be seen."""
    unfinished_thought: bool = False
    """And was cut off before it was done."""
    doubtful: bool = False
    """Talk or Markdown may be left in it."""


def parse_choice(choice: dict[str, Any]) -> dict[str, Any]:
    """A choice as the store keeps it: its text, of a content in parts those that are text; why it ended; a refusal."""
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    content, thought = message.get("content"), any(message.get(field) for field in THOUGHT_FIELDS)
    if isinstance(content, dict):
        content = [content]
    if isinstance(content, list):
        thought = thought or any(isinstance(part, dict) and part.get("type") in THOUGHT_PARTS for part in content)
        content = "".join(filter(None, map(_part_text, content))) or None
    if content is None and isinstance(choice.get("text"), str):  # as completions without a chat have it
        content = choice["text"]
    parsed = {
        "text": content if isinstance(content, str) else None,
        "finish_reason": choice.get("finish_reason") if isinstance(choice.get("finish_reason"), str) else None,
        "refusal": message.get("refusal") if isinstance(message.get("refusal"), str) else None,
    }
    return parsed | ({"thought": True} if thought else {})


def _part_text(part: object) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("type") in THOUGHT_PARTS:
        return None
    text = part.get("text")
    if isinstance(text, dict):  # as assistants have it
        text = text.get("value")
    return text if isinstance(text, str) else None


def one_line(text: str) -> str:
    """A text on one line, without characters that are no text."""
    return " ".join(re.sub(r"[\x00-\x08\x0e-\x1b\x7f\u200b\ufeff]", "", text).split())


@lru_cache(TEXTS_KEPT)
def clean_answer(answer: str) -> CleanText:
    """What a model says in running text.

    Args:
        answer: As it came, of any number of lines.
    """
    said, thought, unfinished = without_thought(answer)
    said = _without_tokens(said)
    said = _prose_of_json(said) or said
    fenced = _FENCE.search(said)
    if fenced and (len(fenced[1].split()) >= MIN_WORDS or not _FENCE.sub(" ", said).strip()):
        said = _prose_of_json(fenced[1]) or fenced[1]
    text = one_line(" ".join(filter(None, map(_plain_line, said.splitlines()))))
    text = _without_talk(text)
    return CleanText(text, thought, unfinished, _LEFTOVER.search(text) is not None)


def without_thought(answer: str) -> tuple[str, bool, bool]:
    """An answer without what was thought before it.

    Returns:
        What is left; whether there was a thought; and whether it ends unfinished.
    """
    opening = _OPEN.search(answer)
    closing = list(_CLOSE.finditer(answer))
    before = answer[: opening.start()] if opening else ""
    rest = answer[closing[-1].end() :] if closing else answer
    if not closing:
        return (before, True, True) if opening else (answer, False, False)
    if opening and opening.start() > closing[-1].start():  # a thought that was opened in the prompt, then another one
        before = ""
    again = _OPEN.search(rest)
    if again:
        return f"{before} {rest[: again.start()]}", True, True
    return f"{before} {rest}" if before.strip() else rest, True, False


def _without_tokens(text: str) -> str:
    """A text without special tokens, and without what was said for others after the end of the answer."""
    text = _ROLE.sub("", text)
    for end in _TURN_ENDS.finditer(text):
        if len(_TOKENS.sub(" ", text[: end.start()]).split()) >= MIN_WORDS:
            text = text[: end.start()]
            break
    return _ROLE.sub("", _TOKENS.sub(" ", text)) if _TOKENS.search(text) else text


def _prose_of_json(text: str) -> str | None:
    """The texts in JSON that was sent where running text was due; None if it is no such thing."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return "\n".join(_sentence(part) for part in _strings(parsed)) or None


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() and value.strip().lower().rstrip(".") != "not visible" else []
    if isinstance(value, dict):
        labelled = [
            f"{str(key).replace('_', ' ').capitalize()}: {item}" if _is_phrase(item) else item
            for key, item in value.items()
        ]
        return [text for item in labelled for text in _strings(item)]
    return [text for item in value for text in _strings(item)] if isinstance(value, list) else []


def _is_phrase(value: Any) -> bool:
    """Whether a text is no sentence, and so needs its key to be understood."""
    return isinstance(value, str) and value[:1].islower() and value[-1] not in ".!?" and value != "not visible"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _plain_line(line: str) -> str:
    """A line of Markdown as text; empty for headings and rules."""
    if _RULE.match(line):
        return ""
    heading, bullet = _HEADING.search(line), _BULLET.match(line)
    plain = _EMPHASIS.sub(r"\2", _BULLET.sub("", _HEADING.sub("", line))).strip()
    alone = len(plain.split()) <= 6 and not plain.endswith((".", "!", "?"))
    if heading and alone:
        return ""
    if alone and plain != line.strip() and plain.endswith(":"):  # a bold heading above a list
        return ""
    return _sentence(plain) if bullet and plain else plain


def _without_talk(text: str) -> str:
    """A text without greeting and preamble before it, and offers after it."""
    for pattern in (_GREETING, _PREAMBLE, _LABEL, _LOOKING, _LABEL):
        shorter = pattern.sub("", text, count=1)
        if shorter != text and len(shorter.split()) >= MIN_WORDS:
            text = shorter[:1].upper() + shorter[1:]
    sentences = _SENTENCE_END.split(text)
    while len(sentences) > 1 and _CLOSING.match(sentences[-1]):
        sentences.pop()
    kept = " ".join(sentences)
    quoted = re.fullmatch(r"[\"“](.+)[\"”]", kept)
    return quoted[1] if quoted and '"' not in quoted[1] else kept

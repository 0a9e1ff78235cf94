"""Lone surrogates, halves of characters that no encoding can write: replaced in whatever was read from outside."""

from __future__ import annotations

from typing import Any


def replace_surrogates(value: Any) -> Any:
    """The same value, a text or lists and dicts of texts, in which each lone surrogate is U+FFFD.

    ``json`` reads ``"\\ud83d"``, as a text cut in the middle of an emoji has it; then neither a tokenizer nor a file
    takes the text. Two halves that stand side by side become the character that they are.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [replace_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {replace_surrogates(key): replace_surrogates(item) for key, item in value.items()}
    return value

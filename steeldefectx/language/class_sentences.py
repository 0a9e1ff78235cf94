"""T1 of any class: as it is given, as the 25 classes have it, as the lexicon describes its name, or its name alone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

from steeldefectx.errors import ConfigError
from steeldefectx.language.class_texts import read_class_texts, read_classes
from steeldefectx.language.lexicon.reading import find_entry
from steeldefectx.taxonomy import (
    T0_TEMPLATE,
    T0_TEMPLATE_SHORT,
    find_class,
    near_class,
    t0_sentence,
    t1_sentence,
    t1_variants,
)

GIVEN, OF_25, OF_LEXICON, NAMES = "as given", "of the 25 classes", "by the lexicon", "none but their names"
NAMED = 8
"""Classes that are named in a remark; of more there is a number."""


def class_sentence(name: str, template: str = T0_TEMPLATE) -> str | None:
    """The T1 text of a class, one sentence; None if neither the 25 classes nor the lexicon have its name.

    >>> class_sentence("Blowhole")
    'A photo of steel surface defect: Blowhole, a round dark cavity with a smooth wall.'
    """
    known = t1_sentence(name, template)
    if known is not None:
        return known
    entry = find_entry(name)
    return None if entry is None else f"{t0_sentence(name, template).rstrip('.')}, {entry.looks[0]}."


def class_sentences(name: str, template: str = T0_TEMPLATE) -> list[str]:
    """Several wordings of T1, to be averaged; of a name that nobody knows its T0 sentences."""
    entry = None if find_class(name) else find_entry(name)
    if entry is None:
        return t1_variants(name, template)
    named = [t0_sentence(name, template), t0_sentence(name, T0_TEMPLATE_SHORT)]
    return [str(class_sentence(name, template)), *named, *(f"{name}: {look}." for look in entry.looks),
            *(f"A metal surface with {look}." for look in entry.looks)]  # fmt: skip


def given_sentences(file: str | None, pairs: Mapping[str, str] | Sequence[str] | None) -> dict[str, str]:
    """Class name -> T1 as a person gives it: in a file, and one by one, which count more.

    Args:
        file: As :func:`~steeldefectx.language.class_texts.read_class_texts` reads.
        pairs: Name -> sentence, or texts such as ``"Blowhole: a round dark cavity"``.

    Raises:
        DataError: The file cannot be used.
        ConfigError: A pair without a name or a sentence.
    """
    given = {} if not file else read_class_texts(file)
    if isinstance(pairs, Mapping):
        return given | dict(pairs)
    for pair in pairs or ():
        name, _, sentence = (part.strip() for part in pair.partition(":"))
        if not name or not sentence:
            raise ConfigError(f'--class {pair!r}: give a name and its looks, as "Blowhole: a round dark cavity".')
        given[name] = sentence
    return given


def asked_classes(file: str | Path | None, pairs: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Classes that a person asks for, with their texts, and the names of those that the person described.

    Args:
        file: As :func:`~steeldefectx.language.class_texts.read_classes` reads: names, or names with texts.
        pairs: Texts as ``"Blowhole"`` and ``"Blowhole: a round dark cavity"``.

    Raises:
        DataError: The file cannot be used.
        ConfigError: A pair without a name.
    """
    read = {} if file is None else read_classes(file)
    described = read if isinstance(read, dict) else {}
    named = [] if isinstance(read, dict) else read
    for pair in pairs:
        name, _, sentence = (part.strip() for part in pair.partition(":"))
        if not name:
            raise ConfigError(f'--class {pair!r}: give a name, as "Blowhole" or "Blowhole: a round dark cavity".')
        if sentence:
            described[name] = [sentence]
        else:
            named.append(name)
    return {name: class_sentences(name) for name in named} | described, list(described)


def sentence_origins(names: Iterable[str], given: Container[str] = ()) -> str:
    """A remark on where classes' T1 come from; empty where all are of the 25.

    Args:
        names: Of the classes.
        given: Names whose T1 a person gave.
    """
    by_origin: dict[str, list[str]] = {origin: [] for origin in (GIVEN, OF_25, OF_LEXICON, NAMES)}
    for name in names:
        if name in given:
            by_origin[GIVEN].append(name)
        elif find_class(name):
            by_origin[OF_25].append(name)
        elif find_entry(name):
            by_origin[OF_LEXICON].append(name)
        else:
            near = near_class(name)
            by_origin[NAMES].append(f"{name} (did you mean {near}?)" if near else name)
    told = {origin: found for origin, found in by_origin.items() if found}
    if told.keys() <= {OF_25}:
        return ""
    return f"Descriptions of classes {'; '.join(f'{origin}: {_listed(found)}' for origin, found in told.items())}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"

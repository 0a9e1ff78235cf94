"""The lexicon: defect names with their looks and the attributes that draw them, read from the files beside this one.

An entry is the name, its synonyms (``also``), its ``looks`` in our own words, and for each attribute of
:class:`~steeldefectx.language.appearance.Appearance` what it may be; what an entry leaves out is as in
:data:`USUAL`. The file's name is the process. The 25 classes of the taxonomy are entries, too: with drawings of
their own instead of attributes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from steeldefectx.errors import DataError
from steeldefectx.language.appearance import PROCESS_SURFACES, RANGES, SURFACES
from steeldefectx.language.class_wordings import LOOKS, NAMES
from steeldefectx.taxonomy import CLASS_NAMES

FOLDER = Path(__file__).parent
USUAL: dict[str, tuple[str, ...]] = {
    "tone": ("dark",),
    "relief": ("flat",),
    "number": ("one",),
    "size": ("small", "medium"),
    "place": ("any",),
    "direction": ("horizontal", "vertical", "falling", "rising"),
    "arrangement": ("scattered",),
    "softness": ("sharp", "soft"),
    "strength": ("faint", "medium", "medium", "strong"),
}
"""What an entry's attributes are if it says nothing of them; each is as likely as another."""
KEYS = ("also", "looks", "surfaces", *RANGES)
CLASSES = "taxonomy"
"""Process of the 25 classes."""


@dataclass(frozen=True)
class Entry:
    """A defect of the lexicon."""

    name: str
    process: str
    looks: tuple[str, ...]
    """Noun phrases that describe it."""
    also: tuple[str, ...] = ()
    """Synonyms."""
    ranges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Attribute -> what it may be; none for the 25 classes, which have drawings of their own."""
    surfaces: tuple[str, ...] = ()
    """What it is mostly found on."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its name and synonyms."""
        return (self.name, *self.also)


GENERIC = ("a scratch", "scratches")
"""Synonyms of a class that are no name of it alone: a scratch may be dark as well."""


@cache
def lexicon() -> dict[str, Entry]:
    """All entries by name: the 25 classes, then those of the files.

    Raises:
        DataError: Entries that cannot be used, all of them listed.
    """
    entries = {name: _of_class(name) for name in CLASS_NAMES}
    for file in sorted(FOLDER.glob("*.yaml")):
        entries |= read_entries(file, taken=entries)
    return entries


def names_without(held_out: Collection[str]) -> tuple[str, ...]:
    """The names of all entries but some, which pretraining is to know by their description alone.

    Args:
        held_out: Names or synonyms, in upper or lower case.

    Raises:
        DataError: Names that the lexicon does not have.
    """
    found = {name: find_entry(name) for name in held_out}
    unknown = sorted(name for name, entry in found.items() if entry is None)
    if unknown:
        raise DataError(f"The lexicon has no {', '.join(unknown)}: take its names, see lexicon().")
    out = {entry.name for entry in found.values() if entry}
    return tuple(name for name in lexicon() if name not in out)


def find_entry(name: str) -> Entry | None:
    """The entry that has a name or synonym, whatever its case, ``_`` and ``-``; None without one."""
    return _by_name().get(_key(name))


@cache
def _by_name() -> dict[str, Entry]:
    return {_key(name): entry for entry in lexicon().values() for name in entry.names}


def _key(name: str) -> str:
    words = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
    return words.removeprefix("a ").removeprefix("an ")


def _of_class(name: str) -> Entry:
    surfaces = ("plain", "plain", "plain", "hot-rolled", "cold-rolled", "pickled")
    return Entry(
        name, CLASSES, LOOKS[name], tuple(also for also in NAMES[name] if also not in GENERIC), surfaces=surfaces
    )


def read_entries(file: Path, taken: Mapping[str, Entry] | None = None) -> dict[str, Entry]:
    """The entries of one file, by name.

    Args:
        file: YAML: name -> its keys. Its name, without the suffix, is a process of
            :data:`~steeldefectx.language.appearance.PROCESS_SURFACES`, with ``-`` for spaces.
        taken: Entries that are there already: no name or synonym may be used twice.

    Raises:
        DataError: Entries that cannot be used, all of them listed.
    """
    process = file.stem.replace("-", " ")
    if process not in PROCESS_SURFACES:
        raise DataError(f"{file}: no process is called {process!r}: rename it to one of {', '.join(PROCESS_SURFACES)}.")
    root, twice = _read(file)
    used = {_key(name): (entry.name, False) for entry in (taken or {}).values() for name in entry.names}
    problems = [f"{name}: it is there twice" for name in twice]
    entries: dict[str, Entry] = {}
    for name, said in root.items():
        wrong = list(_problems(name, said))
        for called in () if wrong else (name, *_list(said.get("also"))):
            owner = used.setdefault(_key(called), (name, True))
            if owner != (name, True):
                wrong.append(f"{called!r} is a name of {owner[0]} already")
        problems += [f"{name}: {problem}" for problem in wrong]
        if not wrong:
            entries[name] = _entry(name, process, said)
    if problems:
        raise DataError("\n  ".join([f"{file}: entries that cannot be used:", *problems]))
    return entries


def _read(file: Path) -> tuple[dict[Any, Any], list[str]]:
    """A file's mapping, and the keys that it has twice, of which YAML keeps the last in silence."""
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(file.read_text("utf-8"))
        node = loader.get_single_node()
        root = loader.construct_document(node)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{file}: cannot be read ({' '.join(str(error).split())}).") from error
    if not isinstance(root, dict):
        raise DataError(f"{file}: entries are needed, `Name:` lines with their keys below.")
    names = Counter(key.value for key, _ in node.value) if node else Counter()
    return root, [name for name, count in names.items() if count > 1]


def _problems(name: Any, said: Any) -> Iterator[str]:
    """What is wrong with an entry."""
    if not isinstance(name, str) or not name.strip():
        yield "the name has to be text: put it in quotes"
        return
    if not isinstance(said, dict):
        yield "keys are needed below it: looks and form at least"
        return
    for key in said:
        if key not in KEYS:
            yield f"there is no key {key!r}: {', '.join(KEYS)} are"
    for key in ("looks", "form"):
        if not _list(said.get(key)):
            yield f"{key} is missing"
    for key in ("also", "looks"):
        for text in _list(said.get(key)):
            if not isinstance(text, str) or not text.strip():
                yield f"{key} has {text!r}, which is not text: put it in quotes"
    allowed: dict[str, Collection[str]] = {**RANGES, "surfaces": SURFACES}
    for key, values in allowed.items():
        for value in _list(said.get(key)):
            if value not in values:
                yield f"{key} cannot be {value!r}: {', '.join(values)} are known"


def _list(value: Any) -> list[Any]:
    """A list; of one where a single value was written."""
    return [] if value is None else value if isinstance(value, list) else [value]


def _entry(name: str, process: str, said: Mapping[str, Any]) -> Entry:
    ranges = {key: tuple(_list(said.get(key))) or USUAL[key] for key in RANGES}
    surfaces = tuple(_list(said.get("surfaces"))) or PROCESS_SURFACES[process]
    return Entry(name, process, tuple(_list(said["looks"])), tuple(_list(said.get("also"))), ranges, surfaces)

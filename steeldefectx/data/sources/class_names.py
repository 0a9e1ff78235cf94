"""Names of classes that are called by numbers or ids: the file that says which is which, of any usual form.

classes.txt                 a name a line, from 0 or 1 on; or "0 crazing", "n01440764 tench, Tinca tinca"
labels.json                 ["crazing", ...], {"0": "crazing", ...}, {"crazing": 0, ...}
imagenet_class_index.json   {"0": ["n01440764", "tench"], ...}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steeldefectx.data.sources.list_tables import decode, names_image, read_table
from steeldefectx.data.sources.tree import Tree

FILES = frozenset([
    "classes", "class", "names", "classnames", "labels", "labelnames", "labellist", "labelmap", "classlist",
    "classlabels", "categories", "synsets", "synsetwords", "words", "locsynsetmapping", "imagenetclassindex",
    "classindex", "classindices", "classtoidx", "idxtoclass", "idx2class", "class2idx", "id2label", "label2id",
    "mapping",
])  # fmt: skip
"""Names of such files, in lower case and without ending and what separates words."""
ENDINGS = frozenset({".txt", ".json", ".csv", ".tsv"})
OWN_ENDINGS = frozenset({".labels", ".names"})
"""Endings that such files alone have, whatever their name."""
_KEY = re.compile(r"\d+|n\d{8}")
_LINE = re.compile(r"(?P<key>\d+|n\d{8})\s*[:,;=\t ]\s*(?P<name>.*\S)")


@dataclass(frozen=True)
class ClassNames:
    """What one file says."""

    file: Path
    names: Mapping[str, str]
    """Number, without leading zeros, or id -> name."""
    counted: bool
    """Whether the numbers are those of lines, from 0 on, which a person may have counted from 1 on."""

    def of(self, keys: Iterable[str]) -> dict[str, str]:
        """Key -> its name, for numbers and ids as they are written in lists and on folders.

        Raises:
            ValueError: Keys without a name.
        """
        plain = {key: _plain(key) for key in keys}
        shift = int(self.counted and "0" not in plain.values() and str(len(self.names)) in plain.values())
        looked_up = {key: str(int(value) - shift) if shift else value for key, value in plain.items()}
        if missing := sorted(key for key, value in looked_up.items() if value not in self.names):
            raise ValueError(f"{self.file.name} names {len(self.names):,} classes, but not {', '.join(missing[:5])}")
        return {key: self.names[value] for key, value in looked_up.items()}


def are_keys(labels: Iterable[str]) -> bool:
    """Whether all labels are numbers, or all are ids of ImageNet's kind, so that a file may name them."""
    return all(_KEY.fullmatch(label) for label in labels)


def _plain(key: str) -> str:
    return str(int(key)) if key.isdecimal() else key


def find_class_names(tree: Tree, keys: Iterable[str]) -> ClassNames | None:
    """The first file of class names in a tree that knows all of the keys; None if there is none."""
    wanted = set(keys)
    for file in tree.texts:
        ending, stem = file.suffix.lower(), re.sub(r"[\W_]", "", file.stem.lower())
        if ending in OWN_ENDINGS or (ending in ENDINGS and stem in FILES):
            names = _read(file)
            try:
                if names is not None and names.of(wanted):
                    return names
            except ValueError:
                continue
    return None


def _read(file: Path) -> ClassNames | None:
    try:
        if file.suffix.lower() == ".json":
            return _from_json(file, json.loads(file.read_bytes()))
        if file.suffix.lower() in {".txt", *OWN_ENDINGS}:
            return _from_lines(file, decode(file.read_bytes()).splitlines())
        return _from_lines(file, ["\t".join(row) for row in read_table(file)])
    except (OSError, ValueError, RecursionError):
        return None


def _from_lines(file: Path, lines: list[str]) -> ClassNames | None:
    lines = [line.strip() for line in lines if line.strip()]
    if any(names_image(cell) for line in lines for cell in line.split()):
        return None  # a list of images
    parsed = [_LINE.fullmatch(line) for line in lines]
    if parsed and parsed[0] is None and all(parsed[1:]):
        parsed = parsed[1:]  # below a header
    keyed = {_plain(match["key"]): _first_word(match["key"], match["name"]) for match in parsed if match}
    if keyed and len(keyed) == len(parsed):
        return ClassNames(file, keyed, counted=False)
    return ClassNames(file, {str(number): name for number, name in enumerate(lines)}, counted=True)


def _first_word(key: str, name: str) -> str:
    """Of the synonyms that WordNet has for an id, the first."""
    return name if key.isdecimal() else name.split(",")[0]


def _from_json(file: Path, read: Any) -> ClassNames | None:
    if isinstance(read, list) and all(isinstance(name, str) for name in read):
        return ClassNames(file, {str(number): name for number, name in enumerate(read)}, counted=True)
    if not isinstance(read, dict):
        return None
    names: dict[str, str] = {}
    for key, value in read.items():
        if isinstance(value, int):
            names[str(value)] = key
        elif isinstance(value, str):
            names[_plain(key)] = value
        elif isinstance(value, list) and len(value) == 2 and all(isinstance(name, str) for name in value):
            names |= {_plain(key): value[1], value[0]: value[1]}
        else:
            return None
    return ClassNames(file, names, counted=False)

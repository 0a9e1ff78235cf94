"""Images that lie together, each with its class in its own name.

scratch_001.png   scratch (2).png   dent-17.png
001_scratch.png   002_dent.png
Cr_1.bmp          In_1.bmp           as in NEU-CLS, whose short names are known
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from steeldefectx.data.sources import neu
from steeldefectx.data.sources.layouts import class_folders
from steeldefectx.data.sources.layouts.layout import SOURCE, Layout, sample_id
from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.renamed import original_stem
from steeldefectx.data.sources.split_words import is_split, splits_by_hand
from steeldefectx.data.sources.tree import Tree

CAMERA_WORDS = frozenset([
    "img", "image", "images", "dsc", "dscn", "dscf", "pic", "picture", "photo", "frame", "scan", "screenshot",
    "snapshot", "capture", "cam", "camera", "untitled", "tile", "file", "sample", "test", "train", "val",
    "whatsapp", "unnamed", "download", "crop", "part", "page",
])  # fmt: skip
"""What cameras and programs call files: no class."""
MAX_CLASSES = 50
MIN_IMAGES = 2
"""Images of each class: a word that one file has alone is its name."""
_NUMBERS = re.compile(r"[\W_]*\(?\d[\d\W_]*\)?[\W_]*")


def word_of(file: Path) -> str:
    """What is left of a file's name without the numbers before and after: ``rolled-in_scale`` for
    ``rolled-in_scale_12``.
    """
    stem = original_stem(file)
    start = _NUMBERS.match(stem)
    stem = stem[start.end() :] if start else stem
    return re.sub(r"[\W_]*\d[\d\W_]*$", "", stem).strip(" _-.()")


def _classes(tree: Tree) -> dict[Path, str]:
    """Image -> its class; empty where the names do not fall into a few classes."""
    if len(set(class_folders.classes_of_folders(tree).values())) > 1:
        return {}  # folders tell
    files = list(tree.images())
    if files and all(map(neu.parse_name, files)):
        return {file: parsed[0].name for file in files if (parsed := neu.parse_name(file))}
    words = {file: word_of(file) for file in files}
    counts = Counter(word.casefold() for word in words.values())
    if not 2 <= len(counts) <= MAX_CLASSES or min(counts.values()) < MIN_IMAGES or {"", *CAMERA_WORDS} & set(counts):
        return {}
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    for word in words.values():
        spelled[word.casefold()][word] += 1
    return {file: spelled[word.casefold()].most_common(1)[0][0] for file, word in words.items()}


def recognize(tree: Tree) -> str | None:
    """The classes and a name of each."""
    examples: dict[str, Path] = {}
    for file, name in _classes(tree).items():
        examples.setdefault(name, file)
    if not examples:
        return None
    listed = ", ".join(f"{name} in {file.name}" for name, file in list(examples.items())[:3])
    return f"{len(examples)} classes by the files' names: {listed}"


def read(tree: Tree) -> Iterator[Sample]:
    """All images."""
    split_word = {file: next(filter(is_split, tree.relative(file).parts[:-1]), "") for file in tree.images()}
    split_of = splits_by_hand(filter(None, split_word.values()))
    for file, name in _classes(tree).items():
        split = split_of.get(split_word[file])
        yield Sample(file, name, SOURCE, sample_id(tree, file), file.name, split=split)


FILE_NAMES = Layout(
    "file-names",
    "classes in the files' names",
    "my_images/scratch_001.png\nmy_images/scratch_002.png\nmy_images/dent_001.png",
    recognize,
    read,
    beats=("class-folders",),
)

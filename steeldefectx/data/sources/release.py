"""The public release of SteelDefectX: images with masks and texts, split into train and val.

class_descriptions.json
train/bs_01.jpg  train_mask/bs_01.png  train-text.json
val/bs_02.jpg    val_mask/bs_02.png    val-text.json
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from steeldefectx.data.sources.listing import Problem, Sample
from steeldefectx.data.sources.tree import Tree
from steeldefectx.taxonomy import find_class

if TYPE_CHECKING:  # imports SciPy, which no reader of folders needs
    from steeldefectx.language.attributes import Attributes

SOURCE = "release"
PARTS = {"train": "train", "val": "test"}
"""Part of the release -> split."""
DESCRIPTIONS = "class_descriptions.json"
ATTRIBUTE_KEYS = {
    "shape": "Shape",
    "direction": "Direction",
    "spatial_distribution": "Spatial Distribution",
    "number": "Number of Defects",
    "scale": "Scale",
    "polarity": "Polarity",
    "saliency": "Saliency",
}
"""Attribute -> its key in the release; the position, a list, is beside them."""


def take(tree: Tree) -> list[Sample]:
    """Remove the releases from a tree; the samples in them. Adds what cannot be used to the tree."""
    names = {f"{part}-text.json" for part in PARTS}
    roots = sorted({file.parent for file in tree.texts if file.name in names})
    return [sample for root in roots for sample in _take_release(tree, root)]


def _take_release(tree: Tree, root: Path) -> Iterator[Sample]:
    descriptions = _descriptions(tree, root / DESCRIPTIONS)
    for part, split in PARTS.items():
        images = {file.name: file for file in tree.folders.pop(root / part, [])}
        masks = {file.stem: file for file in tree.folders.pop(root / f"{part}_mask", [])}
        texts = root / f"{part}-text.json"
        if texts not in tree.texts:
            if images:
                tree.problems.append(Problem(texts, f"missing, it describes the {len(images):,} images of {part}"))
            continue
        entries = _json(tree, texts)
        if not isinstance(entries, list):
            if entries is not None:
                tree.problems.append(Problem(texts, "not a list of entries"))
            continue
        for position, entry in enumerate(entries):
            try:
                name = _text(entry, "image_name")
                if name not in images:
                    raise ValueError(f"{name} is no image in {part}, or has two entries")
                file = images.pop(name)
                yield _sample(file, masks.get(file.stem), entry, split, descriptions)
            except ValueError as error:
                tree.problems.append(Problem(texts, f"entry {position}: {error}"))
        for file in images.values():
            tree.problems.append(Problem(file, f"no entry in {texts.name}"))


def _sample(file: Path, mask: Path | None, entry: dict[str, Any], split: str, descriptions: dict[str, str]) -> Sample:
    spelled = _text(entry, "class_name")
    known = find_class(spelled)
    if known is None:
        raise ValueError(f"{file.name} is of no known class ({spelled})")
    texts = {"T3": _text(entry, "natural_language_description")}
    if known.name in descriptions:
        texts["T1"] = descriptions[known.name]
    if entry.get("template_sentence") is not None:
        texts["template"] = _text(entry, "template_sentence")
    attributes = entry.get("structured_attributes")
    return Sample(
        file,
        known.name,
        # Classes that were merged from several sources do not say which one an image is from.
        next(iter(known.source_labels)) if len(known.source_labels) == 1 else SOURCE,
        f"{SOURCE}/{file.parent.name}/{file.stem}",
        file.name,
        mask,
        split,
        texts=texts,
        attributes=None if attributes is None else _attributes(attributes),
    )


def _attributes(released: Any) -> Attributes:
    if not isinstance(released, dict) or not isinstance(released.get("Position"), list):
        raise ValueError("structured_attributes without a list Position")
    texts = {name: _text(released, key) for name, key in ATTRIBUTE_KEYS.items()}
    try:
        position = [{"cell": str(cell), "fraction": float(fraction)} for cell, fraction in released["Position"]]
    except (TypeError, ValueError):
        raise ValueError("Position is not a list of [cell, fraction]") from None
    return cast("Attributes", {**texts, "position": position})


def _text(entry: Any, key: str) -> str:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"no text {key!r}")
    return value


def _descriptions(tree: Tree, file: Path) -> dict[str, str]:
    """Unified class -> its sentence."""
    if file not in tree.texts:
        return {}
    read = _json(tree, file)
    if read is None:
        return {}
    if not isinstance(read, dict) or not all(isinstance(text, str) for text in read.values()):
        tree.problems.append(Problem(file, "not an object of class names and sentences"))
        return {}
    return {known.name: text for name, text in read.items() if (known := find_class(name)) is not None}


def _json(tree: Tree, file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        tree.problems.append(Problem(file, f"not readable JSON ({error})"))
        return None

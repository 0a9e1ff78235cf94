"""GC10-DET (Lv et al. 2020): 2048x1000 grey images of ten classes, several of which may be on one image.

    1/img_01_424799300_01133.jpg        class folders: numbers, pinyin or English names
    images/img_01_424799300_01133.jpg   or one folder of images
    lable/img_01_424799300_01133.xml    Pascal-VOC annotations, objects named like 1_chongkong

The annotations decide: an image is one sample for each class that has a box on it. Without annotations the
class folder does.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from steeldefectx.data.images import image_size
from steeldefectx.data.sources.crops import with_context
from steeldefectx.data.sources.listing import Box, Problem, Sample
from steeldefectx.data.sources.renamed import original_stem
from steeldefectx.data.sources.tree import Tree
from steeldefectx.data.sources.voc_file import read_voc_file
from steeldefectx.taxonomy import CLASSES, GC10, DefectClass, normalize_name

PUBLISHED_IMAGES = 2294
"""Names of images; twelve of them lie in two class folders."""
NAMES_LISTED = 5

_STEM = re.compile(r"img_.+", re.IGNORECASE)
_OBJECT = re.compile(r"(?:\d+_)?(?P<name>.+)")
_SPELLINGS = {normalize_name(spelling): c for c in CLASSES for spelling in c.source_labels.get(GC10, ())}


@dataclass
class Annotation:
    """What one annotation file says."""

    size: tuple[int, int] | None
    """Width and height of the image, where stated."""
    boxes: dict[str, Box] = field(default_factory=dict)
    """Unified class -> union of its boxes."""
    unknown: list[str] = field(default_factory=list)
    """Names of objects that are no class."""


def read(tree: Tree) -> Iterator[Sample]:
    """The GC10-DET images in a tree; adds what cannot be used, and one summary, to the tree."""
    annotations, bad = _annotations(tree)
    images: dict[str, list[Path]] = defaultdict(list)
    for file in tree.images():
        if _STEM.fullmatch(file.stem):
            images[file.stem].append(file)
    for stem, files in images.items():
        if stem in bad:
            continue
        annotation = annotations.get(stem)
        if annotation is not None and (annotation.boxes or annotation.unknown):
            for file in _without_copies(tree, files):
                yield from _annotated(tree, file, annotation)
        else:
            yield from _in_class_folders(tree, files, bool(annotations))
    if annotations:
        _summarize(tree, annotations, set(images))


def _without_copies(tree: Tree, files: list[Path]) -> list[Path]:
    """Files of one name, without those in another class's folder: the boxes of the first hold that class too."""
    kept = [file for file in files if file.parent.name == files[0].parent.name]
    for file in set(files) - set(kept):
        tree.folders[file.parent].remove(file)
    return kept


def _annotated(tree: Tree, file: Path, annotation: Annotation) -> Iterator[Sample]:
    if not annotation.boxes:
        names = ", ".join(sorted(set(annotation.unknown)))
        tree.problems.append(Problem(file, f"no known class in its annotation ({names})"))
        return
    size = image_size(file)
    if size and annotation.size and size != annotation.size:
        tree.problems.append(
            Problem(file, f"{_width_by_height(size)} pixels, its annotation is of {_width_by_height(annotation.size)}")
        )
        return
    for class_name, box in annotation.boxes.items():
        if size and not (box[0] < size[0] and box[1] < size[1]):
            tree.problems.append(Problem(file, f"a box of {class_name} lies outside of the image: {box}"))
        else:
            yield _sample(file, class_name, with_context(box, size) if size else None)


def _in_class_folders(tree: Tree, files: list[Path], annotated: bool) -> Iterator[Sample]:
    for file in files:
        known = _SPELLINGS.get(normalize_name(file.parent.name))
        if known is not None:
            yield _sample(file, known.name, None)
        elif annotated:
            tree.problems.append(Problem(file, "neither an annotation nor a class folder gives its class"))


def _sample(file: Path, class_name: str, box: Box | None) -> Sample:
    label = class_name.lower().replace(" ", "_")
    return Sample(file, class_name, GC10, f"{GC10}/{original_stem(file)}/{label}", file.name, box=box)


def _annotations(tree: Tree) -> tuple[dict[str, Annotation], set[str]]:
    """Stem -> its annotation, and the stems whose annotation cannot be read."""
    annotations: dict[str, Annotation] = {}
    bad: set[str] = set()
    for file in tree.texts:
        if file.suffix.lower() != ".xml" or not _STEM.fullmatch(file.stem) or file.stem in annotations:
            continue
        try:
            annotations[file.stem] = read_annotation(file)
        except (OSError, ValueError) as error:
            tree.problems.append(Problem(file, f"not a readable annotation ({error})"))
            bad.add(file.stem)
    return annotations, bad - set(annotations)


def read_annotation(file: Path) -> Annotation:
    """One Pascal-VOC file.

    Raises:
        OSError: Not readable.
        ValueError: Not an annotation, or XML that could expand to more than it is.
    """
    voc = read_voc_file(file)
    annotation = Annotation(voc.size)
    for each in voc.objects:
        known = _class_of(each.name)
        if known is None:
            annotation.unknown.append(each.name or "(no name)")
            continue
        left, top, right, bottom = box = each.box()
        last = annotation.boxes.get(known.name, box)
        annotation.boxes[known.name] = (
            *(min(last[0], left), min(last[1], top)),
            *(max(last[2], right), max(last[3], bottom)),
        )
    return annotation


def _class_of(name: str) -> DefectClass | None:
    match = _OBJECT.fullmatch(name)
    return _SPELLINGS.get(normalize_name(match["name"])) if match else None


def _summarize(tree: Tree, annotations: dict[str, Annotation], images: set[str]) -> None:
    """One note about all that the annotations hold beyond the images."""
    parts = []
    without = len(set(annotations) - images)
    if without:
        parts.append(f"{without:,} of {len(annotations):,} annotation files have no image")
    unknown = Counter(name for annotation in annotations.values() for name in annotation.unknown)
    if unknown:
        listed = ", ".join(f"{name!r} ({count:,})" for name, count in unknown.most_common(NAMES_LISTED))
        more = f" and {len(unknown) - NAMES_LISTED:,} more" if len(unknown) > NAMES_LISTED else ""
        parts.append(f"objects of no known class were left out: {listed}{more}")
    if parts:
        tree.notes.append(f"{GC10}: {'; '.join(parts)}.")


def _width_by_height(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"

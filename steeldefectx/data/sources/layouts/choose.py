"""Which layout a folder of one's own images has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from steeldefectx.data.sources.layouts import (
    box_tables,
    class_folders,
    class_numbers,
    coco,
    cvat,
    dagm,
    file_names,
    label_studio,
    labelme,
    lists,
    magnetic_tile,
    masked,
    mvtec,
    severstal,
    visa,
    voc,
    yolo,
)
from steeldefectx.data.sources.layouts.layout import Layout
from steeldefectx.data.sources.layouts.other_formats import unread_annotations
from steeldefectx.data.sources.listing import Sample
from steeldefectx.data.sources.masks import take_masks
from steeldefectx.data.sources.tree import Tree
from steeldefectx.errors import ConfigError, DataError

AUTO = "auto"
LAYOUTS: tuple[Layout, ...] = (
    labelme.LABELME,
    coco.COCO,
    cvat.CVAT,
    label_studio.LABEL_STUDIO,
    voc.VOC,
    yolo.YOLO,
    class_folders.CLASS_FOLDERS,
    class_folders.INNER_FOLDERS,
    box_tables.BOX_TABLES,
    lists.LISTS,
    class_numbers.CLASS_NUMBERS,
    file_names.FILE_NAMES,
    mvtec.MVTEC,
    visa.VISA,
    severstal.SEVERSTAL,
    masked.MASKED_IMAGES,
    dagm.DAGM,
    magnetic_tile.MAGNETIC_TILE,
)
"""All that are read; of those that agree on a folder, the first is taken."""
CLASSES_LISTED = 8


def choose(tree: Tree, layout: str = AUTO) -> tuple[Layout, str]:
    """The layout of a tree, and what speaks for it. Masks are moved to the tree's ``masks`` first.

    Args:
        tree: The folder.
        layout: Name of one, to be taken whatever others would make of the folder; or ``auto``.

    Raises:
        ConfigError: No layout of that name.
        DataError: The tree has none, or not the one asked for; or two that give its images different classes.
    """
    tree.masks += take_masks(tree, by_content=False)
    if layout != AUTO:
        return _named(tree, layout)
    found = [(each, evidence) for each in LAYOUTS if (evidence := each.recognize(tree))]
    beaten = {name for each, _ in found for name in each.beats}
    found = [(each, evidence) for each, evidence in found if each.name not in beaten]
    if not found or found[0][0] is class_folders.CLASS_FOLDERS:
        unread = unread_annotations(tree)
        if not found:
            raise DataError("\n".join([_nothing_known(tree), *unread]))
        tree.notes += unread
    if len(found) > 1:
        _must_agree(tree, found)
    return found[0]


def _named(tree: Tree, name: str) -> tuple[Layout, str]:
    for layout in LAYOUTS:
        if layout.name == name:
            evidence = layout.recognize(tree)
            if evidence is None:
                raise DataError(f"{tree.root}: no {layout.title} here. They look like this:\n{layout.tree}")
            return layout, evidence
    raise ConfigError(f"layout={name!r} is unknown: choose one of {', '.join(layout_names())}.")


def layout_names() -> list[str]:
    """What ``--layout`` takes."""
    return [AUTO, *(layout.name for layout in LAYOUTS)]


def _nothing_known(tree: Tree) -> str:
    """Why nothing is recognized, and what would be."""
    kinds = ", ".join(f"{layout.title} ({layout.name})" for layout in LAYOUTS)
    images = list(tree.images())
    named = f" Their names, such as {images[0].name}, do not fall into a few classes." if images else ""
    found = f"{tree.root}: {len(images):,} images, and nothing that says their classes.{named}"
    expected = f"Expected {tree.root.name}/<class>/<image>, or another of: {kinds}."
    return "\n".join([found, *tree.notes, expected])


def _must_agree(tree: Tree, found: list[tuple[Layout, str]]) -> None:
    """Refuse layouts that give images different classes.

    Raises:
        DataError: They do; what each makes of the images is said.
    """
    readings = {layout: _read_aside(tree, layout) for layout, _ in found}
    if all(_classes_of(samples) == _classes_of(readings[found[0][0]]) for samples in readings.values()):
        return
    lines = [f"{tree.root} can be read in {len(found)} ways:"]
    for layout, evidence in found:
        lines.append(f"  --layout {layout.name}: {layout.title} ({evidence}): {class_counts(readings[layout])}")
    raise DataError("\n".join([*lines, "Say which it is with --layout NAME (layout=NAME in load_dataset)."]))


def _read_aside(tree: Tree, layout: Layout) -> list[Sample]:
    folders = {folder: list(files) for folder, files in tree.folders.items()}
    return list(layout.read(replace(tree, folders=folders, masks=list(tree.masks), problems=[], notes=[])))


def _classes_of(samples: Iterable[Sample]) -> dict[object, set[str]]:
    classes: dict[object, set[str]] = defaultdict(set)
    for sample in samples:
        classes[sample.path].add(sample.class_name)
    return classes


def class_counts(samples: list[Sample]) -> str:
    """Classes with how many samples each has, of many only the largest: ``scratch 120, dent 40``."""
    counts = Counter(sample.class_name for sample in samples).most_common()
    listed = ", ".join(f"{name} {count:,}" for name, count in counts[:CLASSES_LISTED])
    return listed + (f" and {len(counts) - CLASSES_LISTED:,} more classes" if len(counts) > CLASSES_LISTED else "")

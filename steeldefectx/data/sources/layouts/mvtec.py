"""Anomaly data sets in the layout of MVTec AD: sound images train, and defects are in test alone, with masks.

bottle/train/good/000.png
bottle/test/broken_large/000.png    the defect's folder is the class; ``good`` and ``ok`` are sound
bottle/ground_truth/broken_large/000_mask.png

So are MVTec LOCO AD (``validation/good``, a folder of masks an image), MVTec AD 2 (``test_public/bad``), BTAD
(``train/ok``, ``test/ko``), and much that was written for their readers. Several objects may lie side by side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from steeldefectx.data.images import image_size
from steeldefectx.data.sources.layouts.layout import BY_NAMES, SOUND, SOURCE, Layout, sample_id
from steeldefectx.data.sources.layouts.soundness import is_sound, soundness
from steeldefectx.data.sources.listing import Problem, Sample
from steeldefectx.data.sources.shapes import Bitmap, Shapes
from steeldefectx.data.sources.tree import Tree

PARTS = {"train": "train", "validation": "train", "val": "train", "test": "test", "test_public": "test"}
"""Folder of a part -> split. What is held out to choose settings is taken from train."""
UNKNOWN_PARTS = frozenset({"test_private", "test_private_mixed"})
"""Parts of MVTec AD 2 whose classes are not published."""
GROUND_TRUTH = "ground_truth"


@dataclass(frozen=True)
class _Place:
    """Where an image lies."""

    object: tuple[str, ...]
    """Folders of the object."""
    part: str
    folder: str
    """The defect's, or ``good``; empty where there is none."""


def _place(tree: Tree, folder: Path) -> _Place | None:
    folders = tree.relative(folder).parts
    for position, name in enumerate(folders):
        if name.lower() in PARTS or name.lower() in UNKNOWN_PARTS:
            return _Place(folders[:position], name.lower(), "".join(folders[position + 1 : position + 2]))
    return None


def _places(tree: Tree) -> dict[Path, _Place]:
    """The images of objects that look like MVTec's: they train with sound images alone, and are tested with others."""
    placed = {
        file: place for folder, files in tree.folders.items() if (place := _place(tree, folder)) for file in files
    }
    folders: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: {"train": set(), "test": set()})
    for place in placed.values():
        if place.part in PARTS:
            folders[place.object][PARTS[place.part]].add(place.folder)
    objects = {
        name
        for name, parts in folders.items()
        if parts["train"] and all(map(is_sound, parts["train"])) and not all(map(is_sound, parts["test"]))
    }
    return {file: place for file, place in placed.items() if place.object in objects}


def recognize(tree: Tree) -> str | None:
    """How many objects there are, and how they call what is sound."""
    places = _places(tree)
    if not places:
        return None
    objects = len({place.object for place in places.values()})
    sound = min(place.folder for place in places.values() if is_sound(place.folder))
    named = f"{objects} objects, each" if objects > 1 else "one object"
    return f"{named} with train/{sound} and test; {len(tree.masks):,} masks"


def read(tree: Tree) -> Iterator[Sample]:
    """The images of all objects; those of one defect's name are one class, whatever the object."""
    masks = _take_masks(tree)
    places = _places(tree)
    unlabelled = 0
    for file, place in places.items():
        if not place.folder or place.part in UNKNOWN_PARTS:
            unlabelled += 1
            continue
        class_name = soundness(place.folder)
        drawn = masks.get((*place.object, place.folder, file.stem), []) if class_name != SOUND else []
        try:
            mask = drawn[0] if len(drawn) == 1 else _together(drawn)
        except OSError as error:
            tree.problems.append(Problem(drawn[0], f"a mask that cannot be read ({error})"))
            continue
        split = PARTS[place.part]
        yield Sample(file, class_name, SOURCE, sample_id(tree, file), file.name, mask, split)
    _add_notes(tree, list(places.values()), unlabelled)


def _take_masks(tree: Tree) -> dict[tuple[str, ...], list[Path]]:
    """Object, defect and image's stem -> its masks, which are no longer the tree's."""
    masks: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    kept = []
    for mask in tree.masks:
        folders = tree.relative(mask).parts[:-1]
        if GROUND_TRUTH not in folders or len(folders) < folders.index(GROUND_TRUTH) + 2:
            kept.append(mask)
            continue
        position = folders.index(GROUND_TRUTH)
        below = folders[position + 2 :]  # LOCO: a folder an image
        stem = below[0] if below else mask.stem.removesuffix("_mask")
        around = [name for name in folders[:position] if name.lower() not in PARTS]  # AD 2: test_public/ground_truth
        masks[(*around, folders[position + 1], stem)].append(mask)
    tree.masks = kept
    return masks


def _together(masks: list[Path]) -> Shapes | None:
    """Several masks of one image as one."""
    if not masks:
        return None
    size = image_size(masks[0])
    return None if size is None else Shapes(size, tuple(Bitmap(0, 0, mask.read_bytes()) for mask in masks))


def _add_notes(tree: Tree, places: list[_Place], unlabelled: int) -> None:
    sound = sorted({place.folder for place in places if is_sound(place.folder)})
    tree.notes.append(f"The class {SOUND!r} is the folder {', '.join(sound)}.")
    tree.notes.append(
        "Its train part holds sound images alone, as anomaly detection wants it; a classifier that is to learn the "
        "defects is given the folder test as its data."
    )
    objects: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for place in places:
        objects[place.folder].add(place.object)
    shared = sorted(folder for folder, of in objects.items() if len(of) > 1 and folder and soundness(folder) == folder)
    if shared:
        tree.notes.append(f"Defects of one name are one class, whatever the object: {', '.join(shared)}.")
    if unlabelled:
        tree.notes.append(f"{unlabelled:,} images whose class is not published are not used.")


MVTEC = Layout(
    "mvtec",
    "an anomaly data set as MVTec AD",
    "bottle/train/good/000.png\nbottle/test/broken_large/000.png\nbottle/ground_truth/broken_large/000_mask.png",
    recognize,
    read,
    opens_images=True,
    beats=BY_NAMES,
)

"""Images with masks and no classes: what the mask shows is a defect, and an image with a black mask is sound.

kos01/Part0.jpg    kos01/Part0_label.bmp              KolektorSDD: a folder is one piece, seen eight times
train/10000.png    train/10000_GT.png                 KolektorSDD2
images/12.jpg      masks/12.png                       any data set for segmentation; RSDDs too
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from PIL import Image

from steeldefectx.data.images import open_image
from steeldefectx.data.sources.layouts import class_folders
from steeldefectx.data.sources.layouts.layout import SOUND, SOURCE, Layout, sample_id
from steeldefectx.data.sources.layouts.soundness import DEFECT
from steeldefectx.data.sources.listing import PART, Problem, Sample
from steeldefectx.data.sources.mask_pixels import read_mask
from steeldefectx.data.sources.masks import attach_masks
from steeldefectx.data.sources.split_words import is_split, splits_by_hand
from steeldefectx.data.sources.tree import Tree
from steeldefectx.errors import DataError
from steeldefectx.utils.cores import usable_cores

MASKED = 0.5
"""Of the images, at least this share has a mask."""
MASKS_OPENED = 20
CLASS_WORDS = ("class", "type", "defect", "category", "label")
"""Folders that are called by these and a number are classes."""
_RAILS = re.compile("rsdds", re.IGNORECASE)
"""RSDDs has a folder for each of two kinds of rails, which are no classes."""


def recognize(tree: Tree) -> str | None:
    """How many images have masks; None where folders tell classes, or too few have any."""
    if not tree.masks:
        return None
    samples = _attached(replace(tree, problems=[], notes=[]))
    masked = [sample for sample in samples if sample.mask is not None]
    if not masked or len(masked) < MASKED * len(samples) or not (_no_classes(tree) or _pieces(tree, masked)):
        return None
    return f"{len(masked):,} of {len(samples):,} images have a mask, and no folder tells their class"


def _attached(tree: Tree) -> list[Sample]:
    samples = [Sample(file, DEFECT, SOURCE, sample_id(tree, file), file.name) for file in tree.images()]
    return attach_masks(tree, samples, tree.masks)


def _no_classes(tree: Tree) -> bool:
    found = class_folders.classes_of_folders(tree)
    return len(set(found.values())) < 2 or any(map(_RAILS.search, map(str, map(tree.relative, found))))


def _pieces(tree: Tree, masked: list[Sample]) -> bool:
    """Whether folders are pieces that were photographed several times: numbered alike, and some masks are black."""
    names = {folder.name for folder, files in tree.folders.items() if files}
    words = {re.sub(r"[\W_]*\d+$", "", name).lower() for name in names}
    if len(words) != 1 or words & {"", *CLASS_WORDS, *(name.lower() for name in names)}:
        return False
    return any(_has_defect(sample.mask) is False for sample in masked[:: max(1, len(masked) // MASKS_OPENED)])


def read(tree: Tree) -> Iterator[Sample]:
    """The images that have a mask; the pieces of one folder stay together."""
    samples = _attached(tree)
    tree.masks = []
    masked = [sample for sample in samples if sample.mask is not None]
    pieces = not _no_classes(tree)
    split_of = splits_by_hand({word for sample in masked if (word := _split_word(tree, sample.path))})
    with ThreadPoolExecutor(usable_cores()) as pool:
        found = list(pool.map(lambda sample: _has_defect(sample.mask), masked))
    for sample, defect in zip(masked, found, strict=True):
        if defect is None:
            tree.problems.append(Problem(sample.path, "its mask cannot be read, and nothing else tells its class"))
            continue
        folder, _, name = sample.image_id.rpartition("/")
        yield replace(
            sample,
            class_name=DEFECT if defect else SOUND,
            mask=sample.mask if defect else None,
            image_id=f"{folder}{PART}{name}" if pieces else sample.image_id,
            split=split_of.get(_split_word(tree, sample.path) or ""),
        )
    tree.notes.append(f"{found.count(False):,} images whose mask is all black are of the class {SOUND!r}.")
    if without := len(samples) - len(masked):
        tree.notes.append(f"{without:,} images without a mask are not used: nothing says whether they are sound.")


def _split_word(tree: Tree, file: Path) -> str | None:
    return next(filter(is_split, tree.relative(file).parts[:-1]), None)


def _has_defect(mask: object) -> bool | None:
    """Whether a mask shows anything; None where it cannot be read."""
    try:
        image: Image.Image = open_image(mask) if isinstance(mask, Path) else Image.new("1", (1, 1))
    except DataError:
        return None
    return bool(read_mask(image, None).any())


MASKED_IMAGES = Layout(
    "masks",
    "images with masks and no classes, as KolektorSDD",
    "kos01/Part0.jpg\nkos01/Part0_label.bmp: black, or white on the defect\ntrain/10000.png, train/10000_GT.png",
    recognize,
    read,
    opens_images=True,
    beats=("class-folders", "file-names"),
)

"""Pixel masks: folders of them are told from folders of images, and attached to the images they belong to.

SD-saliency-900 (Song et al. 2020) has masks of NEU's inclusion, patches and scratches, named as in NEU-CLS:
``Ground truth/In_7.png`` belongs to ``inclusion_7``. All other masks belong to the image of their name:

    masks/12.png, masks/white rust/12.png, white rust/12_mask.png or white rust/12.png    for    white rust/12.jpg
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from steeldefectx.data.images import Traits, image_formats, open_image, traits_of
from steeldefectx.data.sources import neu
from steeldefectx.data.sources.listing import Problem, Sample
from steeldefectx.data.sources.mask_pixels import read_mask
from steeldefectx.data.sources.tree import Tree
from steeldefectx.taxonomy import NEU
from steeldefectx.utils.grey_levels import TURNS

_FOLDER_NAME = re.compile(r"ground[ _-]?truths?|gts?|masks?|.*[ _-](masks?|gts?)", re.IGNORECASE)
FILES_OPENED = 10
"""Files of a folder that are opened to see whether they are masks, where its name does not tell."""
SIDEWAYS = (5, 6, 7, 8)
"""EXIF's numbers of orientations whose stored images have width and height swapped."""
MAX_LEVELS = 16
"""A PNG or BMP with more grey levels than this is a photograph, not a mask."""
_LABEL_FOLDER = re.compile(r"labels?|annotations?|anns?|segmentations?", re.IGNORECASE)
"""Folders whose images are masks, or images with labels: what is in them tells."""
_FILE_NAME = re.compile(r"(?P<image>.+)[ _-](?:mask|gt|label)", re.IGNORECASE)


def take_masks(tree: Tree, *, by_content: bool = True) -> list[Path]:
    """Remove the masks from a tree; their files.

    Args:
        tree: Folder to look through.
        by_content: Folders of nothing but black and white images are masks too, whatever their name.
    """
    folders = [folder for folder, files in tree.folders.items() if _holds_masks(tree, folder, files, by_content)]
    masks = [file for folder in folders for file in tree.folders.pop(folder)]
    for folder, files in tree.folders.items():
        stems = {file.stem for file in files}
        beside = [file for file in files if _image_stem(file) != file.stem and _image_stem(file) in stems]
        beside += _pairs(set(files) - set(beside))
        kept = set(files) - set(beside)
        tree.folders[folder] = [file for file in files if file in kept]
        masks += beside
    return masks


def _pairs(files: set[Path]) -> list[Path]:
    """Masks that have the name of the photograph that they lie beside: ``exp1_num_4727.png`` and ``.jpg``."""
    photographs = {file.stem for file in files if file.suffix.lower() in (".jpg", ".jpeg")}
    drawn = sorted(file for file in files if file.stem in photographs and file.suffix.lower() in (".png", ".bmp"))
    return drawn if drawn and _are_drawn(drawn) else []


def _image_stem(mask: Path) -> str:
    match = _FILE_NAME.fullmatch(mask.stem)
    return match["image"] if match else mask.stem


def _holds_masks(tree: Tree, folder: Path, files: list[Path], by_content: bool) -> bool:
    if any(_FOLDER_NAME.fullmatch(name) for name in (folder.name, *tree.relative(folder).parts)):
        return True
    if _LABEL_FOLDER.fullmatch(folder.name) and _are_drawn(files):
        return True
    pngs = [file for file in files if file.suffix.lower() in (".png", ".bmp")]
    if not by_content or len(pngs) < len(files):
        return False
    seen: set[int] = set()
    for file in files[:FILES_OPENED]:  # one mask may be all black, or damaged
        levels = _grey_levels(file)
        if not levels <= {0, 255}:
            return False
        seen |= levels
    return seen == {0, 255}


def _are_drawn(files: list[Path]) -> bool:
    """Whether files are masks by what is in them: lossless, and of few grey levels, which need not be 0 and 255."""
    if any(file.suffix.lower() not in (".png", ".bmp", ".tif", ".tiff") for file in files):
        return False
    levels = [_grey_levels(file) for file in _spread(files, FILES_OPENED)]
    return any(levels) and all(len(each) <= MAX_LEVELS for each in levels)


def _spread(files: list[Path], count: int) -> list[Path]:
    """Some of the files, from the first to the last."""
    return files[:: max(1, len(files) // count)][:count]


def _grey_levels(file: Path) -> set[int]:
    try:
        with Image.open(file, formats=image_formats()) as image:
            return set(np.unique(np.asarray(image.convert("L"))).tolist())
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return set()


def fit_mask(mask: Image.Image, traits: Traits) -> tuple[Image.Image, str]:
    """A mask, turned upright with its image where it was drawn on the image as that is stored, by its size.

    Args:
        mask: The mask.
        traits: Of its image.

    Returns:
        The mask, and ``""``, ``"turned"`` or, where it may be drawn on either, ``"ambiguous"``: taken as upright then.
    """
    if traits.orientation == 1:
        return mask, ""
    stored = traits.size[::-1] if traits.orientation in SIDEWAYS else traits.size
    if mask.size == traits.size:
        return mask, "ambiguous" if stored == traits.size else ""
    return (mask.transpose(TURNS[traits.orientation]), "turned") if mask.size == stored else (mask, "")


def sample_mask(sample: Sample, *, whole: bool = False) -> np.ndarray | None:
    """(H, W) bool, the mask of a sample, cut to its box; None where it has none.

    Args:
        sample: One that :mod:`.usable` has found to be good.
        whole: The mask of the whole image instead.
    """
    if sample.mask is None:
        return None
    box = None if whole else sample.box
    if not isinstance(sample.mask, Path):
        left, top, right, bottom = box or (0, 0, *sample.mask.size)
        return sample.mask.mask()[top:bottom, left:right]
    return read_mask(fit_mask(open_image(sample.mask), traits_of(sample.path))[0], box)


def sample_pixels(sample: Sample) -> tuple[Image.Image, np.ndarray | None]:
    """The image of a sample, upright, and its mask, (H, W) bool, where it has one; both cut to its box.

    Raises:
        DataError: One cannot be read.
    """
    return open_image(sample.path, sample.page).crop(sample.box), sample_mask(sample)


def attach_masks(tree: Tree, samples: list[Sample], masks: list[Path]) -> list[Sample]:
    """The samples, with the masks that belong to them; adds masks of several images, and of none, to the tree."""
    neu_images = {sample.image_id: sample.path for sample in samples if sample.source == NEU}
    by_stem: dict[str, set[Path]] = defaultdict(set)
    for sample in samples:
        by_stem[sample.path.stem].add(sample.path)
    mask_of: dict[Path, Path] = {}
    unused = 0
    for mask in masks:
        parsed = neu.parse_name(mask)
        named = neu_images.get(f"{NEU}/{parsed[1]}") if parsed else None
        images = {named} if named else _images_of(mask, by_stem)
        if len(images) > 1:
            tree.problems.append(Problem(mask, f"a mask of any of {len(images)} images, by its name"))
        unused += not images
        mask_of |= {image: mask for image in images if len(images) == 1}
    if unused:
        tree.notes.append(f"{unused:,} of {len(masks):,} masks belong to no image.")
    return [replace(sample, mask=mask_of.get(sample.path, sample.mask)) for sample in samples]


def _images_of(mask: Path, by_stem: dict[str, set[Path]]) -> set[Path]:
    """The images of a mask's name; where they are several, those of its folder, or of one of that folder's name, and
    of these the nearest: ``train/images/1.png`` for ``train/masks/1.png``.
    """
    images = by_stem.get(_image_stem(mask), set())
    if len(images) > 1:
        near = {image for image in images if image.parent in mask.parents}
        images = near or {image for image in images if image.parent.name == mask.parent.name} or images
    if len(images) > 1:
        shared = {image: len(os.path.commonpath([image, mask])) for image in images}
        images = {image for image, length in shared.items() if length == max(shared.values())}
    return images

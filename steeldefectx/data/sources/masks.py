"""Pixel masks: folders of them are told from folders of images, and attached to the images they belong to.

SD-saliency-900 (Song et al. 2020) has masks of NEU's inclusion, patches and scratches, named as in NEU-CLS:
``Ground truth/In_7.png`` belongs to ``inclusion_7``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from steeldefectx.data.sources import neu
from steeldefectx.data.sources.sample import Sample
from steeldefectx.data.sources.tree import IMAGE_FORMATS, Tree
from steeldefectx.taxonomy import NEU

_FOLDER_NAME = re.compile(r"ground[ _-]?truths?|gts?|masks?|.*[ _-](masks?|gts?)", re.IGNORECASE)
LOOKED_AT = 10
"""Files of a folder that are opened to see whether they are masks, where its name does not tell."""


def take_masks(tree: Tree) -> list[Path]:
    """Remove the mask folders from a tree; the mask files in them."""
    folders = [folder for folder, files in tree.folders.items() if _holds_masks(folder, files)]
    return [file for folder in folders for file in tree.folders.pop(folder)]


def _holds_masks(folder: Path, files: list[Path]) -> bool:
    if _FOLDER_NAME.fullmatch(folder.name):
        return True
    pngs = [file for file in files if file.suffix.lower() in (".png", ".bmp")]
    if len(pngs) < len(files):
        return False
    seen: set[int] = set()
    for file in files[:LOOKED_AT]:  # one mask may be all black, or damaged
        levels = _grey_levels(file)
        if not levels <= {0, 255}:
            return False
        seen |= levels
    return seen == {0, 255}


def _grey_levels(file: Path) -> set[int]:
    try:
        with Image.open(file, formats=IMAGE_FORMATS) as image:
            return set(np.unique(np.asarray(image.convert("L"))).tolist())
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return set()


def attach_masks(samples: list[Sample], masks: list[Path]) -> list[Sample]:
    """The samples, with the masks that belong to them."""
    of_sample: dict[str, Path] = {}
    for mask in masks:
        parsed = neu.parse_name(mask)
        if parsed is not None:
            of_sample[f"{NEU}/{parsed[1]}"] = mask
    return [replace(sample, mask=of_sample.get(sample.image_id)) for sample in samples]

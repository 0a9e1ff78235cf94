"""Real images to measure generalization on: crops and tiles of frames with polygons, images with masks, single crops.

Nothing here takes part in pretraining.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from steeldefectx.data.builder import load_dataset
from steeldefectx.data.sources.crops import with_context
from steeldefectx.language.attributes import attributes_from_mask
from steeldefectx.language.lexicon.reading import find_entry
from steeldefectx.language.scene_facts import Facts, facts_of_scene

ENGLISH = {"ca_shang": "Scratch", "zang_wu": "Dirt", "zhe_zhou": "Wrinkle", "zhen_kong": "Pinhole"}
"""Labels of the aluminium frames, in the order of the classes."""
SOUND = "Sound"
LEAST = 64
"""Pixels a side that a crop has at least: the median pinhole measures 7."""
SOUND_SIDES = (64, 160)
"""Of sound crops; there is no room for larger ones beside the defects."""
TILE = 80
"""Pixels a side of the tiles of the patch memory."""
BACKGROUND = 40
"""Grey levels up to which a pixel belongs to the black behind the part, in the aluminium frames."""
RIM = 32
"""Pixels of the part's edge that are left out: its ring is neither sound sheet nor a defect."""
LEAST_DEFECT = 30
"""Pixels of a polygon that a tile with a defect shows at least."""
LINE = 5
"""Pixels that a line strip is wide."""
TRIES = 300
RING = 0.05
"""Share of the side to which the metal around a defect counts as the metal under it."""


@dataclass
class Crops:
    """Grey images with labels."""

    images: list[Image.Image]
    labels: np.ndarray
    """(N,) positions in ``classes``."""
    classes: list[str]
    frames: np.ndarray
    """(N,) number of the photograph that an image is a part of."""


@dataclass
class _Frame:
    image: Image.Image
    shapes: list[tuple[str, np.ndarray]]
    """Label and (P, 2) points."""
    defects: np.ndarray
    """(H, W) bool: within any polygon or on a line."""
    sheet: np.ndarray
    """(H, W) bool: on the part, away from its edge."""


@cache
def _frames(folder: Path) -> list[_Frame]:
    return [_frame(file, next((folder / "images").glob(f"{file.stem}.*"))) for file in sorted(folder.glob("json/*"))]


def _frame(annotation: Path, file: Path) -> _Frame:
    image = Image.open(file).convert("L")
    canvas = Image.new("1", image.size)
    draw, shapes = ImageDraw.Draw(canvas), []
    for shape in json.loads(annotation.read_text("utf-8"))["shapes"]:
        points = np.array(shape["points"], dtype=float)
        flat = [tuple(point) for point in points]
        if shape["shape_type"] == "polygon":
            draw.polygon(flat, fill=1)
        draw.line(flat, fill=1, width=LINE)
        shapes.append((shape["label"], points))
    defects = np.array(canvas)
    part = ndimage.binary_fill_holes((np.array(image) > BACKGROUND) | defects)
    labels, count = ndimage.label(part)
    largest = labels == 1 + int(np.argmax(ndimage.sum_labels(part, labels, range(1, count + 1))))
    return _Frame(image, shapes, defects, ndimage.distance_transform_cdt(np.pad(largest, 1))[1:-1, 1:-1] > RIM)


def aluminium_frames(folder: Path) -> list[tuple[Image.Image, list[np.ndarray]]]:
    """The whole frames with the points (P, 2) of each of their polygons."""
    return [(frame.image, [points for _, points in frame.shapes]) for frame in _frames(folder)]


def aluminium_crops(folder: Path) -> Crops:
    """Each polygon's surroundings, and as many sound crops as the mean class has.

    Args:
        folder: Has ``images`` and ``json``.
    """
    frames, rng = _frames(folder), np.random.default_rng(0)
    images, labels, numbers = [], [], []
    for number, frame in enumerate(frames):
        for label, points in frame.shapes:
            box = (*np.floor(points.min(0)).astype(int).tolist(), *np.ceil(points.max(0)).astype(int).tolist())
            images.append(frame.image.crop(with_context(box, frame.image.size, LEAST)))
            labels.append(list(ENGLISH).index(label))
            numbers.append(number)
    wanted = len(images) // len(ENGLISH)
    for number in rng.permutation(np.tile(np.arange(len(frames)), 5)):
        tile = _sound(frames[number], int(rng.integers(*SOUND_SIDES)), rng)
        if tile is not None and wanted > 0:
            images.append(tile)
            labels.append(len(ENGLISH))
            numbers.append(int(number))
            wanted -= 1
    return Crops(images, np.array(labels), [*ENGLISH.values(), SOUND], np.array(numbers))


def aluminium_tiles(folder: Path) -> tuple[Crops, Crops]:
    """Tiles of one size: sound ones, one of each frame that has room, and ones that show a part of a defect."""
    frames, rng = _frames(folder), np.random.default_rng(1)
    sound, faulty = [], []
    for number, frame in enumerate(frames):
        tile = _sound(frame, TILE, rng)
        if tile is not None:
            sound.append((tile, number))
        shown = _tile(frame, TILE, rng, lambda part: np.count_nonzero(part) >= LEAST_DEFECT)
        if shown is not None:
            faulty.append((shown, number))
    return _as_crops(sound, 0), _as_crops(faulty, 1)


def _as_crops(tiles: list[tuple[Image.Image, int]], label: int) -> Crops:
    return Crops(
        [tile for tile, _ in tiles],
        np.full(len(tiles), label),
        [SOUND, "Defect"],
        np.array([number for _, number in tiles]),
    )


def _sound(frame: _Frame, side: int, rng: np.random.Generator) -> Image.Image | None:
    return _tile(frame, side, rng, lambda part: not part.any())


def _tile(
    frame: _Frame, side: int, rng: np.random.Generator, wanted: Callable[[np.ndarray], bool]
) -> Image.Image | None:
    """A square of the sheet whose defects are as wanted; None if some tries find none."""
    height, width = frame.defects.shape
    for _ in range(TRIES):
        top, left = int(rng.integers(height - side)), int(rng.integers(width - side))
        part = (slice(top, top + side), slice(left, left + side))
        if frame.sheet[part].all() and wanted(frame.defects[part]):
            return frame.image.crop((left, top, left + side, top + side))
    return None


@dataclass
class Masked:
    """A real image with the facts that its mask gives."""

    image: Image.Image
    mask: np.ndarray
    """(H, W) bool."""
    facts: Facts


def masked_images(folder: str) -> list[Masked]:
    """The images of the default config that have masks."""
    found = []
    for rows in load_dataset("default", data_dir=folder).values():
        with_masks = [n for n, mask in enumerate(rows.with_format("arrow")["mask"]) if mask.as_py() is not None]
        names = rows.features["label"]
        for row in rows.select(with_masks):
            image = row["image"].convert("L")
            mask = np.array(row["mask"].convert("L").resize(image.size, Image.Resampling.NEAREST)) > 127
            if mask.any() and not mask.all():
                found.append(Masked(image, mask, mask_facts(np.array(image), mask, names.int2str(row["label"]))))
    return found


def mask_facts(image: np.ndarray, mask: np.ndarray, class_name: str) -> dict[str, str]:
    """What may be said of an image (H, W) uint8 with a mask (H, W) bool, as is said of a rendered one."""
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    near = ndimage.binary_dilation(mask, iterations=max(2, round(RING * max(mask.shape)))) & ~mask
    local = float(image[mask].mean() - image[near if near.any() else ~mask].mean())
    box = (float(np.ptp(columns) + 1) / width, float(np.ptp(rows) + 1) / height)
    attributes = attributes_from_mask(image, mask)
    return facts_of_scene("plain", None, attributes, local, box, None, find_entry(class_name))

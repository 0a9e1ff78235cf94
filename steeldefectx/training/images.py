"""Images for the towers: decoded and resized once into a memory-mapped store, varied in batches."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from steeldefectx.cache import cache_path
from steeldefectx.models.preprocessing import Preprocessing
from steeldefectx.training.data import Split, image_bytes
from steeldefectx.training.randaugment import RandAugmentation, draw_randaugment

CHUNK = 256
"""Images decoded at a time for the store."""
AT_A_TIME = 8
"""Images cropped at a time."""
MIN_CROP_AREA = 0.5
CONTRAST = 0.3
"""Contrast changes by a factor within 1 ± this, brightness by up to this times 128."""


def decode(column: Any, rows: Sequence[int] | np.ndarray, model: Preprocessing) -> torch.Tensor:
    """Decode and preprocess some cells of an undecoded image column: uint8 (N, 3, H, W)."""

    def one(row: int) -> np.ndarray:
        with Image.open(io.BytesIO(image_bytes(column[int(row)]))) as image:
            return model.to_pixels(image)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return torch.from_numpy(np.stack(list(pool.map(one, rows))))


class PixelStore:
    """The images of a split, decoded and resized once, in a memory-mapped uint8 file that is kept.

    Pixels lie channels-last, as they are decoded.

    Args:
        split: Its whole column goes into the store, so that any part of it finds the same file again.
        model: Its preprocessing resizes and crops.
    """

    def __init__(self, split: Split, model: Preprocessing):
        self.rows = split.rows
        key = "\n".join(["grey images once", model.image_processor.to_json_string(), *split.column_hashes])
        self.path = cache_path("pixels", hashlib.sha256(key.encode()).hexdigest() + ".npy")
        if not self.path.exists():
            self._write(split.column, model)
        self.array = np.load(self.path, mmap_mode="r")

    def _write(self, column: Any, model: Preprocessing) -> None:
        """Grey images have one channel, of a third of the size; with the first other image all have three."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(f".{os.getpid()}.tmp")
        if not self._written(temporary, column, model, 1):
            self._written(temporary, column, model, 3)
        temporary.rename(self.path)

    @staticmethod
    def _written(file: Path, column: Any, model: Preprocessing, channels: int) -> bool:
        """Write all images with so many channels; False once an image is not grey that should be."""
        _, height, width = model.image_shape
        shape = (len(column), height, width, channels)
        array = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
        for start in tqdm(range(0, len(column), CHUNK), "resize images", unit=f"{CHUNK} images", delay=2):
            rows = range(start, min(start + CHUNK, len(column)))
            pixels = decode(column, rows, model)
            if channels == 1 and not (pixels == pixels[:, :1]).all():
                return False
            array[rows.start : rows.stop] = pixels[:, :channels].permute(0, 2, 3, 1).numpy()
        array.flush()
        return True

    def batch(self, indices: np.ndarray) -> torch.Tensor:
        """Pixels of some of the split's images: uint8 (n, C, H, W), channels-last in memory; C is 1 if all are grey."""
        return torch.from_numpy(self.array[self.rows[indices]]).permute(0, 3, 1, 2)


@dataclass
class Variation:
    """How n images are varied, drawn apart from applying it: processes draw alike and apply their share."""

    crop: np.ndarray | None
    """(n, 3) float: side of a crop, and where it lies from left and top, all 0..1; None: no crops, no mirroring."""
    mirror: np.ndarray
    """(n, 2) bool: top to bottom, left to right."""
    light: np.ndarray
    """(n, 2) float32: factor on the contrast around mid-grey, grey levels added."""

    def part(self, chosen: slice) -> Variation:
        """That of some of the images."""
        crop = None if self.crop is None else self.crop[chosen]
        return Variation(crop, self.mirror[chosen], self.light[chosen])


AnyVariation = Variation | RandAugmentation


def draw_variation(n: int, kind: str, rng: np.random.Generator) -> AnyVariation | None:
    """Draw how n images are varied.

    Args:
        n: Number of images.
        kind: ``none``; ``photometric`` (brightness and contrast: every statement about an image stays true);
            ``geometric`` (mirrored and cropped too: only class-level statements stay true); ``randaugment`` (far
            stronger, see :mod:`.randaugment`).
        rng: Source of randomness.

    Returns:
        None for ``none``.
    """
    if kind == "none":
        return None
    if kind == "randaugment":
        return draw_randaugment(n, rng)
    light = rng.uniform(-CONTRAST, CONTRAST, (n, 2)) * [1, 128] + [1, 0]
    crop, mirror = None, np.zeros((n, 2), bool)
    if kind == "geometric":
        crop = rng.random((n, 3))
        crop[:, 0] = np.sqrt(MIN_CROP_AREA + (1 - MIN_CROP_AREA) * crop[:, 0])
        mirror = rng.random((n, 2)) < 0.5
    return Variation(crop, mirror, light.astype(np.float32))


def variation_of(kind: str, names: Sequence[str]) -> AnyVariation | None:
    """A variation of each image that nothing but its name decides, such as a hash of its content and a number."""
    seeds = [int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) for name in names]
    drawn = [draw_variation(1, kind, np.random.default_rng(seed)) for seed in seeds]
    each = [variation for variation in drawn if variation is not None]
    if not each:
        return None
    columns = {item.name: [getattr(variation, item.name) for variation in each] for item in fields(each[0])}
    joined: dict[str, Any] = {
        name: None if parts[0] is None else np.concatenate(parts) for name, parts in columns.items()
    }
    return type(each[0])(**joined)


def vary_shape(pixels: torch.Tensor, variation: AnyVariation | None) -> torch.Tensor:
    """Crop, resize back bilinearly, and mirror, a batch in one resampling.

    On the host, so that bytes go to the device.

    Args:
        pixels: uint8 (n, C, H, W), channels-last in memory.
        variation: What was drawn; None: nothing is changed.

    Returns:
        The same shape, type and layout.
    """
    if not isinstance(variation, Variation) or variation.crop is None:
        return pixels
    side, left, top = variation.crop.T
    rows = _sampled(top, side, pixels.shape[2], variation.mirror[:, 0])
    columns = _sampled(left, side, pixels.shape[3], variation.mirror[:, 1])
    varied = torch.empty_like(pixels, memory_format=torch.channels_last)
    for start in range(0, len(pixels), AT_A_TIME):
        some = slice(start, start + AT_A_TIME)
        # One axis after the other, each as rows that lie whole in memory: half the time of torch's grid_sample.
        once = _resampled(pixels[some].transpose(2, 3), columns[some])
        varied[some] = _resampled(once.transpose(2, 3), rows[some]).round_()
    return varied


def _sampled(place: np.ndarray, side: np.ndarray, size: int, mirrored: np.ndarray) -> torch.Tensor:
    """Where along an axis of ``size`` pixels the pixels of n crops are: (n, size) float32, 0..size - 1.

    Args:
        place: (n,) where a crop lies in the room that it has, 0..1.
        side: (n,) its share of the axis, 0..1.
        size: Pixels along the axis.
        mirrored: (n,) bool, from last to first.
    """
    length = np.maximum(1, np.round(side * size))
    first = np.round(place * (size - length))
    inside = (np.arange(size) + 0.5) * length[:, None] / size - 0.5
    positions = first[:, None] + inside.clip(0, length[:, None] - 1)  # beyond a crop's edge, its edge
    positions[mirrored] = positions[mirrored, ::-1]
    return torch.from_numpy(positions).float()


def _resampled(images: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Interpolate images (n, C, H, W) between their rows, at positions (n, S) in 0..H - 1: float32 (n, C, S, W)."""
    n, channels, height, width = images.shape
    rows = images.reshape(-1, width)
    above = positions.floor()
    first = torch.arange(n * channels).reshape(n, channels, 1) * height
    at = (above.long()[:, None] + first).flatten()
    beneath = (at + 1).clamp_(max=len(rows) - 1)  # of a last row the next image's first, with weight 0
    shape = (n, channels, -1, width)
    upper, lower = (rows.index_select(0, where).view(shape).float() for where in (at, beneath))
    return torch.lerp(upper, lower, (positions - above)[:, None, :, None])


def vary_light(pixels: torch.Tensor, variation: AnyVariation | None) -> torch.Tensor:
    """Change contrast and brightness, on the device that the pixels are on: float32 (n, C, H, W), 0..255.

    RandAugment moves pixels here, too.
    """
    images = pixels.float()
    if variation is None:
        return images
    if isinstance(variation, RandAugmentation):
        return variation.apply(images)
    gain, shift = torch.from_numpy(variation.light).to(images.device).T.reshape(2, -1, 1, 1, 1)
    # In place: a fresh copy of a batch of floats costs more than all the arithmetic.
    return images.mul_(gain).add_(128 * (1 - gain) + shift).clamp_(0, 255)

"""Images for the towers: decoded and resized once into a memory-mapped store, augmented in batches."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from tqdm.auto import tqdm

from steeldefectx.cache import cache_path
from steeldefectx.models.clip import Clip
from steeldefectx.training.data import Split, image_bytes

CHUNK = 256
"""Images decoded at a time for the store."""
MIN_CROP_AREA = 0.5
CONTRAST = 0.3
"""Contrast changes by a factor within 1 ± this, brightness by up to this times 128."""


def decode(column: Any, rows: Sequence[int] | np.ndarray, clip: Clip) -> torch.Tensor:
    """Decode and preprocess some cells of an undecoded image column: uint8 (N, 3, H, W)."""

    def one(row: int) -> np.ndarray:
        with Image.open(io.BytesIO(image_bytes(column[int(row)]))) as image:
            return clip.to_pixels(image)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return torch.from_numpy(np.stack(list(pool.map(one, rows))))


class PixelStore:
    """The images of a split, decoded and resized once, in a memory-mapped uint8 file that is kept.

    Args:
        split: Its whole column goes into the store, so that any part of it finds the same file again.
        clip: Its preprocessing resizes and crops.
    """

    def __init__(self, split: Split, clip: Clip):
        self.rows = split.rows
        key = hashlib.sha256("\n".join([clip.image_processor.to_json_string(), *split.column_hashes]).encode())
        self.path = cache_path("pixels", key.hexdigest() + ".npy")
        if not self.path.exists():
            self._write(split.column, clip)
        self.array = np.load(self.path, mmap_mode="r")

    def _write(self, column: Any, clip: Clip) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(f".{os.getpid()}.tmp")
        shape = (len(column), *clip.image_shape)
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for start in tqdm(range(0, len(column), CHUNK), "resize images", unit=f"{CHUNK} images", delay=2):
            rows = range(start, min(start + CHUNK, len(column)))
            array[rows.start : rows.stop] = decode(column, rows, clip).numpy()
        array.flush()
        temporary.rename(self.path)

    def batch(self, indices: np.ndarray) -> torch.Tensor:
        """Pixels of some of the split's images, uint8 (n, 3, H, W)."""
        return torch.from_numpy(self.array[self.rows[indices]])


def augment(pixels: torch.Tensor, kind: str, generator: torch.Generator) -> torch.Tensor:
    """Vary a batch of images on the device they are on.

    Args:
        pixels: (N, 3, H, W) uint8.
        kind: ``none``; ``photometric`` (brightness and contrast: every statement about an image stays true);
            ``geometric`` (mirrored and cropped too: only class-level statements stay true).
        generator: Source of randomness, on the CPU.

    Returns:
        (N, 3, H, W) float32, 0..255.
    """
    images = pixels.float()
    if kind == "none":
        return images
    if kind == "geometric":
        images = _mirror_and_crop(images, generator)
    gain, shift = (torch.rand(2, len(images), 1, 1, 1, generator=generator) * 2 - 1).to(images.device) * CONTRAST
    return ((images - 128) * (1 + gain) + 128 * (1 + shift)).clamp_(0, 255)


def _mirror_and_crop(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    n = len(images)
    side = (MIN_CROP_AREA + (1 - MIN_CROP_AREA) * torch.rand(n, generator=generator)).sqrt()
    mirror = torch.randint(0, 2, (n, 2), generator=generator) * 2 - 1
    offset = (torch.rand(n, 2, generator=generator) * 2 - 1) * (1 - side)[:, None]
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = (side[:, None] * mirror).T
    theta[:, :, 2] = offset
    grid = F.affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)

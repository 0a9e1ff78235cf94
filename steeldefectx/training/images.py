"""Images for the towers: decoded and resized once into a memory-mapped store, augmented in batches."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from tqdm.auto import tqdm

from steeldefectx.models.clip import Clip
from steeldefectx.training.cache import cache_file
from steeldefectx.training.data import image_bytes

MIN_CROP_AREA = 0.5
CONTRAST = 0.3
"""Contrast changes by a factor within 1 ± this, brightness by up to this times 128."""


class PixelStore:
    """All images of a split as one memory-mapped uint8 array (N, 3, H, W), made once and kept.

    Args:
        column: Undecoded image column, N cells.
        hashes: Their content hashes; with the preprocessing they name the file.
        clip: Its preprocessing resizes and crops.
    """

    def __init__(self, column: Any, hashes: list[str], clip: Clip):
        preprocessing = clip.image_processor.to_json_string()
        self.path = cache_file("pixels", ".npy", [preprocessing, *hashes])
        if not self.path.exists():
            self._write(column, clip)
        self.array = np.load(self.path, mmap_mode="r")

    def _write(self, column: Any, clip: Clip) -> None:
        temporary = self.path.with_suffix(f".{os.getpid()}.tmp")
        shape = (len(column), *clip.image_shape)
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)

        def fill(index: int) -> None:
            with Image.open(io.BytesIO(image_bytes(column[index]))) as image:
                array[index] = clip.to_pixels(image)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(tqdm(pool.map(fill, range(len(column))), "resize images", len(column), delay=2, unit="image"))
        array.flush()
        temporary.rename(self.path)

    def __len__(self) -> int:
        return len(self.array)

    def batch(self, indices: np.ndarray) -> torch.Tensor:
        """Pixels of some images, uint8 (n, 3, H, W)."""
        return torch.from_numpy(self.array[indices])


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

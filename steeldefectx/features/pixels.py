"""Images for the towers: decoded and resized once into a memory-mapped store, varied in batches."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from steeldefectx.data.images import deep_image, open_image
from steeldefectx.data.labelled import Split, image_bytes
from steeldefectx.models.preprocessing import Preprocessing
from steeldefectx.utils.cache import cache_path, shrink, used
from steeldefectx.utils.cores import usable_cores
from steeldefectx.utils.fingerprint import code_hash, library_versions

CODE = ("data/images.py", "data/tiff.py", "features/pixels.py", "models/preprocessing.py", "utils/grey_levels.py")
LIBRARIES = ("pillow", "transformers")
"""What stored pixels depend on beside the image processor and the files."""
LOOKED_AT = 64
"""Images that are looked at to learn of which kind those of a data set are."""
CHUNK = 256
"""Images decoded at a time for the store."""


def decode(column: Any, rows: Sequence[int] | np.ndarray, model: Preprocessing) -> torch.Tensor:
    """Decode and preprocess some cells of an undecoded image column: uint8 (N, 3, H, W)."""

    def one(row: int) -> np.ndarray:
        return model.to_pixels(open_image(io.BytesIO(image_bytes(column[int(row)]))))

    with ThreadPoolExecutor(usable_cores()) as pool:
        return torch.from_numpy(np.stack(list(pool.map(one, rows))))


def deep_images(split: Split) -> Iterator[Image.Image]:
    """Grey images of more than 8 bits among some of a split's, evenly chosen."""
    for row in np.unique(np.linspace(0, len(split.rows) - 1, LOOKED_AT).astype(int)) if len(split.rows) else []:
        image = deep_image(io.BytesIO(image_bytes(split.column[int(split.rows[row])])))
        if image is not None:
            yield image


class PixelStore:
    """The images of a split, decoded and resized once, in a memory-mapped uint8 file that is kept.

    Pixels lie channels-last, as they are decoded.

    Args:
        split: Its whole column goes into the store, so that any part of it finds the same file again.
        model: Its preprocessing resizes and crops.
    """

    def __init__(self, split: Split, model: Preprocessing):
        self.rows = split.rows
        model.learn_grey_levels(deep_images(split))
        depends_on = [code_hash(*CODE), library_versions(*LIBRARIES), model.image_processor.to_json_string()]
        key = json.dumps([*depends_on, split.column_hashes])
        self.path = cache_path("pixels", hashlib.sha256(key.encode()).hexdigest() + ".npy")
        if not self.path.exists():
            self._write(split.column, model)
            shrink()
        used(self.path)
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

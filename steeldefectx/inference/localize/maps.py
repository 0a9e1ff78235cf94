"""Maps of frames: how likely each place is something else than the surface, or what a text says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from steeldefectx.errors import ModelError
from steeldefectx.inference.localize.sound import Normal
from steeldefectx.inference.localize.tiling import CELL, StitchedMap, Tile, tile_sides, tiles
from steeldefectx.models.clip import Clip

BATCH = 32
FINER = 2.0
"""How much more a pass counts than the next coarser one: it sees edges better, and less of what is around."""
"""Tiles at a time."""
PATCH_STAGE = 3
"""Stage of the image tower whose features patches are compared by."""


class Localizer:
    """Maps of frames by a CLIP that has local features.

    Args:
        clip: Such as ``embedded``.

    Raises:
        ModelError: The model has none.
    """

    def __init__(self, clip: Clip):
        if getattr(clip.model, "dense", None) is None:
            raise ModelError(f"{clip.name} has no local features to say where anything is: take embedded.")
        self.clip = clip
        self.side = clip.image_shape[1]

    def defect_map(self, frame: Image.Image) -> np.ndarray:
        """(rows, columns) float32, 0..1, a value for each cell of a frame: whether it is not the surface's own.

        Tiles at the frame's own resolution, and coarser ones for what is larger than a tile; the passes' weighted mean.
        """
        return _mean(self._passes(frame, self._defects))

    def text_map(self, frame: Image.Image, text: str) -> np.ndarray:
        """The same for what a text says: whether a cell shows it."""
        with torch.inference_mode():
            query = self.clip.encode_texts(self.clip.tokenize([text]))

        def of_tiles(pixels: torch.Tensor) -> torch.Tensor:
            found = self.clip.model.get_dense_features(self.clip.normalize(pixels))
            return self.clip.model.text_maps(found.local, query.expand(len(pixels), -1)).sigmoid()

        return _mean(self._passes(frame, of_tiles))

    def unlikeness_map(self, frame: Image.Image, normal: Normal) -> np.ndarray:
        """The same for how unlike all that is normal a cell is; 0.5 at its limit, which holds for each pass alone."""

        def of_tiles(pixels: torch.Tensor) -> torch.Tensor:
            return normal.unlikeness(self.patches(pixels))

        return np.maximum.reduce(self._passes(frame, of_tiles))

    def patches(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, h, w, C) unit-length features of tiles (N, 1, side, side): of 3 x 3 neighborhoods, as PatchCore's."""
        model = self.clip.model
        grey = model.standardized(self.clip.normalize(pixels))
        stage = model.vision_model(grey, output_hidden_states=True).hidden_states[PATCH_STAGE]
        return F.normalize(F.avg_pool2d(stage, 3, 1, 1), dim=1).permute(0, 2, 3, 1)

    def tiles_of(self, frame: Image.Image) -> Iterator[torch.Tensor]:
        """(N, 1, side, side) of 0..255: the tiles of all passes, some at a time."""
        grey = np.asarray(self.clip.to_rgb(frame).convert("L"))
        for side in tile_sides(frame.size, self.side):
            for some in _batched(tiles(frame.size, side)):
                yield self._pixels(grey, some)

    def grey_cells(self, frame: Image.Image) -> np.ndarray:
        """(rows, columns) uint8: mean grey levels of a frame's cells."""
        return np.asarray(self.clip.to_rgb(frame).convert("L").reduce(CELL))

    def _defects(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.clip.model.get_defect_maps(self.clip.normalize(pixels)).sigmoid()

    def _passes(self, frame: Image.Image, of_tiles: Callable[[torch.Tensor], torch.Tensor]) -> list[np.ndarray]:
        """The map of each pass, the finest first."""
        grey, passes = np.asarray(self.clip.to_rgb(frame).convert("L")), []
        for side in tile_sides(frame.size, self.side):
            whole = StitchedMap(frame.size)
            for some in _batched(tiles(frame.size, side)):
                with torch.inference_mode():
                    maps = of_tiles(self._pixels(grey, some)).numpy()
                for tile, values in zip(some, maps, strict=True):
                    whole.add(tile, values)
            passes.append(whole.values())
        return passes

    def _pixels(self, grey: np.ndarray, some: Sequence[Tile]) -> torch.Tensor:
        """(N, 1, side, side) of 0..255: tiles at the model's size."""
        parts = [grey[tile.top : tile.top + tile.side, tile.left : tile.left + tile.side] for tile in some]
        stacked = torch.from_numpy(np.stack(parts))[:, None].float()
        if stacked.shape[-1] == self.side:
            return stacked
        return F.interpolate(stacked, size=(self.side, self.side), mode="bilinear", antialias=True)


def _mean(passes: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of maps, the finer ones counting more."""
    weights = FINER ** -np.arange(len(passes), dtype=np.float32)
    total = np.zeros_like(passes[0])
    for weight, values in zip(weights / weights.sum(), passes, strict=True):
        total += weight * values
    return total


def _batched(some: Sequence[Tile]) -> Iterator[list[Tile]]:
    waiting = iter(some)
    while batch := list(islice(waiting, BATCH)):
        yield batch

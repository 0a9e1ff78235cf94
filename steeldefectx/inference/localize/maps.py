"""Maps of frames: how likely each place is something else than the surface, or what a text says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from PIL import Image
from scipy.special import expit
from torch.nn import functional as F

from steeldefectx.errors import ModelError
from steeldefectx.inference.localize.sound import Normal
from steeldefectx.inference.localize.tiling import CELL, WHOLE, StitchedMap, Tile, tile_sides, tiles
from steeldefectx.language.scene_words import SOUND
from steeldefectx.models.clip import Clip
from steeldefectx.models.steel_clip import DenseFeatures

BATCH = 16
"""Tiles at a time, of what a model takes; of larger ones fewer."""
WINDOW = 2
"""Tiles of a frame that is too large for one are so many times what a model takes: more of what is around is seen, and
fewer seams."""
FINER = 2.0
"""How much more a pass counts than the next coarser one: it sees edges better, and less of what is around."""
PATCH_STAGES = (2, 3)
"""Stages of the image tower whose features patches are compared by."""
SHOWN = 0.01
"""Share of a tile's cells, the highest ones, that say whether it is sound."""
OF_MAP, OF_SOUND, BIAS = 0.185, 15.21, 3.55
"""Log-odds of a defect in a tile, from the log-odds of its map and the cosine with texts of sound metal: logistic
regression on rendered scenes, ``benchmarks/defect_score.py``."""


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
        clip.model.to(memory_format=torch.channels_last)
        self.side = clip.image_shape[1]
        texts = [text.format(surface="metal", bare="metal", metal="metal") for text in SOUND]
        with torch.inference_mode():
            self._sound = clip.embed_texts(clip.encode_texts(clip.tokenize(texts))).mean(0)

    def defect_map(self, frame: Image.Image) -> tuple[np.ndarray, float]:
        """Where a frame is not the surface's own, and whether anywhere.

        Tiles at the frame's own resolution, and coarser ones for what is larger than a tile; the passes' weighted mean.

        Returns:
            (rows, columns) float32, 0..1, a value for each cell; and the probability that its most suspicious tile
            shows a defect.
        """
        most = [-np.inf]

        def of_tiles(pixels: torch.Tensor) -> torch.Tensor:
            found = self.clip.model.get_dense_features(self.clip.normalize(pixels), marked=True)
            of_map, of_sound = self.signs(found).T
            most[0] = max(most[0], float((OF_MAP * of_map - OF_SOUND * of_sound + BIAS).max()))
            return found.marked.sigmoid()

        passes = self._passes(frame, of_tiles)
        return _mean(passes), float(expit(most[0]))

    def signs(self, found: DenseFeatures) -> torch.Tensor:
        """(N, 2) of N tiles: log-odds of a defect where their maps are highest, and cosines with texts of sound metal.

        The map knows what stands out, the texts what may stand out on sound metal.
        """
        shares = found.defect.flatten(1).sigmoid()
        highest = shares.topk(max(1, round(SHOWN * shares.shape[1])), 1).values.mean(1)
        return torch.stack([torch.logit(highest, eps=1e-6), F.normalize(found.image, dim=1) @ self._sound], 1)

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
        """(N, h, w, C) unit-length features of tiles (N, 1, side, side).

        As PatchCore's: of 3 x 3 neighborhoods in two stages, the finer one brought to the coarser one's resolution.
        """
        model = self.clip.model
        grey = model.standardized(self.clip.normalize(pixels))
        stages = model.vision_model(grey, output_hidden_states=True).hidden_states
        around = [F.avg_pool2d(stages[number], 3, 1, 1) for number in PATCH_STAGES]
        height, width = around[-1].shape[-2:]
        alike = [F.normalize(F.adaptive_avg_pool2d(some, (height, width)), dim=1) for some in around]
        return F.normalize(torch.cat(alike, 1), dim=1).permute(0, 2, 3, 1)

    def tiles_of(self, frame: Image.Image) -> Iterator[torch.Tensor]:
        """(N, 1, side, side) of 0..255: the tiles of all passes, some at a time."""
        grey, seen = np.asarray(self.clip.to_rgb(frame).convert("L")), self._seen(frame)
        for side in tile_sides(frame.size, seen):
            for some in self._batched(tiles(frame.size, side), seen):
                yield _pixels(grey, some, seen)

    def grey_cells(self, frame: Image.Image, coarser: int = 1) -> np.ndarray:
        """(rows, columns) uint8: mean grey levels of a frame's cells, or of so many a side together."""
        return np.asarray(self.clip.to_rgb(frame).convert("L").reduce(CELL * coarser))

    def _seen(self, frame: Image.Image) -> int:
        """Pixels a side that tiles of a frame are brought to."""
        return self.side if min(frame.size) <= WHOLE * self.side else WINDOW * self.side

    def _passes(self, frame: Image.Image, of_tiles: Callable[[torch.Tensor], torch.Tensor]) -> list[np.ndarray]:
        """The map of each pass, the finest first."""
        grey, seen, passes = np.asarray(self.clip.to_rgb(frame).convert("L")), self._seen(frame), []
        for side in tile_sides(frame.size, seen):
            whole = StitchedMap(frame.size)
            for some in self._batched(tiles(frame.size, side), seen):
                with torch.inference_mode():
                    maps = of_tiles(_pixels(grey, some, seen)).numpy()
                for tile, values in zip(some, maps, strict=True):
                    whole.add(tile, values)
            passes.append(whole.values())
        return passes

    def _batched(self, some: Sequence[Tile], seen: int) -> Iterator[list[Tile]]:
        waiting, count = iter(some), max(1, BATCH * self.side**2 // seen**2)
        while batch := list(islice(waiting, count)):
            yield batch


def _pixels(grey: np.ndarray, some: Sequence[Tile], side: int) -> torch.Tensor:
    """(N, 1, side, side) of 0..255: tiles of a frame (H, W) at another size."""
    parts = [grey[tile.top : tile.top + tile.side, tile.left : tile.left + tile.side] for tile in some]
    stacked = torch.from_numpy(np.stack(parts))[:, None].float()
    if stacked.shape[-1] == side:
        return stacked
    return F.interpolate(stacked, size=(side, side), mode="bilinear", antialias=True)


def _mean(passes: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of maps, the finer ones counting more."""
    weights = FINER ** -np.arange(len(passes), dtype=np.float32)
    total = np.zeros_like(passes[0])
    for weight, values in zip(weights / weights.sum(), passes, strict=True):
        total += weight * values
    return total

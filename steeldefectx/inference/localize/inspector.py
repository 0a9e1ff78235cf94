"""Whether a frame is sound, and where and what its defects are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from steeldefectx.data.images import check_levels, check_size, open_image
from steeldefectx.inference.localize.maps import BATCH, Localizer
from steeldefectx.inference.localize.regions import Region, described, find_regions, full_mask
from steeldefectx.inference.localize.sound import Normal, compare, remember
from steeldefectx.inference.localize.tiling import CELL, enlarged
from steeldefectx.language.class_sentences import class_sentences
from steeldefectx.models.clip import class_embeddings, load_clip
from steeldefectx.models.names import EMBEDDED
from steeldefectx.taxonomy import CLASS_NAMES

Frame = str | Path | Image.Image
MARKED, SURE = 0.3, 0.5
"""Value of the map from which a place is marked, and mean of it from which what is marked counts as a region."""
LIMIT = 0.5
"""Both, where what is normal is known: what sound frames do not exceed."""
KNOWN = 0.5
"""Probability from which a region's class counts as known."""
AROUND = 1.5
"""A region's class is told from a square of so many times its longer side."""
SHOWN, SHOWN_TEXT = 0.02, 0.002
"""Shares of the cells, the highest ones, that a frame is scored by: of distances from what is normal, and of what a
text says."""
DESCRIBED = 2**19
"""Cells of a frame at which regions are described: of a larger one at the nearest coarser resolution, for words say
places and sizes as shares of the frame."""
PATCHES_OF_A_FRAME = 400
"""At random, that say what is normal."""


@dataclass(frozen=True)
class Inspection:
    """What was found in a frame."""

    score: float
    """0..1: how likely anything in the frame is not the surface's own: of a single tile calibrated on rendered scenes.
    Where what is normal is known, 0.5 is the limit of sound frames; with a text, how likely it is to be seen."""
    regions: list[Region]
    """The highest score first."""
    size: tuple[int, int]
    """Width and height of the frame, pixels."""
    cells: np.ndarray
    """(rows, columns) float32, 0..1, a value for each cell of 2 x 2 pixels."""
    threshold: float
    """Value from which a place is marked, if what is marked counts as a region."""

    @property
    def sound(self) -> bool:
        """Whether nothing is marked."""
        return not self.regions

    @property
    def heatmap(self) -> np.ndarray:
        """(H, W) float32, 0..1, of the frame's own size."""
        return np.concatenate([some for _, some in enlarged(self.cells, self.size)])

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, of the frame's own size: what is marked."""
        within = np.zeros(self.cells.shape, bool)
        for region in self.regions:
            within[region.place] |= region.own
        return full_mask(np.where(within, self.cells, 0), self.size, self.threshold)


class SteelDefectInspector:
    """Says of frames of any size whether they are sound, and of their defects where they are and what they look like.

    >>> inspector = SteelDefectInspector.from_pretrained("embedded")    # doctest: +SKIP
    >>> found = inspector("strip.png")                                  # doctest: +SKIP
    >>> found.score, [(region.box, region.label) for region in found.regions]  # doctest: +SKIP
    >>> inspector("strip.png", text="dark spots").mask                  # doctest: +SKIP

    Args:
        localizer: Makes maps of frames.
        classes: Names of the classes that regions are told apart by, each with its texts.
        normal: What frames are held against, see :meth:`fit_sound` and :meth:`fit_batch`.
    """

    def __init__(self, localizer: Localizer, classes: Mapping[str, Sequence[str]], normal: Normal | None = None):
        self.localizer = localizer
        self.classes = {name: list(texts) for name, texts in classes.items()}
        self.normal = normal
        self._class_embeddings = self._embed(self.classes) if self.classes else None

    @classmethod
    def from_pretrained(
        cls, name: str = EMBEDDED, classes: Mapping[str, Sequence[str]] | Iterable[str] | None = None
    ) -> SteelDefectInspector:
        """Load a CLIP with local features.

        Args:
            name: ``embedded``, or the folder or Hub id of another such model.
            classes: Names of classes, which are described as the 25 and the lexicon do, or names with texts; the 25 by
                default.

        Raises:
            ModelError: No model that can be loaded, or one without local features.
        """
        names = CLASS_NAMES if classes is None else classes
        texts = names if isinstance(names, Mapping) else {name: class_sentences(name) for name in names}
        return cls(Localizer(load_clip(name)), texts)

    def fit_sound(self, frames: Iterable[Frame], target_fpr: float = 0.02) -> SteelDefectInspector:
        """An inspector that knows what sound frames of a plant look like; no defect is needed.

        Args:
            frames: Sound ones, 4 or more; some dozens are better.
            target_fpr: Share of sound frames that may count as defective, 0..1.

        Raises:
            DataError: A frame that cannot be read.
            ConfigError: Too few frames, or a rate that is no share.
        """
        return SteelDefectInspector(self.localizer, self.classes, remember(self._patches_of(frames), target_fpr))

    def fit_batch(self, frames: Iterable[Frame], target_fpr: float = 0.02) -> SteelDefectInspector:
        """An inspector that holds frames against what most of a folder's have alike, sound or not.

        Args:
            frames: 4 or more, most of them sound, or with defects that differ in kind or place.
            target_fpr: Share of sound frames that may count as defective, 0..1.

        Raises:
            DataError: A frame that cannot be read.
            ConfigError: Too few frames, or a rate that is no share.
        """
        return SteelDefectInspector(self.localizer, self.classes, compare(self._patches_of(frames), target_fpr))

    def __call__(self, images: Frame | Iterable[Frame], text: str | None = None) -> Inspection | list[Inspection]:
        """Inspect a frame, or a list of them.

        Args:
            images: Paths or Pillow images.
            text: What is looked for, such as ``"dark spots"``; anything that is not the surface's own by default.

        Raises:
            DataError: A frame that cannot be read.
        """
        if isinstance(images, Frame):
            return self.inspect(_opened(images), text)
        return list(self.inspect_each(images, text))

    def inspect_each(self, images: Iterable[Frame], text: str | None = None) -> Iterator[Inspection]:
        """Inspect frames one after the other; memory does not grow with their number."""
        for image in images:
            yield self.inspect(_opened(image), text)

    def inspect(self, frame: Image.Image, text: str | None = None) -> Inspection:
        """Inspect a frame."""
        threshold, sure = MARKED, SURE
        if text is not None:
            cells = self.localizer.text_map(frame, text)
            score = frame_score(cells, SHOWN_TEXT)
        elif self.normal is not None:
            cells = self.localizer.unlikeness_map(frame, self.normal)
            score, threshold, sure = frame_score(cells, SHOWN), LIMIT, LIMIT
        else:
            cells, score = self.localizer.defect_map(frame)
        coarser = max(1, math.isqrt(cells.size // DESCRIBED))
        grey = self.localizer.grey_cells(frame, coarser)
        found = self._named(frame, find_regions(cells, frame.size, threshold, sure))
        regions = [described(region, grey, coarser) for region in found]
        return Inspection(score, regions, frame.size, cells, threshold)

    def _named(self, frame: Image.Image, regions: list[Region]) -> list[Region]:
        """Regions with their class, of those that are told apart with more than a half of the probability."""
        if self._class_embeddings is None:
            return regions
        clip, names, named = self.localizer.clip, list(self.classes), []
        for start in range(0, len(regions), BATCH):
            some = regions[start : start + BATCH]
            pixels = np.stack([clip.to_pixels(frame.crop(_around(region.box, frame.size))) for region in some])
            with torch.inference_mode():
                logits = clip.logits(clip.encode_images(torch.from_numpy(pixels)), self._class_embeddings)
            highest = logits.softmax(1).max(1)
            for region, p, best in zip(some, highest.values.tolist(), highest.indices.tolist(), strict=True):
                named.append(replace(region, label=names[best] if p >= KNOWN else None, probability=p))
        return named

    @torch.inference_mode()
    def _embed(self, classes: Mapping[str, Sequence[str]]) -> torch.Tensor:
        clip = self.localizer.clip
        texts = [text for of_class in classes.values() for text in of_class]
        embedded = clip.embed_texts(clip.encode_texts(clip.tokenize(texts)))
        return class_embeddings(embedded, [len(of_class) for of_class in classes.values()])

    @torch.inference_mode()
    def _patches_of(self, frames: Iterable[Frame]) -> list[torch.Tensor]:
        """(N, C) of each frame: some of its patches, at random."""
        rng, found = np.random.default_rng(0), []
        for frame in frames:
            tiles = self.localizer.tiles_of(_opened(frame))
            patches = torch.cat([self.localizer.patches(some).flatten(0, 2) for some in tiles])
            found.append(patches[torch.from_numpy(rng.permutation(len(patches))[:PATCHES_OF_A_FRAME])])
        return found


def frame_score(cells: np.ndarray, shown: float) -> float:
    """0..1 of a map (rows, columns): the mean over its highest cells, so that one cell alone does not decide."""
    count = max(1, round(shown * cells.size))
    return float(np.partition(cells.ravel(), cells.size - count)[cells.size - count :].mean())


def _around(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square around a box, within the frame as far as there is room."""
    left, top, right, bottom = box
    side = min(round(AROUND * max(right - left, bottom - top, 32 * CELL)), *size)
    starts = (
        max(0, min((low + high - side) // 2, length - side))
        for low, high, length in ((left, right, size[0]), (top, bottom, size[1]))
    )
    x, y = starts
    return x, y, x + side, y + side


def _opened(frame: Frame) -> Image.Image:
    if isinstance(frame, Image.Image):
        check_size(frame)
        check_levels(frame)
        return frame
    return open_image(frame)

"""How images are varied in training: crops, mirroring and light, drawn apart from being applied."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from steeldefectx.features.randaugment import RandAugmentation, draw_randaugment

AT_A_TIME = 8
"""Images cropped at a time."""
MIN_CROP_AREA = 0.5
CONTRAST = 0.3
"""Contrast changes by a factor within 1 ± this, brightness by up to this times 128."""


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

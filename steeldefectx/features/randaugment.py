"""RandAugment for steel: every image is varied by two operations drawn at random, all in a few tensor operations.

Cubuk et al. 2020, with operations that leave a defect what it is (no inversion, no colours), strengths drawn evenly
up to the largest as in TrivialAugment (Müller & Hutter 2021), and a crop and mirroring before them. All that moves
pixels is one matrix an image and one resampling; all that changes grey levels is arithmetic on the whole batch.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch.nn import functional as F

OPERATIONS = (
    "identity",
    "brightness",
    "contrast",
    "gamma",
    "sharpness",
    "rotate",
    "shear-x",
    "shear-y",
    "shift-x",
    "shift-y",
    "erase",
)
COUNT = 2
"""Operations an image."""
LEAST_AREA = 0.5
"""Of the crop."""
BRIGHTNESS = 48.0
"""Grey levels."""
CONTRAST, GAMMA = 0.5, 0.5
"""Factor and exponent lie within exp(± this)."""
SHARPNESS = 1.0
"""From blurred (-1) to as much sharper."""
ROTATION = 20.0
"""Degrees."""
SHEAR, SHIFT = 0.2, 0.2
"""Shift: of the image's side."""
ERASED_SIDE = 0.4
"""Largest side of the erased rectangle, of the image's."""


@dataclass
class RandAugmentation:
    """How n images are varied, drawn apart from applying it: processes draw alike and apply their share."""

    matrix: np.ndarray
    """(n, 2, 3) float32: places in the result to places in the image, both -1..1."""
    tone: np.ndarray
    """(n, 3) float32: contrast around mid-grey, grey levels added, gamma."""
    sharpness: np.ndarray
    """(n,) float32: 0 leaves it, below blurs, above sharpens."""
    erased: np.ndarray
    """(n, 4) float32: left, top, right, bottom of what is replaced by the image's mean, 0..1."""

    def part(self, chosen: slice) -> RandAugmentation:
        """That of some of the images."""
        return RandAugmentation(*(getattr(self, item.name)[chosen] for item in fields(self)))

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """Vary images float32 (n, C, H, W), 0..255, on the device they are on."""
        images = _moved(images, torch.from_numpy(self.matrix).to(images.device))
        _sharpen(images, self.sharpness)
        _change_tone(images, self.tone)
        return _erase(images, self.erased)


def draw_randaugment(n: int, rng: np.random.Generator) -> RandAugmentation:
    """Draw how n images are varied."""
    chosen, strength = rng.integers(len(OPERATIONS), size=(COUNT, n)), rng.uniform(-1, 1, (COUNT, n))
    # An operation drawn twice adds up.
    amount = {name: (strength * (chosen == number)).sum(0) for number, name in enumerate(OPERATIONS)}
    angle = np.radians(ROTATION) * amount["rotate"]
    zero, one = np.zeros(n), np.ones(n)
    rotation = _matrices([[np.cos(angle), np.sin(angle), zero], [-np.sin(angle), np.cos(angle), zero]])
    shear = _matrices([[one, SHEAR * amount["shear-x"], zero], [SHEAR * amount["shear-y"], one, zero]])
    side = np.sqrt(rng.uniform(LEAST_AREA, 1, n))
    x, y = rng.uniform(-1, 1, (2, n)) * (1 - side) + 2 * SHIFT * np.stack([amount["shift-x"], amount["shift-y"]])
    mirror = rng.choice([-1, 1], (2, n))
    crop = _matrices([[side * mirror[0], zero, x], [zero, side * mirror[1], y]])
    matrix = (rotation @ shear @ crop)[:, :2]
    tone = [np.exp(CONTRAST * amount["contrast"]), BRIGHTNESS * amount["brightness"], np.exp(GAMMA * amount["gamma"])]
    width, height = ERASED_SIDE * rng.uniform(0.25, 1, (2, n)) * (amount["erase"] != 0)
    left, top = rng.uniform(0, 1, (2, n)) * (1 - np.stack([width, height]))
    return RandAugmentation(
        matrix.astype(np.float32),
        np.stack(tone, 1).astype(np.float32),
        (SHARPNESS * amount["sharpness"]).astype(np.float32),
        np.stack([left, top, left + width, top + height], 1).astype(np.float32),
    )


def _matrices(rows: list[list[np.ndarray]]) -> np.ndarray:
    """(n, 3, 3) affine matrices from their first two rows, entry by entry."""
    n = len(rows[0][0])
    last = np.broadcast_to([[[0.0, 0.0, 1.0]]], (n, 1, 3))
    return np.concatenate([np.moveaxis(np.array(rows), -1, 0), last], axis=1)


def _moved(images: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Resample; what lies outside an image is its reflection."""
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return moved.contiguous(memory_format=torch.channels_last)


def _sharpen(images: torch.Tensor, sharpness: np.ndarray) -> None:
    """In place: the difference from a 3x3 mean is added, or taken away."""
    chosen = np.flatnonzero(sharpness)
    if not len(chosen):
        return
    rows = torch.from_numpy(chosen).to(images.device)
    some, by = images[rows], torch.from_numpy(sharpness[chosen]).to(images.device).view(-1, 1, 1, 1)
    blurred = F.avg_pool2d(some, 3, stride=1, padding=1, count_include_pad=False)
    images[rows] = some + by * (some - blurred)


def _change_tone(images: torch.Tensor, tone: np.ndarray) -> None:
    """In place: ``((gain (x - 128) + 128 + shift) / 255) ** gamma * 255``, kept within 0..255."""
    gain, shift, gamma = torch.from_numpy(tone).to(images.device).T.reshape(3, -1, 1, 1, 1)
    images.mul_(gain).add_(128 * (1 - gain) + shift).clamp_(0, 255)
    curved = np.flatnonzero(tone[:, 2] != 1)
    if len(curved):
        rows = torch.from_numpy(curved).to(images.device)
        images[rows] = images[rows].div_(255).pow_(gamma[rows]).mul_(255)


def _erase(images: torch.Tensor, erased: np.ndarray) -> torch.Tensor:
    """Rectangles in the image's own mean grey (Zhong et al. 2020)."""
    height, width = images.shape[-2:]
    box = np.round(erased * [width, height, width, height]).astype(int)
    for n in np.flatnonzero((box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1])).tolist():
        left, top, right, bottom = box[n].tolist()
        images[n, :, top:bottom, left:right] = images[n].mean(dim=(1, 2))[:, None, None]
    return images

"""Where in an image anything is that is not the surface's own: a decoder on the stages of the image tower.

A U-Net (Ronneberger et al. 2015) whose way down is the tower, with a fine path of its own for thin lines. What
is normal differs from surface to surface, so that features come twice: as they are, and by how far they are from those
of the same image (instance normalization, Ulyanov et al. 2016); and each patch is compared with all the others of its
image, as one that has few like it is unusual (Li et al. 2024, there between images).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

STRIDE = 2
"""Pixels a side of a cell of the map."""
FINE = 8
"""Channels of the fine path at half the image's side; twice as many at a quarter."""
COMPARED = 2
"""Stage, from 1, whose patches are compared with each other."""
ALIKE = (1, 8, 32)
"""The so many most alike patches of an image say how usual one is."""


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A convolution with its batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class DefectLocalizer(nn.Module):
    """From an image and its tower's feature maps to logits of a defect, for each cell of 2 x 2 pixels.

    Args:
        stages: Channels of the tower's stages.
        width: Channels at the tower's finest stage; deeper ones have 1.5, 2 and 2.5 times as many.
    """

    def __init__(self, stages: Sequence[int], width: int):
        super().__init__()
        wide = [width * (2 + depth) // 2 for depth in range(len(stages))]
        self.fine = nn.Sequential(_convolution(1, FINE, 2), _convolution(FINE, FINE))
        self.medium = nn.Sequential(_convolution(FINE, 2 * FINE, 2), _convolution(2 * FINE, 2 * FINE))
        self.lateral = nn.ModuleList(
            nn.Conv2d(2 * size + (len(ALIKE) + 1) * (stage == COMPARED), own, 1)
            for stage, (size, own) in enumerate(zip(stages, wide, strict=True), start=1)
        )
        self.up = nn.ModuleList(_convolution(low + high, low) for low, high in pairwise(wide))
        self.fuse = nn.Sequential(_convolution(width + 2 * FINE, width), nn.Conv2d(width, width // 2, 1))
        self.read = nn.Sequential(_convolution(width // 2 + FINE, width // 2), _convolution(width // 2, width // 2))
        self.defect = nn.Conv2d(width // 2, 1, 1)

    def forward(self, grey: torch.Tensor, stages: Sequence[torch.Tensor]) -> torch.Tensor:
        """Standardized images (N, 1, H, W) and the tower's feature maps, fine to coarse, to (N, H / 2, W / 2)."""
        maps = []
        for number, (stage, lateral) in enumerate(zip(stages, self.lateral, strict=True), start=1):
            both = [stage, F.instance_norm(stage)]
            maps.append(lateral(torch.cat([*both, *([usualness(stage)] if number == COMPARED else [])], dim=1)))
        coarse = maps.pop()
        for finer, merge in zip(reversed(maps), reversed(self.up), strict=True):
            coarse = merge(torch.cat([finer, _enlarged(coarse, finer)], dim=1))
        fine = self.fine(grey)
        medium = self.medium(fine)
        fused = self.fuse(torch.cat([_enlarged(coarse, medium), medium], dim=1))
        logits: torch.Tensor = self.defect(self.read(torch.cat([_enlarged(fused, fine), fine], dim=1)))
        return logits[:, 0]


def _enlarged(coarse: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    if coarse.shape[-2:] == like.shape[-2:]:
        return coarse
    return F.interpolate(coarse, size=like.shape[-2:], mode="bilinear")


def usualness(features: torch.Tensor) -> torch.Tensor:
    """How like its image's other patches each is: cosines with the most alike ones, and their mean over all.

    Args:
        features: (N, C, h, w).

    Returns:
        (N, len(ALIKE) + 1, h, w).
    """
    unit = F.normalize(features.flatten(2), dim=1)
    alike = unit.transpose(1, 2) @ unit
    ranks = [min(rank, alike.shape[-1] - 1) for rank in ALIKE]  # the most alike one of all is the patch itself
    best = alike.topk(max(ranks) + 1, dim=-1).values[..., ranks]
    compared = torch.cat([best, alike.mean(-1, keepdim=True)], dim=-1)
    return compared.transpose(1, 2).unflatten(2, features.shape[-2:])

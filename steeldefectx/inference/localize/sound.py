"""What a plant's own sound surface looks like: patches of it that are remembered, and how unlike others may be.

The nearest remembered patch says how unusual a patch is (PatchCore, Roth et al. 2022, with patches at random in place
of its coreset). From which distance on a frame counts as defective follows from sound frames alone, each held against
the patches of others, and from the rate of false alarms that is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from steeldefectx.errors import ConfigError

PATCHES = 10_000
"""Remembered in all."""
LEAST_FRAMES = 4
"""Sound frames that a memory is made of at least."""
FOLDS = 4
"""Parts that the frames are split into: each is held against the patches of the others."""


@dataclass(frozen=True)
class SoundMemory:
    """Patches of sound frames."""

    patches: torch.Tensor
    """(P, C) unit length."""
    limit: float
    """Distance from which a frame counts as defective, 0..2."""
    spread: float
    """Of the distances of sound frames, > 0."""
    target_fpr: float
    """Share of sound frames beyond the limit that was wanted."""

    def distances(self, patches: torch.Tensor) -> torch.Tensor:
        """Of patches (..., C) to the nearest one that is remembered, 0..2."""
        nearest = (patches.flatten(0, -2) @ self.patches.T).amax(1)
        return (1 - nearest).reshape(patches.shape[:-1])

    def unlikeness(self, patches: torch.Tensor) -> torch.Tensor:
        """The distances of patches (..., C) as 0..1, with 0.5 at the limit."""
        return torch.sigmoid((self.distances(patches) - self.limit) / self.spread)


def remember(frames: Sequence[torch.Tensor], target_fpr: float) -> SoundMemory:
    """A memory of sound frames.

    Args:
        frames: Of each frame some of its patches (N, C), unit length, at random.
        target_fpr: Share of sound frames that may count as defective, 0..1.

    Raises:
        ConfigError: Fewer than :data:`LEAST_FRAMES` frames, or a rate that is no share.
    """
    if len(frames) < LEAST_FRAMES:
        raise ConfigError(f"A memory of sound frames takes {LEAST_FRAMES} or more, not {len(frames)}.")
    if not 0 < target_fpr < 1:
        raise ConfigError(f"--target-fpr is a share of sound frames above 0 and below 1, not {target_fpr}.")
    farthest = []
    for fold in range(FOLDS):
        others = _some([patches for n, patches in enumerate(frames) if n % FOLDS != fold])
        memory = SoundMemory(others, 0.0, 1.0, target_fpr)
        farthest += [memory.distances(patches).max().item() for patches in frames[fold::FOLDS]]
    values = np.array(farthest)
    spread = max(float(values.std()), 1e-4)
    return SoundMemory(_some(frames), float(np.quantile(values, 1 - target_fpr, method="higher")), spread, target_fpr)


def _some(frames: Sequence[torch.Tensor]) -> torch.Tensor:
    patches = torch.cat(list(frames))
    generator = torch.Generator().manual_seed(0)
    return patches[torch.randperm(len(patches), generator=generator)[:PATCHES]]

"""What is normal: patches of sound frames that are remembered, or what most frames of a folder have alike.

The nearest remembered patch says how unusual a patch is (PatchCore, Roth et al. 2022, with patches at random in place
of its coreset). From which distance on a frame counts as defective follows from sound frames alone, each held against
the patches of others, and from the rate of false alarms that is wanted. Where nobody knows which frames are sound, each
is held against all others, and what most of them have is normal (mutual scoring, MuSc, Li et al. 2024).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch

from steeldefectx.errors import ConfigError

PATCHES = 10_000
"""Remembered in all."""
LEAST_FRAMES = 4
"""Sound frames that a memory is made of at least."""
FOLDS = 4
"""Parts that the frames are split into: each is held against the patches of the others."""


REFERENCES = 64
"""Frames that each is held against, where none is known to be sound, at random."""
LEAST_SPREAD = 1e-4
"""Of distances: frames that are all alike have none."""
ALIKE = 0.3
"""Share of them, the most alike ones, that a patch is scored by (MuSc, section 3.2)."""
MAD_TO_STD = 1.4826
"""Standard deviation of normal numbers over the median of their distances from the median."""


@dataclass(frozen=True)
class Normal(ABC):
    """What patches are held against."""

    patches: torch.Tensor
    """Unit length, see the kinds of it."""
    limit: float
    """Distance from which a frame counts as defective, 0..2."""
    spread: float
    """Of the distances of sound frames, > 0."""

    @abstractmethod
    def distances(self, patches: torch.Tensor) -> torch.Tensor:
        """(...) of patches (..., C), 0..2."""

    def unlikeness(self, patches: torch.Tensor) -> torch.Tensor:
        """The distances of patches (..., C) as 0..1, with 0.5 at the limit."""
        return torch.sigmoid((self.distances(patches) - self.limit) / self.spread)


class SoundMemory(Normal):
    """Patches (P, C) of sound frames."""

    def distances(self, patches: torch.Tensor) -> torch.Tensor:
        """Of patches (..., C) to the nearest one that is remembered, 0..2."""
        nearest = (patches.flatten(0, -2) @ self.patches.T).amax(1)
        return (1 - nearest).reshape(patches.shape[:-1])


class MutualReference(Normal):
    """Patches (F, R, C) of frames of which most show what is normal: of F frames R each."""

    def distances(self, patches: torch.Tensor) -> torch.Tensor:
        """Of patches (..., C): the mean distance to the frames that have the most alike patches, 0..2.

        The very nearest frame does not count: it may be the patches' own.
        """
        flat = patches.flatten(0, -2)
        nearest = torch.stack([(flat @ of_frame.T).amax(1) for of_frame in self.patches], 1)
        counted = 1 + max(1, round(ALIKE * (len(self.patches) - 1)))
        return (1 - nearest.topk(counted, 1).values[:, 1:].mean(1)).reshape(patches.shape[:-1])


def compare(frames: Sequence[torch.Tensor], target_fpr: float) -> MutualReference:
    """A reference of frames of which most are sound, nobody knows which.

    The limit is where that share of normal numbers ends whose median, and median distance from it, are those of the
    frames' highest distances: some defective frames do not move it.

    Args:
        frames: Of each frame as many of its patches (R, C), unit length, at random.
        target_fpr: Share of sound frames that may count as defective, 0..1.

    Raises:
        ConfigError: Fewer than :data:`LEAST_FRAMES` frames, or a rate that is no share.
    """
    _check(frames, target_fpr)
    fewest = min(len(patches) for patches in frames)
    order = np.random.default_rng(0).permutation(len(frames))[:REFERENCES]
    reference = MutualReference(torch.stack([frames[n][:fewest] for n in order]), 0.0, 1.0)
    values = np.array([reference.distances(patches).max().item() for patches in frames])
    middle = float(np.median(values))
    spread = max(MAD_TO_STD * float(np.median(abs(values - middle))), LEAST_SPREAD)
    return MutualReference(reference.patches, middle + NormalDist().inv_cdf(1 - target_fpr) * spread, spread)


def remember(frames: Sequence[torch.Tensor], target_fpr: float) -> SoundMemory:
    """A memory of sound frames.

    Args:
        frames: Of each frame some of its patches (N, C), unit length, at random.
        target_fpr: Share of sound frames that may count as defective, 0..1.

    Raises:
        ConfigError: Fewer than :data:`LEAST_FRAMES` frames, or a rate that is no share.
    """
    _check(frames, target_fpr)
    farthest = []
    for fold in range(FOLDS):
        others = _some([patches for n, patches in enumerate(frames) if n % FOLDS != fold])
        memory = SoundMemory(others, 0.0, 1.0)
        farthest += [memory.distances(patches).max().item() for patches in frames[fold::FOLDS]]
    values = np.array(farthest)
    spread = max(float(values.std()), LEAST_SPREAD)
    return SoundMemory(_some(frames), float(np.quantile(values, 1 - target_fpr, method="higher")), spread)


def _check(frames: Sequence[torch.Tensor], target_fpr: float) -> None:
    if len(frames) < LEAST_FRAMES:
        raise ConfigError(f"What is normal is told from {LEAST_FRAMES} frames or more, not {len(frames)}.")
    if not 0 < target_fpr < 1:
        raise ConfigError(f"target_fpr is a share of sound frames above 0 and below 1, not {target_fpr}.")


def _some(frames: Sequence[torch.Tensor]) -> torch.Tensor:
    patches = torch.cat(list(frames))
    generator = torch.Generator().manual_seed(0)
    return patches[torch.randperm(len(patches), generator=generator)[:PATCHES]]

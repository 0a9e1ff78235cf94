"""CLIP-Adapter (Gao et al. 2021): a small trained part behind a frozen tower."""

from __future__ import annotations

import torch
from torch import nn


class ClipAdapter(nn.Module):
    """CLIP-Adapter (Gao et al. 2021): a bottleneck on a tower's feature, blended with the feature itself.

    ``f <- ratio * relu(W2 relu(W1 f)) + (1 - ratio) * f``, without biases, before normalization.

    Args:
        width: Width of the feature.
        ratio: Share of the adapted feature, 0..1; the original's 0.2 by default.
        reduction: The bottleneck is ``width // reduction`` wide.
    """

    def __init__(self, width: int, ratio: float = 0.2, reduction: int = 4):
        super().__init__()
        self.width = width
        self.ratio = ratio
        self.reduction = reduction
        self.bottleneck = nn.Sequential(
            nn.Linear(width, width // reduction, bias=False),
            nn.ReLU(),
            nn.Linear(width // reduction, width, bias=False),
            nn.ReLU(),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Adapt features (N, width), as the encoder gives them, not normalized."""
        return self.ratio * self.bottleneck(features) + (1 - self.ratio) * features

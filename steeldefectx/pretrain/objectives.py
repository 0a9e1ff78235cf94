"""What pretraining on composed scenes minimizes: texts against images by what is true, and where things are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

NEVER = -1e9
"""Logit of a pair that does not count; of infinity the gradient would be none where nothing counts."""
FACT_WEIGHT = 3.0
"""Of facts beside the other losses: what they teach in the first steps, the others would take thousands for."""
POSITIVE_WEIGHT = 3.0
"""Of cells with a defect, which are few."""


def truth_loss(
    image: torch.Tensor,
    text: torch.Tensor,
    verdicts: torch.Tensor,
    of_image: torch.Tensor,
    true: torch.Tensor,
    scale: torch.Tensor,
) -> torch.Tensor:
    """Cross-entropy of each pair of an image and a text of its own against all that is known to be false.

    Texts that are true of an image by chance, or may be, are neither wanted nor held against it: with short texts that
    is every tenth pair of a batch.

    Args:
        image: (M, D) unit-length image embeddings.
        text: (T, D) unit-length text embeddings.
        verdicts: (T, M): 1 true, -1 false, 0 not known.
        of_image: (T,) the image that a text was made for.
        true: (T,) whether it is true of that image.
        scale: Factor on cosines, > 0.

    Returns:
        Scalar: mean of image to text and text to image.
    """
    logits = scale * text @ image.T
    false = logits.masked_fill(verdicts >= 0, NEVER)
    images = of_image[true]
    own = logits[true].gather(1, images[:, None])[:, 0]
    # log(exp(own) + sum of exp(false)) - own
    to_text = F.softplus(false.logsumexp(0)[images] - own)
    to_image = F.softplus(false[true].logsumexp(1) - own)
    return (to_text.mean() + to_image.mean()) / 2


class FactHeads(nn.Module):
    """Linear classifiers of facts on the common embedding, the same ones for images and texts.

    With them alike facts of images and of texts come to lie in the same directions, long before the texts of a batch
    would have sorted that out against each other. They are of use in training alone.
    """

    def __init__(self, width: int, sizes: Sequence[int]):
        super().__init__()
        self.sizes = list(sizes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the same ones in every run
            self.heads = nn.Linear(width, sum(sizes))
            nn.init.normal_(self.heads.weight, std=width**-0.5)
            nn.init.zeros_(self.heads.bias)

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Cross-entropy, over all facts that are known.

        Args:
            embeddings: (N, D) unit length.
            labels: (N, facts) int64, -1 where not known.
            scale: Factor on the logits, > 0.

        Returns:
            Scalar: its mean times :data:`FACT_WEIGHT`.
        """
        logits = (scale * self.heads(embeddings)).split(self.sizes, dim=1)
        lost = [
            F.cross_entropy(of_fact, wanted, ignore_index=-1, reduction="sum")
            for of_fact, wanted in zip(logits, labels.unbind(1), strict=True)
        ]
        return FACT_WEIGHT * torch.stack(lost).sum() / (labels >= 0).sum()


def mask_loss(logits: torch.Tensor, masks: torch.Tensor, positive: float = POSITIVE_WEIGHT) -> torch.Tensor:
    """Binary cross-entropy and soft Dice loss (Milletari et al. 2016) of maps.

    Args:
        logits: (N, h, w).
        masks: (N, h, w) shares of cells, 0..1.
        positive: Weight of cells with a defect beside others.

    Returns:
        Scalar. Dice counts images with a mask alone.
    """
    weight = torch.tensor(positive, device=logits.device)
    crossed = F.binary_cross_entropy_with_logits(logits, masks, pos_weight=weight)
    shown = masks.flatten(1).sum(1) > 0
    if not shown.any():
        return crossed
    predicted, wanted = logits[shown].sigmoid().flatten(1), masks[shown].flatten(1)
    dice = 1 - (2 * (predicted * wanted).sum(1) + 1) / (predicted.sum(1) + wanted.sum(1) + 1)
    return crossed + dice.mean()

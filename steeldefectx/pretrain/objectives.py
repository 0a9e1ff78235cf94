"""What pretraining on composed scenes minimizes: texts against images by what is true, and where things are."""

from __future__ import annotations

import torch
from torch.nn import functional as F

POSITIVE_WEIGHT = 3.0
"""Of cells with a defect, which are few."""


def truth_loss(
    image: torch.Tensor, text: torch.Tensor, verdicts: torch.Tensor, of_image: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of each pair of an image and its own text against all that is known to be false.

    Texts that are true of an image by chance, or may be, are neither wanted nor held against it: with short texts that
    is every tenth pair of a batch.

    Args:
        image: (M, D) unit-length image embeddings.
        text: (T, D) unit-length text embeddings, of which the first M are those of the images.
        verdicts: (T, M): 1 true, -1 false, 0 not known.
        of_image: (T,) the image that a text was made for.
        scale: Factor on cosines, > 0.

    Returns:
        Scalar: mean of image to text and text to image.
    """
    count = len(image)
    logits = scale * text @ image.T
    own = torch.zeros_like(verdicts, dtype=torch.bool)
    own[torch.arange(count), torch.arange(count)] = True
    logits = logits.masked_fill((verdicts >= 0) & ~own, -torch.inf)
    target = torch.arange(count, device=image.device)
    return (F.cross_entropy(logits.T, target) + F.cross_entropy(logits[:count], target)) / 2


def mask_loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy and soft Dice loss (Milletari et al. 2016) of maps.

    Args:
        logits: (N, h, w).
        masks: (N, h, w) shares of cells, 0..1.

    Returns:
        Scalar. Dice counts images with a mask alone.
    """
    weight = torch.tensor(POSITIVE_WEIGHT, device=logits.device)
    crossed = F.binary_cross_entropy_with_logits(logits, masks, pos_weight=weight)
    shown = masks.flatten(1).sum(1) > 0
    if not shown.any():
        return crossed
    predicted, wanted = logits[shown].sigmoid().flatten(1), masks[shown].flatten(1)
    dice = 1 - (2 * (predicted * wanted).sum(1) + 1) / (predicted.sum(1) + wanted.sum(1) + 1)
    return crossed + dice.mean()

"""The contrastive loss."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def contrastive_loss(
    image: torch.Tensor, text: torch.Tensor, text_ids: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Bidirectional cross-entropy over image-text pairs; images that share a text are positives of each other.

    A batch of images of one class with a class-level text has that text several times. Telling such pairs
    apart is impossible, so the target of each row is uniform over all pairs with the same text (as in UniCL,
    Yang et al. 2022). With all texts distinct this is CLIP's loss; it is also where the embeddings of the same
    text are equal, since what a row then gains by one positive it gains by all.

    Args:
        image: (N, D) unit-length image embeddings.
        text: (N, D) unit-length embeddings of their texts.
        text_ids: (N,) int64, equal where texts are the same.
        scale: Factor on cosine similarities, > 0.

    Returns:
        Scalar: mean of the image-to-text and text-to-image losses.
    """
    logits = scale * image @ text.T
    targets = (text_ids[:, None] == text_ids[None, :]).to(logits.dtype)
    targets = targets / targets.sum(dim=1, keepdim=True)
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2

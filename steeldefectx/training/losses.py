"""Losses over a batch of image-text pairs, gathered from all processes."""

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


def same_text_loss(
    image: torch.Tensor, text: torch.Tensor, text_ids: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """MIL-NCE (Miech et al. 2020, eq. 1) in each direction: the probability of all positives together counts.

    ``-log(sum over positives of exp(logit) / sum over all of exp(logit))``, averaged over rows and directions.
    A text is satisfied by any of its images, where :func:`contrastive_loss` wants all of them equally near: for
    classes whose images look different from one another. SupCon's inner form (Khosla et al. 2020, L_in) is this
    plus a constant. Arguments and result as there.
    """
    logits = scale * image @ text.T
    others = text_ids[:, None] != text_ids[None, :]

    def one_way(rows: torch.Tensor) -> torch.Tensor:
        return (rows.logsumexp(1) - rows.masked_fill(others, -torch.inf).logsumexp(1)).mean()

    return (one_way(logits) + one_way(logits.T)) / 2


def siglip_loss(
    image: torch.Tensor, text: torch.Tensor, text_ids: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """Pairwise sigmoid loss (Zhai et al. 2023, eq. 1): each pair by itself, a match or not.

    ``-1/N sum over i, j of log sigmoid(z_ij (scale x_i . y_j + bias))``; z is 1 where the texts are the same,
    -1 elsewhere (the original: 1 on the diagonal).

    Args:
        image: (N, D) unit-length image embeddings.
        text: (N, D) unit-length embeddings of their texts.
        text_ids: (N,) int64, equal where texts are the same.
        scale: Factor on cosine similarities, > 0.
        bias: Added to the scaled similarities; negative, as most pairs are no match.

    Returns:
        Scalar: sum over the pairs of an image, mean over images.
    """
    logits = scale * image @ text.T + bias
    matches = text_ids[:, None] == text_ids[None, :]
    return -F.logsigmoid(torch.where(matches, logits, -logits)).sum() / len(image)


def class_prompts_loss(
    image: torch.Tensor, classes: torch.Tensor, labels: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of each image over all classes, by their texts: what the model is tested on.

    The loss of prompt learning (CoOp, Zhou et al. 2022, eq. 1) and of CLIP-LoRA (Zanella & Ben Ayed 2024).

    Args:
        image: (N, D) unit-length image embeddings.
        classes: (C, D) unit-length class embeddings, see :func:`class_embeddings`.
        labels: (N,) int64, 0..C-1.
        scale: Factor on cosine similarities, > 0.

    Returns:
        Scalar: mean over images.
    """
    return F.cross_entropy(scale * image @ classes.T, labels)

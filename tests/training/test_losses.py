import numpy as np
import torch
from torch.nn import functional as F

from steeldefectx.training.losses import contrastive_loss


def plain_loss(image, text, ids, scale):
    """The definition, pair by pair."""
    similarity = scale * image @ text.T
    total = 0.0
    for logits in (similarity, similarity.T):
        for i in range(len(ids)):
            log_p = logits[i] - np.log(np.exp(logits[i]).sum())
            total -= log_p[ids == ids[i]].mean()
    return total / (2 * len(ids))


def unit(*shape):
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(0)), dim=-1)


def test_it_is_the_definition():
    image, text = unit(2, 8, 5)  # the same text may have several embeddings, as under dropout
    ids = torch.tensor([0, 1, 1, 2, 0, 3, 0, 2])
    found = contrastive_loss(image, text, ids, torch.tensor(7.0))
    np.testing.assert_allclose(found, plain_loss(image.numpy(), text.numpy(), ids.numpy(), 7.0), rtol=1e-5)


def test_with_distinct_texts_it_is_clips_loss():
    image, text = unit(2, 8, 5)
    logits = 10 * image @ text.T
    target = torch.arange(8)
    expected = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    torch.testing.assert_close(contrastive_loss(image, text, target, torch.tensor(10.0)), expected)


def test_images_that_share_a_text_are_not_pushed_apart():
    image = unit(4, 5).requires_grad_()
    text = unit(1, 5).expand(4, 5)
    loss = contrastive_loss(image, text, torch.zeros(4, dtype=torch.int64), torch.tensor(10.0))
    # All pairs are positives: from image to text there is nothing left to tell apart.
    logits = 10 * image @ text.T
    expected = (np.log(4) + F.cross_entropy(logits.T, torch.full((4, 4), 0.25))) / 2
    torch.testing.assert_close(loss, expected)

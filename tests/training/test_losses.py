import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from steeldefectx.models.clip import class_embeddings
from steeldefectx.training.clip_modules import Embeddings, FrozenTowers, TrainedTowers
from steeldefectx.training.losses import class_prompts_loss, contrastive_loss, same_text_loss, siglip_loss
from steeldefectx.training.trainable import Batch


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


IDS = torch.tensor([0, 1, 1, 2, 0, 3, 0, 2])


def plain_same_text(image, text, ids, scale):
    similarity = np.exp(scale * image @ text.T)
    total = 0.0
    for e in (similarity, similarity.T):
        for i in range(len(ids)):
            total -= np.log(sum(e[i, j] for j in range(len(ids)) if ids[j] == ids[i]) / sum(e[i]))
    return total / (2 * len(ids))


def plain_siglip(image, text, ids, scale, bias):
    total = 0.0
    for i in range(len(ids)):
        for j in range(len(ids)):
            z = 1 if ids[i] == ids[j] else -1
            total -= np.log(1 / (1 + np.exp(-z * (scale * image[i] @ text[j] + bias))))
    return total / len(ids)


def plain_class_prompts(image, classes, labels, scale):
    total = 0.0
    for x, label in zip(image, labels, strict=True):
        p = np.exp(scale * classes @ x)
        total -= np.log(p[label] / p.sum())
    return total / len(labels)


@pytest.mark.parametrize(
    ("loss", "plain", "others"),
    [
        (same_text_loss, plain_same_text, [7.0]),
        (siglip_loss, plain_siglip, [7.0, -3.0]),
        (class_prompts_loss, plain_class_prompts, [7.0]),
    ],
    ids=["same-text", "siglip", "class-prompts"],
)
def test_each_loss_is_its_definition(loss, plain, others):
    image, text = unit(2, 8, 5).double()
    found = loss(image, text, IDS, *map(torch.tensor, others))
    np.testing.assert_allclose(found, plain(image.numpy(), text.numpy(), IDS.numpy(), *others), rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "others"),
    [(contrastive_loss, [3.0]), (same_text_loss, [3.0]), (siglip_loss, [3.0, -1.0]), (class_prompts_loss, [3.0])],
    ids=["contrastive", "same-text", "siglip", "class-prompts"],
)
def test_gradients_of_embeddings_scale_and_bias(loss, others):
    image, text = (part.clone().requires_grad_() for part in unit(2, 8, 5).double())
    numbers = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in others]
    assert torch.autograd.gradcheck(lambda i, t, *rest: loss(i, t, IDS, *rest), (image, text, *numbers))


def test_contrastive_is_the_published_one_hot_loss_where_each_text_has_one_embedding():
    image, text = unit(2, 8, 5).double()
    text = text[IDS]
    logits = 10 * image @ text.T
    one_hot = torch.arange(8)
    expected = (F.cross_entropy(logits, one_hot) + F.cross_entropy(logits.T, one_hot)) / 2
    torch.testing.assert_close(contrastive_loss(image, text, IDS, torch.tensor(10.0)), expected)


def test_one_near_image_satisfies_a_text_under_same_text_but_not_under_contrastive():
    """From text to image, the gradient on a far image of a text that has a near one: nothing against a pull."""
    text = torch.eye(3, dtype=torch.float64)[[0, 0]]
    pull = {}
    for loss in (same_text_loss, contrastive_loss):
        image = torch.eye(3, dtype=torch.float64)[[0, 2]].requires_grad_()
        loss(image, text, torch.tensor([0, 0]), torch.tensor(10.0)).backward()
        pull[loss] = -image.grad[1, 0].item()
    assert pull[same_text_loss] == pytest.approx(0, abs=1e-12)
    assert pull[contrastive_loss] > 1


def test_same_text_is_contrastive_where_all_texts_differ():
    image, text = unit(2, 8, 5).double()
    arguments = image, text, torch.arange(8), torch.tensor(10.0)
    torch.testing.assert_close(same_text_loss(*arguments), contrastive_loss(*arguments))


def test_a_class_stands_where_the_mean_of_its_texts_points():
    text = unit(5, 4)
    found = class_embeddings(text, [2, 3])
    torch.testing.assert_close(found[0], F.normalize(text[0] + text[1], dim=0))
    torch.testing.assert_close(found[1], F.normalize(text[2:].sum(0), dim=0))


@pytest.mark.parametrize("loss", ["contrastive", "same-text", "siglip"])
def test_each_image_is_held_against_its_own_text_however_texts_are_shared(loss):
    """A batch has each distinct text once; the loss is that of images and texts side by side."""
    vectors, of_image = unit(9, 6), [2, 0, 1, 1, 2]
    image, text, scale, bias = vectors[:5], vectors[5:8], torch.tensor(6.0), torch.tensor(-3.0)
    model = SimpleNamespace(logit_scale=torch.tensor(1.0))
    module = FrozenTowers(SimpleNamespace(adapter=None, text_adapter=None, model=model), loss=loss)
    batch = Batch(None, torch.zeros(5), text_of_image=torch.tensor(of_image), text_ids=torch.tensor(of_image) + 40)
    found = module.loss(Embeddings(image, text, scale, bias), batch, lambda tensor: tensor)
    pairs = image, torch.stack([text[n] for n in of_image]), torch.tensor(of_image), scale
    expected = {
        "contrastive": lambda: contrastive_loss(*pairs),
        "same-text": lambda: same_text_loss(*pairs),
        "siglip": lambda: siglip_loss(*pairs, bias),
    }
    torch.testing.assert_close(found, expected[loss]())


@pytest.mark.parametrize(("start", "bound"), [(1 / 0.07, 100), (117, 117)])
def test_the_factor_on_cosines_stays_below_clips_100_or_what_the_model_came_with(start, bound):
    model = torch.nn.Module()
    model.logit_scale, model._no_split_modules = torch.nn.Parameter(torch.tensor(math.log(start))), []
    module = TrainedTowers(SimpleNamespace(adapter=None, text_adapter=None, model=model), False)
    model.logit_scale.data.fill_(math.log(90))
    module.after_step()
    assert model.logit_scale.exp().item() == pytest.approx(90)
    model.logit_scale.data.fill_(math.log(500))
    module.after_step()
    assert model.logit_scale.exp().item() == pytest.approx(bound)

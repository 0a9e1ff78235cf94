"""What a classifier's step takes: labels follow their images through mixing, smoothing and parts."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from steeldefectx.training.batches import Batches
from steeldefectx.training.classifier_training import ClassifierInputs, ClassifierModule, Logits

CPU = torch.device("cpu")
COUNT = 20


def batches(mixup=0.0, process=(0, 1), augmentation="none"):
    """Images whose grey level is their number, of class number modulo 4."""
    levels = torch.arange(COUNT, dtype=torch.uint8).view(-1, 1, 1, 1).expand(COUNT, 3, 8, 8)
    store = SimpleNamespace(batch=lambda indices: levels[indices])
    inputs = ClassifierInputs(store, 4, augmentation, mixup, CPU)
    return Batches(inputs, None, np.arange(COUNT) % 4, 10, 0, process)


def test_without_mixing_targets_are_the_labels():
    made = batches()
    images, targets = made.inputs.to_device(made(0))
    assert targets.sum(1).tolist() == [1] * 10
    assert (images[:, 0, 0, 0].long() % 4).tolist() == targets.argmax(1).tolist()


def test_targets_are_mixed_as_the_images_are():
    made = batches(mixup=1.0)
    batch = made(0)
    images, targets = made.inputs.to_device(batch)
    pixels, drawn = batch.images
    one, share = pixels[:, 0, 0, 0].float().numpy(), drawn.share
    other = one[::-1]
    np.testing.assert_allclose(images[:, 0, 0, 0].numpy(), share * one + (1 - share) * other, atol=1e-4)
    for n in range(10):
        expected = np.zeros(4)
        expected[int(one[n]) % 4] += share[n]
        expected[int(other[n]) % 4] += 1 - share[n]
        np.testing.assert_allclose(targets[n].numpy(), expected, atol=1e-6)
    assert 0.2 < share.mean() < 0.8


@pytest.mark.parametrize("count", [1, 3, 4, 50])
def test_parts_are_the_batch_once(count):
    made = batches(mixup=0.5)
    images, targets = made.inputs.to_device(made(0))
    parts = made.inputs.parts(images, targets, count)
    assert len(parts) <= min(count, 10)
    assert torch.equal(torch.cat([part for part, _ in parts]), images)
    assert torch.equal(torch.cat([part for _, part in parts]), targets)


def test_shares_of_the_processes_are_the_batch_of_one():
    whole = batches()(1)
    shares = [batches(process=(rank, 2))(1) for rank in range(2)]
    assert torch.equal(torch.cat([share.labels for share in shares]).sort()[0], whole.labels.sort()[0])


def test_the_loss_is_its_definition():
    torch.manual_seed(0)
    logits, targets = torch.randn(5, 4), torch.rand(5, 4).softmax(1)
    forward = ClassifierModule(SimpleNamespace(model=torch.nn.Identity()), label_smoothing=0.2)
    found = forward.loss(Logits(logits, targets), None, lambda tensor: tensor)
    smooth = 0.8 * targets.numpy() + 0.2 / 4
    log_p = logits.numpy() - np.log(np.exp(logits.numpy()).sum(1, keepdims=True))
    assert found.item() == pytest.approx(-(smooth * log_p).sum(1).mean(), abs=1e-5)

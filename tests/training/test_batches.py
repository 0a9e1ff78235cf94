"""Batches: every image has its turn, shares are the whole, and a batch depends on its number alone."""

import numpy as np
import pytest
import torch

from steeldefectx.training.batches import Batches
from steeldefectx.training.clip_inputs import FeatureInputs
from steeldefectx.training.text_bank import TextBank
from steeldefectx.utils.prefetch import prefetch

CPU = torch.device("cpu")


def batches(count=23, size=4, process=(0, 1), views=1, texts=5, seed=0):
    """Images whose feature is their number, with texts whose feature is theirs."""
    bank = TextBank([f"text {n % texts}" for n in range(count)], 0.0)
    images = torch.arange(count).float().repeat(views, 1)[..., None] + 1000 * torch.arange(views)[:, None, None]
    inputs = FeatureInputs(images, torch.arange(texts).float()[:, None], CPU)
    return Batches(inputs, bank, np.arange(count) % 3, size, seed, process)


def numbers(batch):
    return batch.images[:, 0].int().tolist()


def test_an_epoch_has_no_image_twice_and_leaves_out_less_than_a_batch():
    made = batches()
    assert made.per_epoch == 5
    for epoch in range(3):
        seen = [n for step in range(5) for n in numbers(made(epoch * 5 + step))]
        assert len(seen) == len(set(seen)) == 20
    everything = {n for step in range(50) for n in numbers(made(step))}
    assert everything == set(range(23))


def test_fewer_images_than_a_batch_are_one_batch():
    made = batches(count=3, size=32)
    assert made.per_epoch == 1
    assert sorted(numbers(made(0))) == [0, 1, 2]


def test_texts_and_labels_belong_to_their_images():
    batch = batches(size=16)(2)
    for n, position, text_id, label in zip(
        numbers(batch), batch.text_of_image, batch.text_ids, batch.labels, strict=True
    ):
        assert batch.texts[position, 0] == n % 5
        assert text_id == n % 5
        assert label == n % 3
    assert len(batch.texts) == len({n % 5 for n in numbers(batch)}), "each distinct text once"


@pytest.mark.parametrize("processes", [2, 3])
def test_shares_of_the_processes_are_the_batch_of_one(processes):
    whole = batches(size=12)(3)
    shares = [batches(size=12, process=(rank, processes))(3) for rank in range(processes)]
    assert sorted(n for share in shares for n in numbers(share)) == sorted(numbers(whole))
    assert {len(share.images) for share in shares} == {12 // processes}


def test_a_batch_depends_on_its_number_alone():
    one, other = batches(views=3), batches(views=3)
    for step in (0, 1, 2, 7):
        one(step)
    assert torch.equal(one(9).images, other(9).images)
    assert not torch.equal(one(9).images, batches(views=3, seed=1)(9).images)


def test_every_view_has_its_turn():
    made = batches(views=3)
    drawn = [int(value) // 1000 for step in range(60) for value in made(step).images[:, 0]]
    assert all(0.25 < drawn.count(view) / len(drawn) < 0.42 for view in range(3))


def test_preparing_ahead_keeps_the_order_and_passes_errors_on():
    assert list(prefetch(lambda n: n * n, range(20))) == [n * n for n in range(20)]

    def fails_at_three(n):
        if n == 3:
            raise ValueError("three")
        return n

    results = prefetch(fails_at_three, range(9))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)

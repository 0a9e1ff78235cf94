"""A memory of sound surface."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from steeldefectx.errors import ConfigError
from steeldefectx.inference.localize.sound import compare, remember


def patches(seed, frames=40, of_frame=30, spread=0.2):
    """Frames' patches around one direction."""
    rng = torch.Generator().manual_seed(seed)
    middle = torch.ones(8)
    return [F.normalize(middle + spread * torch.randn(of_frame, 8, generator=rng), dim=-1) for _ in range(frames)]


def test_distances_are_those_to_the_nearest_patch():
    memory = remember(patches(0), 0.1)
    asked = torch.cat(patches(1, frames=2))
    expected = [min(1 - float(one @ known) for known in memory.patches) for one in asked]
    np.testing.assert_allclose(memory.distances(asked).numpy(), expected, atol=1e-5)
    assert memory.distances(asked.reshape(3, 20, 8)).shape == (3, 20)


@pytest.mark.parametrize("target_fpr", [0.05, 0.2])
def test_about_as_many_sound_frames_as_wanted_are_beyond_the_limit(target_fpr):
    memory = remember(patches(0, frames=200), target_fpr)
    beyond = [bool((memory.unlikeness(one) > 0.5).any()) for one in patches(1, frames=200)]
    assert target_fpr / 3 <= np.mean(beyond) <= 2 * target_fpr


def test_what_is_unlike_all_that_was_sound_is_beyond_the_limit():
    memory = remember(patches(0), 0.05)
    other = F.normalize(torch.tensor([[1.0, -1.0] * 4]), dim=-1)
    assert memory.unlikeness(other).item() > 0.99
    assert memory.unlikeness(memory.patches[:1]).item() < 0.5


def test_too_few_frames_and_rates_that_are_none_are_refused():
    for made in (remember, compare):
        with pytest.raises(ConfigError, match="4 frames or more, not 3"):
            made(patches(0, frames=3), 0.1)
        for rate in (0, 1, -0.1):
            with pytest.raises(ConfigError, match="share"):
                made(patches(0), rate)


def test_without_labels_the_frame_that_is_unlike_the_others_stands_out():
    odd = F.normalize(torch.tensor([[1.0, -1.0] * 4]), dim=-1)
    frames = patches(0, frames=20)
    for n in (3, 11):
        frames[n] = torch.cat([frames[n][:-1], odd if n == 3 else -odd])
    reference = compare(frames, 0.02)
    highest = [reference.unlikeness(one).max().item() for one in frames]
    assert {n for n, value in enumerate(highest) if value > 0.5} >= {3, 11}
    assert np.mean(np.delete(highest, [3, 11])) < 0.5


def test_a_frame_is_no_reference_of_its_own():
    frames = patches(0, frames=6)
    frames[0] = F.normalize(
        torch.randn(30, 8, generator=torch.Generator().manual_seed(5)) * torch.tensor([-1.0]), dim=-1
    )
    reference = compare(frames, 0.1)
    assert reference.distances(frames[0]).mean() > 3 * reference.distances(frames[1]).mean()

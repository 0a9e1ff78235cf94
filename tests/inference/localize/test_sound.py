"""A memory of sound surface."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from steeldefectx.errors import ConfigError
from steeldefectx.inference.localize.sound import remember


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
    with pytest.raises(ConfigError, match="takes 4 or more, not 3"):
        remember(patches(0, frames=3), 0.1)
    for rate in (0, 1, -0.1):
        with pytest.raises(ConfigError, match="share"):
            remember(patches(0), rate)

"""Training inside a tower: a copy of the model, batches of varied pixels, predictions in batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from steeldefectx.errors import ConfigError
from steeldefectx.features.augmentation import draw_variation, vary_light, vary_shape
from steeldefectx.methods.interface import Images, Task
from steeldefectx.models.clip import Clip

BATCH = 64
"""Images encoded at a time for predictions."""


def copy_of_model(task: Task, method: str) -> Clip:
    """The task's model with weights of its own, in evaluation mode.

    Raises:
        ConfigError: The task has no model, or no pixels for its image tower.
    """
    if task.clip is None or task.shots.images.pixels is None:
        raise ConfigError(f"{method} trains inside the towers: it needs the model and the images' pixels.")
    return replace(task.clip, model=copy.deepcopy(task.clip.model).eval())


def batches(count: int, size: int, steps: int, rng: np.random.Generator) -> Iterator[torch.Tensor]:
    """Positions of images for each of some steps: passes over all of them in random order, (n <= size,) int64.

    The last batch of a pass may be smaller.
    """
    done = 0
    while True:
        order = torch.from_numpy(rng.permutation(count))
        for rows in order.split(size):
            if done == steps:
                return
            yield rows
            done += 1


def pixels_of(images: Images, rows: torch.Tensor) -> torch.Tensor:
    """Pixels of some images: uint8 (n, C, H, W).

    Raises:
        ConfigError: There are features alone.
    """
    if images.pixels is None:
        raise ConfigError("A method that has trained the image tower needs the images' pixels, not features alone.")
    return images.pixels(rows)


def varied(images: Images, rows: torch.Tensor, kind: str, rng: np.random.Generator) -> torch.Tensor:
    """Pixels of some images, varied at random: float32 (n, C, H, W), 0..255.

    Args:
        images: The images.
        rows: Positions (n,) of some.
        kind: As in :func:`~steeldefectx.features.augmentation.draw_variation`.
        rng: Source of randomness.
    """
    pixels = pixels_of(images, rows).contiguous(memory_format=torch.channels_last)
    variation = draw_variation(len(rows), kind, rng)
    return vary_light(vary_shape(pixels, variation), variation)


@torch.no_grad()
def in_batches(images: Images, compute: Callable[[torch.Tensor], torch.Tensor], device: torch.device) -> torch.Tensor:
    """What is computed of the pixels of N images, a batch at a time: (N, ...) float32 on the CPU."""
    parts = [compute(pixels_of(images, rows).to(device)) for rows in torch.arange(len(images)).split(BATCH)]
    return torch.cat([part.float().cpu() for part in parts])

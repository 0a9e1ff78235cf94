"""What the loop knows of a model in training: what its steps take, its module with a loss, its scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from steeldefectx.data.labelled import Split
from steeldefectx.training.text_bank import TextBank

Gather = Callable[[torch.Tensor], torch.Tensor]
"""Joins the tensors (n, ...) of all processes, with their gradients."""
NO_TEXTS = torch.empty(0, dtype=torch.int64)


@dataclass
class Batch:
    """A process's share of a batch: n images, and the m distinct texts they have, if any."""

    images: Any
    """What :meth:`Inputs.image_batch` gave."""
    labels: torch.Tensor
    """(n,) int64: classes."""
    texts: Any = None
    """What :meth:`Inputs.text_batch` gave for the distinct texts, or for those of all classes."""
    text_count: int = 0
    """m."""
    text_of_image: torch.Tensor = NO_TEXTS
    """(n,) int64: position in ``texts``."""
    text_ids: torch.Tensor = NO_TEXTS
    """(n,) int64: number of the text, equal where texts are the same, in every process."""


class Inputs(Protocol):
    """Makes tensors of images and texts, given by their positions in the training split and the text bank."""

    def draw(self, n: int, rng: np.random.Generator) -> Any:
        """Draw how the n images of a whole batch are varied."""

    def image_batch(self, indices: np.ndarray, drawn: Any, share: slice) -> Any:
        """Prepare some images, on the host; ``drawn[share]`` says how they are varied."""

    def text_batch(self, rows: np.ndarray) -> Any:
        """Prepare some texts, on the host."""

    def to_device(self, batch: Batch) -> tuple[Any, Any]:
        """Arguments of the module's ``forward``: images, and texts or targets."""

    @staticmethod
    def parts(images: Any, texts: Any, count: int) -> list[tuple[Any, Any]]:
        """The same in ``count`` parts, for a batch that does not fit into memory."""


class TrainingModule(nn.Module):
    """A model with its loss."""

    trains_model: bool
    """Whether the model's own weights are trained: in training mode, with gradients clipped. Else an adapter is."""
    loss_is_mean_over_images = False
    """Whether parts of a batch can go through the loss one by one."""

    def loss(self, outputs: Any, batch: Batch, gather: Gather) -> torch.Tensor:
        """The loss (scalar) over the images of all processes.

        Args:
            outputs: What ``forward`` gave: a named tuple of tensors or None.
            batch: This process's share of the batch.
            gather: Joins the processes' tensors.
        """
        raise NotImplementedError

    def after_step(self) -> None:
        """Clamp weights that have bounds."""


class Trainable(Protocol):
    """A model with a method on it."""

    module: Any
    """:class:`TrainingModule`; trained in place."""
    inputs: Any
    """:class:`Inputs` of its steps."""

    @property
    def text_bank(self) -> TextBank | None:
        """Texts of the training images; None for a model that takes none."""

    def held_out_logits(self, held_out: Split) -> torch.Tensor:
        """Logits (N, C) of training images that are held out, without any text or weight of the test split."""

    def test_logits(self, test: Split) -> torch.Tensor:
        """Logits (N, C) of the test images, after training."""

    def results(self) -> dict[str, Any]:
        """What ``results.json`` says of model and texts."""

    def save(self, folder: Path) -> None:
        """Write the checkpoint."""


def pinned(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """In memory that a GPU copies from while it computes."""
    return tensor.pin_memory() if device.type == "cuda" else tensor

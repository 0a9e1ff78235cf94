"""The gradient of a batch's loss: of the whole batch at once, or of parts of it where memory is short."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.nn.functional import all_gather

from steeldefectx.training.clip_modules import Embeddings
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.trainable import Batch, Inputs, TrainingModule


def backward(
    prepared: nn.Module, inputs: Inputs, batch: Batch, step: int, config: TrainConfig, accelerator: Accelerator
) -> torch.Tensor:
    """Add the gradient of a batch's loss to the weights.

    Args:
        prepared: The :class:`TrainingModule` as Accelerate has prepared it.
        inputs: Puts the batch on the device, and cuts it into parts.
        batch: This process's share.
        step: Number of the step; with the seed it decides dropout.
        config: Settings.
        accelerator: Of this process.

    Returns:
        The loss, detached.
    """
    module: TrainingModule = accelerator.unwrap_model(prepared, keep_torch_compile=False)
    arguments = inputs.to_device(batch)

    def seed_dropout(part: int) -> None:
        """Another seed in each step, process and part."""
        numbers = [config.seed, step, accelerator.process_index, part]
        torch.manual_seed(int(np.random.default_rng(numbers).integers(2**62)))

    def gather(tensor: torch.Tensor) -> torch.Tensor:
        if accelerator.num_processes == 1:
            return tensor
        return torch.cat(all_gather(tensor)) if tensor.requires_grad else accelerator.gather(tensor)

    def loss_of(outputs: Any) -> torch.Tensor:
        return module.loss(outputs, batch, gather)

    if config.accumulate > 1:
        parts = inputs.parts(*arguments, config.accumulate)
        if module.loss_is_mean_over_images:
            return _backward_of_mean(prepared, parts, loss_of, seed_dropout, accelerator)
        return _backward_with_cached_gradients(prepared, parts, batch.text_count, loss_of, seed_dropout, accelerator)
    seed_dropout(0)
    loss = loss_of(prepared(*arguments))
    accelerator.backward(loss)
    return loss.detach()


def _backward_of_mean(
    prepared: nn.Module,
    parts: list[tuple[torch.Tensor, torch.Tensor]],
    loss_of: Callable[[Any], torch.Tensor],
    seed_dropout: Callable[[int], None],
    accelerator: Accelerator,
) -> torch.Tensor:
    """The gradient of a loss that is the mean over images, a part of them at a time."""
    count = sum(len(images) for images, _ in parts)
    total = torch.zeros((), device=accelerator.device)
    for number, (images, targets) in enumerate(parts):
        with nullcontext() if number == len(parts) - 1 else accelerator.no_sync(prepared):
            seed_dropout(number)
            loss = loss_of(prepared(images, targets)) * (len(images) / count)
            accelerator.backward(loss)
        total += loss.detach()
    return total


def _backward_with_cached_gradients(
    prepared: nn.Module,
    parts: list[tuple[Any, Any]],
    text_count: int,
    loss_of: Callable[[Any], torch.Tensor],
    seed_dropout: Callable[[int], None],
    accelerator: Accelerator,
) -> torch.Tensor:
    """The gradient of a loss over all pairs, with the towers seeing a part of the batch at a time.

    Gradient caching (Gao et al. 2021): first the embeddings of all parts, without a graph; then the loss over all of
    them, and its gradient by them; then each part again, with a graph that takes that gradient on. A part more than
    there are texts has one of them once more, which gets no gradient.
    """
    with torch.no_grad():
        embedded = []
        for number, (images, texts) in enumerate(parts):
            seed_dropout(number)
            embedded.append(prepared(images, texts))
    all_texts = torch.cat([part.text for part in embedded])
    scale, bias = embedded[-1].scale, embedded[-1].bias
    leaves = Embeddings(
        torch.cat([part.image for part in embedded]).requires_grad_(),
        all_texts[:text_count].requires_grad_(),
        scale.detach().requires_grad_(),
        None if bias is None else bias.detach().requires_grad_(),
    )
    loss = loss_of(leaves)
    loss.backward()
    by_image = _gradient(leaves.image).split([len(part.image) for part in embedded])
    by_text = torch.cat([_gradient(leaves.text), torch.zeros_like(all_texts[text_count:])])
    by_text_part = by_text.split([len(part.text) for part in embedded])
    for number, (images, texts) in enumerate(parts):
        last = number == len(parts) - 1  # takes the gradient of scale and bias, which all parts share
        shared = [None if leaf is None else _gradient(leaf) * last for leaf in (leaves.scale, leaves.bias)]
        with nullcontext() if last else accelerator.no_sync(prepared):
            seed_dropout(number)
            outputs = prepared(images, texts)
            gradients = [by_image[number], by_text_part[number], *shared]
            pairs = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o is not None and o.requires_grad]
            torch.autograd.backward([output for output, _ in pairs], [gradient for _, gradient in pairs])
    return loss.detach()


def _gradient(leaf: torch.Tensor) -> torch.Tensor:
    """The gradient of a leaf; zeros where the loss does not depend on it."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad

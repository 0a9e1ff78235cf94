"""The training loop."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import nn
from torch.distributed.nn.functional import all_gather
from tqdm.auto import tqdm

from steeldefectx.errors import ConfigError
from steeldefectx.training.batches import Batches
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.inputs import Batch, Embeddings, Forward
from steeldefectx.training.snapshot import Snapshots, load_trained_state, trained_state, whole_state
from steeldefectx.training.weight_average import Average
from steeldefectx.utils.prefetch import prefetch

MAX_GRADIENT_NORM = 1.0
MOMENTUM = 0.9
"""Of SGD."""


def learning_rate(step: int, per_epoch: int, config: TrainConfig) -> float:
    """The learning rate of a step: linear rise over the warm-up, then as ``schedule`` says.

    ``constant``; ``cosine``: half a cosine to 0; ``step``: a tenth every ``step_epochs`` epochs.
    """
    steps = config.epochs * per_epoch
    rising = config.warmup * steps
    if step < rising:
        return config.lr * (step + 1) / rising
    if config.schedule == "cosine":
        return config.lr * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
    if config.schedule == "step":
        return config.lr * 0.1 ** (step // per_epoch // config.step_epochs)
    return config.lr


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trained parameters: matrices with weight decay; biases, norms and scales without."""
    trained = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def make_optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum, over what of ``module`` is trained."""
    groups = parameter_groups(module, config.weight_decay)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=MOMENTUM)
    return torch.optim.AdamW(groups, lr=config.lr)


@dataclass
class Progress:
    """How far a run is."""

    step: int = 0
    """Steps done."""
    losses: list[float] = field(default_factory=list)
    """Of the steps of this epoch, where the snapshot was taken inside one."""
    best_epoch: int = 0
    """Of the best score on the held-out images; 0: none yet."""
    best_score: float = -1.0


def fit(
    module: Forward,
    batches: Batches,
    config: TrainConfig,
    accelerator: Accelerator,
    *,
    snapshots: Snapshots,
    log: Callable[[dict[str, Any]], None],
    score: Callable[[], float] | None = None,
) -> Progress:
    """Train ``module`` in place.

    Args:
        module: The model; it is left in evaluation mode, with the weights of the best epoch if there is ``score``,
            and with averaged ones if ``config.ema`` says so.
        batches: What to train on.
        config: Settings.
        accelerator: Of this process.
        snapshots: Where a killed run goes on from.
        log: Takes a line for every epoch.
        score: Accuracy on held-out training images, after each epoch.

    Returns:
        How far it came, and which epoch was best.

    Raises:
        ConfigError: Weights are sharded, and a setting needs them whole after every step.
    """
    sharded = accelerator.distributed_type == DistributedType.FSDP
    if sharded and (config.ema or config.resume):
        raise ConfigError("ema and resume need whole weights: leave them out, or launch without FSDP.")
    # What is sharded stays so: another takes part in training, and hands its weights over to be scored and saved.
    trained = _shardable(module) if sharded else module
    optimizer = make_optimizer(trained, config)
    progress, best, averaged = Progress(), {}, {}
    if config.resume and not sharded:
        saved = snapshots.load(module, optimizer)
        if saved is not None:
            progress, best, averaged = Progress(**saved[0]), *saved[1:]
    average = Average(module, config.ema, averaged) if config.ema else None
    forward, prepared = accelerator.prepare(trained, optimizer)
    steps = config.epochs * batches.per_epoch
    bar = tqdm(
        total=steps,
        initial=progress.step,
        desc="train",
        unit="step",
        disable=not accelerator.is_main_process,
        mininterval=0.5,
    )
    trained.train(module.trains_towers)
    started, losses = time.perf_counter(), [torch.tensor(loss) for loss in progress.losses]
    for batch in prefetch(batches, range(progress.step, steps)):
        rate = learning_rate(progress.step, batches.per_epoch, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses.append(_backward(forward, batches, batch, progress.step, config, accelerator))
        if module.trains_towers and config.optimizer == "adamw":
            accelerator.clip_grad_norm_(trained.parameters(), MAX_GRADIENT_NORM)
        prepared.step()
        prepared.zero_grad()
        trained.after_step()
        progress.step += 1
        if average is not None:
            average.update(progress.step)
        bar.update()
        if progress.step % batches.per_epoch == 0:
            epoch = progress.step // batches.per_epoch
            mean = torch.stack([loss.to(accelerator.device) for loss in losses]).mean().item()
            line = {"epoch": epoch, "loss": mean, "lr": rate, "seconds": round(time.perf_counter() - started, 3)}
            if sharded and (score is not None or progress.step == steps):
                load_trained_state(module, whole_state(trained))
            if score is not None:
                with nullcontext() if average is None else average.in_place():
                    line["held_out_accuracy"] = _score(module, score)
                    if line["held_out_accuracy"] > progress.best_score:
                        progress.best_score, progress.best_epoch = line["held_out_accuracy"], epoch
                        best = {name: tensor.cpu().clone() for name, tensor in trained_state(module).items()}
            log(line)
            accelerator.log({k: v for k, v in line.items() if k != "epoch"}, step=progress.step)
            bar.set_postfix(epoch=f"{epoch}/{config.epochs}", loss=f"{mean:.3f}")
            started, losses = time.perf_counter(), []
        if not sharded and snapshots.due():
            progress.losses = [loss.item() for loss in losses]
            averaged = {} if average is None else average.state
            snapshots.save(module, optimizer, vars(progress), best, averaged)
    bar.close()
    if not best and average is not None:
        best = average.state
    if best:
        load_trained_state(module, best)
    module.eval()
    return progress


def _shardable(module: Forward) -> Forward:
    """A copy without scalar parameters, which FSDP does not shard: scale and bias of the logits stay as they are."""
    module = copy.deepcopy(module)
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            if parameter.ndim == 0:
                delattr(part, name)
                part.register_buffer(name, parameter.detach())
    return module


def _score(module: Forward, score: Callable[[], float]) -> float:
    module.eval()
    found = score()
    module.train(module.trains_towers)
    return found


def _backward(
    forward: nn.Module,
    batches: Batches,
    batch: Batch,
    step: int,
    config: TrainConfig,
    accelerator: Accelerator,
) -> torch.Tensor:
    """Add the gradient of a batch's loss; the loss."""
    module: Forward = accelerator.unwrap_model(forward, keep_torch_compile=False)
    inputs = batches.inputs.to_device(batch)

    def seed(part: int) -> None:
        """Of dropout: another in each step, process and part."""
        numbers = [config.seed, step, accelerator.process_index, part]
        torch.manual_seed(int(np.random.default_rng(numbers).integers(2**62)))

    def gather(tensor: torch.Tensor) -> torch.Tensor:
        if accelerator.num_processes == 1:
            return tensor
        return torch.cat(all_gather(tensor)) if tensor.requires_grad else accelerator.gather(tensor)

    def loss_of(outputs: Any) -> torch.Tensor:
        return module.loss(outputs, batch, gather)

    if config.accumulate > 1:
        parts = batches.inputs.parts(*inputs, config.accumulate)
        if module.separable:
            return _backward_part_by_part(forward, parts, loss_of, seed, accelerator)
        return _backward_in_parts(forward, parts, batch.text_count, loss_of, seed, accelerator)
    seed(0)
    loss = loss_of(forward(*inputs))
    accelerator.backward(loss)
    return loss.detach()


def _backward_part_by_part(
    forward: nn.Module,
    parts: list[tuple[torch.Tensor, torch.Tensor]],
    loss_of: Callable[[Any], torch.Tensor],
    seed: Callable[[int], None],
    accelerator: Accelerator,
) -> torch.Tensor:
    """The gradient of a loss that is the mean over images, a part of them at a time."""
    count = sum(len(images) for images, _ in parts)
    whole = torch.zeros((), device=accelerator.device)
    for number, (images, targets) in enumerate(parts):
        with nullcontext() if number == len(parts) - 1 else accelerator.no_sync(forward):
            seed(number)
            loss = loss_of(forward(images, targets)) * (len(images) / count)
            accelerator.backward(loss)
        whole += loss.detach()
    return whole


def _backward_in_parts(
    forward: nn.Module,
    parts: list[tuple[Any, Any]],
    text_count: int,
    loss_of: Callable[[Any], torch.Tensor],
    seed: Callable[[int], None],
    accelerator: Accelerator,
) -> torch.Tensor:
    """The same gradient, with the towers seeing a part of the batch at a time (gradient caching, Gao et al. 2021).

    First the embeddings of all parts, without a graph; then the loss over all of them, and its gradient by them;
    then each part again, with a graph that takes that gradient on. A part more than there are texts has one of
    them once more, which gets no gradient.
    """
    with torch.no_grad():
        seen = []
        for number, (images, texts) in enumerate(parts):
            seed(number)
            seen.append(forward(images, texts))
    every_text = torch.cat([part.text for part in seen])
    leaves = Embeddings(
        torch.cat([part.image for part in seen]).requires_grad_(),
        every_text[:text_count].requires_grad_(),
        seen[-1].scale.detach().requires_grad_(),
        None if seen[-1].bias is None else seen[-1].bias.detach().requires_grad_(),
    )
    loss = loss_of(leaves)
    loss.backward()
    by_image = _gradient(leaves.image).split([len(part.image) for part in seen])
    padded = torch.cat([_gradient(leaves.text), torch.zeros_like(every_text[text_count:])])
    by_text = padded.split([len(part.text) for part in seen])
    for number, (images, texts) in enumerate(parts):
        last = number == len(parts) - 1  # takes the gradient of what all parts share
        shared = [None if leaf is None else _gradient(leaf) * last for leaf in leaves[2:]]
        with nullcontext() if last else accelerator.no_sync(forward):
            seed(number)
            outputs = forward(images, texts)
            gradients = [by_image[number], by_text[number], *shared]
            taken = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o is not None and o.requires_grad]
            torch.autograd.backward([o for o, _ in taken], [g for _, g in taken])
    return loss.detach()


def _gradient(leaf: torch.Tensor) -> torch.Tensor:
    """The gradient that a loss has left; zeros where it does not depend on the leaf."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad

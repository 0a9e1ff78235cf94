"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.nn.functional import all_gather
from tqdm.auto import tqdm

from steeldefectx.training.batches import Batch, Batches
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.inputs import FrozenForward, TowerForward
from steeldefectx.training.losses import contrastive_loss
from steeldefectx.training.prefetch import ahead
from steeldefectx.training.snapshot import Snapshots, load_trained_state, trained_state

MAX_LOGIT_SCALE = math.log(100)
"""CLIP's own bound (Radford et al. 2021)."""
MAX_GRADIENT_NORM = 1.0


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
    module: FrozenForward | TowerForward,
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
        module: The model; it is left in evaluation mode, with the weights of the best epoch if there is ``score``.
        batches: What to train on.
        config: Settings.
        accelerator: Of this process.
        snapshots: Where a killed run goes on from.
        log: Takes a line for every epoch.
        score: Accuracy on held-out training images, after each epoch.

    Returns:
        How far it came, and which epoch was best.
    """
    trained_towers = isinstance(module, TowerForward)
    optimizer = torch.optim.AdamW(parameter_groups(module, config.weight_decay), lr=config.lr)
    progress, best = Progress(), {}
    if config.resume:
        saved = snapshots.load(module, optimizer)
        if saved is not None:
            progress, best = Progress(**saved[0]), saved[1]
    forward, prepared = accelerator.prepare(module, optimizer)
    steps = config.epochs * batches.per_epoch
    bar = tqdm(
        total=steps,
        initial=progress.step,
        desc="train",
        unit="step",
        disable=not accelerator.is_main_process,
        mininterval=0.5,
    )
    module.train(trained_towers)
    started, losses = time.perf_counter(), [torch.tensor(loss) for loss in progress.losses]
    for batch in ahead(batches, range(progress.step, steps)):
        rate = learning_rate(progress.step, batches.per_epoch, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses.append(_backward(forward, batches, batch, progress.step, config, accelerator))
        if trained_towers:
            accelerator.clip_grad_norm_(module.parameters(), MAX_GRADIENT_NORM)
        prepared.step()
        prepared.zero_grad()
        if trained_towers:
            with torch.no_grad():
                module.clip.model.logit_scale.clamp_(max=MAX_LOGIT_SCALE)
        progress.step += 1
        bar.update()
        if progress.step % batches.per_epoch == 0:
            epoch = progress.step // batches.per_epoch
            mean = torch.stack([loss.to(accelerator.device) for loss in losses]).mean().item()
            line = {"epoch": epoch, "loss": mean, "lr": rate, "seconds": round(time.perf_counter() - started, 3)}
            if score is not None:
                line["held_out_accuracy"] = _score(module, score, trained_towers)
                if line["held_out_accuracy"] > progress.best_score:
                    progress.best_score, progress.best_epoch = line["held_out_accuracy"], epoch
                    best = {name: tensor.cpu().clone() for name, tensor in trained_state(module).items()}
            log(line)
            accelerator.log({k: v for k, v in line.items() if k != "epoch"}, step=progress.step)
            bar.set_postfix(epoch=f"{epoch}/{config.epochs}", loss=f"{mean:.3f}")
            started, losses = time.perf_counter(), []
        if snapshots.due():
            progress.losses = [loss.item() for loss in losses]
            snapshots.save(module, optimizer, vars(progress), best)
    bar.close()
    if best:
        load_trained_state(module, best)
    module.eval()
    return progress


def _score(module: nn.Module, score: Callable[[], float], trained_towers: bool) -> float:
    module.eval()
    found = score()
    module.train(trained_towers)
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
    images, texts = batches.inputs.to_device(batch)

    def seed(part: int) -> None:
        """Of dropout: another in each step, process and part."""
        numbers = [config.seed, step, accelerator.process_index, part]
        torch.manual_seed(int(np.random.default_rng(numbers).integers(2**62)))

    if config.accumulate > 1:
        parts = batches.inputs.parts(images, texts, config.accumulate)
        return _backward_in_parts(forward, parts, batch, seed, accelerator)
    seed(0)
    image, text, scale = forward(images, texts)
    loss = _loss(image, text, scale, batch, accelerator)
    accelerator.backward(loss)
    return loss.detach()


def _backward_in_parts(
    forward: nn.Module,
    parts: list[tuple[Any, Any]],
    batch: Batch,
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
    count = len(batch.text_of_image.unique())
    image = torch.cat([part[0] for part in seen]).requires_grad_()
    every_text = torch.cat([part[1] for part in seen])
    text, scale = every_text[:count].requires_grad_(), seen[-1][2].detach().requires_grad_()
    loss = _loss(image, text, scale, batch, accelerator)
    loss.backward()
    by_image = _gradient(image).split([len(part[0]) for part in seen])
    padded = torch.cat([_gradient(text), torch.zeros_like(every_text[count:])])
    by_text = padded.split([len(part[1]) for part in seen])
    for number, (images, texts) in enumerate(parts):
        last = number == len(parts) - 1
        with nullcontext() if last else accelerator.no_sync(forward):
            seed(number)
            outputs = forward(images, texts)
            gradients = [by_image[number], by_text[number], _gradient(scale) if last else torch.zeros_like(scale)]
            taken = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o.requires_grad]
            torch.autograd.backward([o for o, _ in taken], [g for _, g in taken])
    return loss.detach()


def _gradient(leaf: torch.Tensor) -> torch.Tensor:
    """The gradient that a loss has left; zeros where it does not depend on the leaf."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _loss(
    image: torch.Tensor, text: torch.Tensor, scale: torch.Tensor, batch: Batch, accelerator: Accelerator
) -> torch.Tensor:
    """The loss over the shares of all processes."""
    text = text[batch.text_of_image.to(text.device)]
    text_ids = batch.text_ids.to(text.device)
    if accelerator.num_processes > 1:
        image, text = torch.cat(all_gather(image)), torch.cat(all_gather(text))
        text_ids = accelerator.gather(text_ids)
    return contrastive_loss(image, text, text_ids, scale)

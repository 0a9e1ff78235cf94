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

from steeldefectx.training.batches import Batches
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.inputs import Batch, Embeddings, FrozenForward, TextBank, TowerForward
from steeldefectx.training.losses import (
    class_embeddings,
    class_prompts_loss,
    contrastive_loss,
    same_text_loss,
    siglip_loss,
)
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
    scale = module.clip.model.logit_scale
    most = max(MAX_LOGIT_SCALE, scale.item())  # SigLIP's is above CLIP's bound from the start
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
        if scale.requires_grad:
            with torch.no_grad():
                scale.clamp_(max=most)
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

    def loss_of(embeddings: Embeddings) -> torch.Tensor:
        return _loss(config.loss, embeddings, batch, batches.bank, accelerator)

    if config.accumulate > 1:
        parts = batches.inputs.parts(images, texts, config.accumulate)
        return _backward_in_parts(forward, parts, batch.text_count, loss_of, seed, accelerator)
    seed(0)
    loss = loss_of(forward(images, texts))
    accelerator.backward(loss)
    return loss.detach()


def _backward_in_parts(
    forward: nn.Module,
    parts: list[tuple[Any, Any]],
    text_count: int,
    loss_of: Callable[[Embeddings], torch.Tensor],
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


def _loss(name: str, embeddings: Embeddings, batch: Batch, bank: TextBank, accelerator: Accelerator) -> torch.Tensor:
    """The loss over the shares of all processes."""
    image, text, scale, bias = embeddings
    several = accelerator.num_processes > 1
    if several:
        image = torch.cat(all_gather(image))
    if bank.classes is not None:
        labels = batch.labels.to(image.device)
        labels = accelerator.gather(labels) if several else labels
        return class_prompts_loss(image, class_embeddings(text, bank.classes.counts), labels, scale)
    text, text_ids = text[batch.text_of_image.to(text.device)], batch.text_ids.to(text.device)
    if several:
        text, text_ids = torch.cat(all_gather(text)), accelerator.gather(text_ids)
    if name == "siglip" and bias is not None:
        return siglip_loss(image, text, text_ids, scale, bias)
    return (same_text_loss if name == "same-text" else contrastive_loss)(image, text, text_ids, scale)

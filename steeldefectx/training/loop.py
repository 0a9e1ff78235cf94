"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.nn.functional import all_gather
from tqdm.auto import tqdm

from steeldefectx.training.config import TrainConfig
from steeldefectx.training.inputs import FrozenForward, FrozenInputs, TextBank, TowerForward, TowerInputs
from steeldefectx.training.losses import (
    class_embeddings,
    class_prompts_loss,
    contrastive_loss,
    same_text_loss,
    siglip_loss,
)

MAX_LOGIT_SCALE = math.log(100)
"""CLIP's own bound (Radford et al. 2021)."""
MAX_GRADIENT_NORM = 1.0


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """The learning rate of a step: linear rise over the warm-up, then constant or half a cosine to 0."""
    rising = config.warmup * steps
    if step < rising:
        return config.lr * (step + 1) / rising
    if config.schedule == "constant":
        return config.lr
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trained parameters: matrices with weight decay; biases, norms and scales without."""
    trained = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def epoch_batches(count: int, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """All of ``count`` samples in random order, in batches as near to ``batch_size`` as comes out even."""
    return np.array_split(rng.permutation(count), max(1, round(count / batch_size)))


def fit(
    module: FrozenForward | TowerForward,
    inputs: FrozenInputs | TowerInputs,
    bank: TextBank,
    config: TrainConfig,
    accelerator: Accelerator,
    log: Callable[[dict[str, Any]], None],
) -> None:
    """Train ``module`` in place on the loss that ``config`` names.

    Every process draws the same batches and takes its share of each; the loss sees all shares, so that the
    number of processes changes nothing but the speed.
    """
    trained_towers = isinstance(inputs, TowerInputs)
    optimizer = torch.optim.AdamW(parameter_groups(module, config.weight_decay), lr=config.lr)
    forward, optimizer = accelerator.prepare(module, optimizer)
    order = np.random.default_rng(config.seed)  # the same in every process, unlike what varies its samples
    chance = np.random.default_rng([config.seed, accelerator.process_index])
    generator = torch.Generator().manual_seed(config.seed * 1000 + accelerator.process_index)
    per_epoch = max(1, round(len(bank.of_image) / config.batch_size))
    steps, step = config.epochs * per_epoch, 0
    bar = tqdm(total=steps, desc="train", unit="step", disable=not accelerator.is_main_process, mininterval=0.5)
    module.train(trained_towers)
    for epoch in range(config.epochs):
        started, losses = time.perf_counter(), []
        for batch in epoch_batches(len(bank.of_image), config.batch_size, order):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, config)
            loss = _batch_loss(config.loss, forward, inputs, bank, batch, chance, generator, accelerator)
            accelerator.backward(loss)
            if trained_towers:
                accelerator.clip_grad_norm_(module.parameters(), MAX_GRADIENT_NORM)
            optimizer.step()
            optimizer.zero_grad()
            if module.clip.model.logit_scale.requires_grad:
                with torch.no_grad():
                    module.clip.model.logit_scale.clamp_(max=MAX_LOGIT_SCALE)
            losses.append(loss.detach())
            step += 1
            bar.update()
        mean = torch.stack(losses).mean().item()
        bar.set_postfix(epoch=f"{epoch + 1}/{config.epochs}", loss=f"{mean:.3f}")
        log({"epoch": epoch + 1, "loss": mean, "seconds": round(time.perf_counter() - started, 3)})
    bar.close()
    module.eval()


def _batch_loss(
    loss: str,
    forward: nn.Module,
    inputs: FrozenInputs | TowerInputs,
    bank: TextBank,
    batch: np.ndarray,
    chance: np.random.Generator,
    generator: torch.Generator,
    accelerator: Accelerator,
) -> torch.Tensor:
    """The loss of one batch; each distinct text in it is encoded once."""
    shares = accelerator.num_processes
    mine = batch[: len(batch) // shares * shares][accelerator.process_index :: shares]
    images = inputs.image_batch(mine, generator)
    if bank.classes is not None:
        labels = torch.from_numpy(bank.classes.labels[mine]).to(accelerator.device)
        image, text, scale, _ = forward(images, inputs.text_batch(bank.classes.rows))
        classes = class_embeddings(text, bank.classes.counts)
        if shares > 1:
            image, labels = torch.cat(all_gather(image)), accelerator.gather(labels)
        return class_prompts_loss(image, classes, labels, scale)
    numbers, row_of_image = np.unique(bank.of_image[mine], return_inverse=True)
    texts = inputs.text_batch(bank.draw(numbers, chance))
    image, text, scale, bias = forward(images, texts)
    text = text[torch.from_numpy(row_of_image).to(text.device)]
    text_ids = torch.from_numpy(bank.of_image[mine]).to(text.device)
    if shares > 1:
        image, text = torch.cat(all_gather(image)), torch.cat(all_gather(text))
        text_ids = accelerator.gather(text_ids)
    if loss == "siglip":
        return siglip_loss(image, text, text_ids, scale, bias)
    return (same_text_loss if loss == "same-text" else contrastive_loss)(image, text, text_ids, scale)

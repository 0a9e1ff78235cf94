"""The training loop: steps, epochs, held-out scores, snapshots."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import nn
from tqdm.auto import tqdm

from steeldefectx.errors import ConfigError
from steeldefectx.training.batches import Batches
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.gradients import backward
from steeldefectx.training.schedules import learning_rate
from steeldefectx.training.snapshot import Snapshots, gathered_state, load_trained_state, trained_state
from steeldefectx.training.trainable import TrainingModule
from steeldefectx.training.weight_average import WeightAverage
from steeldefectx.utils.prefetch import prefetch

MAX_GRADIENT_NORM = 1.0
MOMENTUM = 0.9
"""Of SGD."""


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Trained parameters: matrices with weight decay; biases, norms and scales without."""
    trained = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]


def make_optimizer(module: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum, over the trained parameters of ``module``."""
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
    module: TrainingModule,
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
        snapshots: Where a killed run resumes from.
        log: Takes a line for every epoch.
        score: Accuracy on held-out training images, after each epoch.

    Returns:
        How far it came, and which epoch was best.

    Raises:
        ConfigError: Weights are sharded, and a setting needs them whole after every step; or the loss or the weights
            are no longer finite, in which case the last snapshot is left as it is.
    """
    sharded = accelerator.distributed_type == DistributedType.FSDP
    if sharded and (config.ema or config.resume):
        raise ConfigError("ema and resume need whole weights: leave them out, or launch without FSDP.")
    # Sharded weights stay sharded: a copy is trained, and hands its weights over to be scored and saved.
    trained = _shardable_copy(module) if sharded else module
    optimizer = make_optimizer(trained, config)
    snapshot = snapshots.load(module, optimizer) if config.resume else None
    progress = Progress() if snapshot is None else Progress(**snapshot.progress)
    best = {} if snapshot is None else snapshot.best
    average = WeightAverage(module, config.ema, snapshot and snapshot.average) if config.ema else None
    prepared, prepared_optimizer = accelerator.prepare(trained, optimizer)

    steps = config.epochs * batches.per_epoch
    losses = [torch.tensor(loss) for loss in progress.losses]
    bar = tqdm(
        total=steps,
        initial=progress.step,
        desc="train",
        unit="step",
        disable=not accelerator.is_main_process,
        mininterval=0.5,
    )
    trained.train(module.trains_model)
    epoch_started = time.perf_counter()
    for batch in prefetch(batches, range(progress.step, steps)):
        rate = learning_rate(progress.step, batches.per_epoch, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = backward(prepared, batches.inputs, batch, progress.step, config, accelerator)
        refuse_divergence(loss, progress.step, config.lr)
        losses.append(loss)
        if module.trains_model and config.optimizer == "adamw":
            accelerator.clip_grad_norm_(trained.parameters(), MAX_GRADIENT_NORM)
        prepared_optimizer.step()
        prepared_optimizer.zero_grad()
        trained.after_step()
        progress.step += 1
        if average is not None:
            average.update(progress.step)
        bar.update()

        epoch, rest = divmod(progress.step, batches.per_epoch)
        if rest == 0:
            mean_loss = torch.stack([loss.to(accelerator.device) for loss in losses]).mean().item()
            seconds = round(time.perf_counter() - epoch_started, 3)
            line = {"epoch": epoch, "loss": mean_loss, "lr": rate, "seconds": seconds}
            if sharded and (score is not None or progress.step == steps):
                load_trained_state(module, gathered_state(trained))
            if score is not None:
                with nullcontext() if average is None else average.applied():
                    line["held_out_accuracy"] = _score(module, score)
                    if line["held_out_accuracy"] > progress.best_score:
                        progress.best_score, progress.best_epoch = line["held_out_accuracy"], epoch
                        best = {name: tensor.cpu().clone() for name, tensor in trained_state(module).items()}
            log(line)
            accelerator.log({key: value for key, value in line.items() if key != "epoch"}, step=progress.step)
            bar.set_postfix(epoch=f"{epoch}/{config.epochs}", loss=f"{mean_loss:.3f}")
            epoch_started, losses = time.perf_counter(), []

        if not sharded and snapshots.due():
            refuse_divergence(_extent(module), progress.step - 1, config.lr)
            progress.losses = [loss.item() for loss in losses]
            snapshots.save(module, optimizer, vars(progress), best, {} if average is None else average.state)
    bar.close()
    if best:
        load_trained_state(module, best)
    elif average is not None:
        load_trained_state(module, average.state)
    refuse_divergence(_extent(module), progress.step - 1, config.lr)
    module.eval()
    return progress


def refuse_divergence(value: torch.Tensor, step: int, lr: float) -> None:
    """Stop a run that has diverged.

    Args:
        value: The loss of a step, or what is not finite where a weight is not, see :func:`_extent`.
        step: Number of the step, from 0.
        lr: Peak learning rate of the run, for the message.

    Raises:
        ConfigError: The value is not finite.
    """
    if not value.isfinite():
        raise ConfigError(
            f"Training has diverged: the loss or the weights of step {step + 1} are no finite numbers. Nothing of it "
            f"is kept, and what was saved before stays. Give a lower --lr than {lr:g}, a longer --warmup, or "
            "--precision fp32."
        )


def _extent(module: TrainingModule) -> torch.Tensor:
    """Sum of all trained weights (scalar float32): infinite or not a number where one of them is."""
    return torch.stack([tensor.sum(dtype=torch.float32) for tensor in trained_state(module).values()]).sum()


def _shardable_copy(module: TrainingModule) -> TrainingModule:
    """A copy without scalar parameters, which FSDP does not shard: scale and bias of the logits stay as they are."""
    module = copy.deepcopy(module)
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            if parameter.ndim == 0:
                delattr(part, name)
                part.register_buffer(name, parameter.detach())
    return module


def _score(module: TrainingModule, score: Callable[[], float]) -> float:
    """Score in evaluation mode, then go back to training."""
    module.eval()
    accuracy = score()
    module.train(module.trains_model)
    return accuracy

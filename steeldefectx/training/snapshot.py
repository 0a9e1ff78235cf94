"""Snapshots of a run: a killed one resumes from its last, and ends in the weights it would have ended in."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.distributed.tensor import DTensor

from steeldefectx.errors import ConfigError

SNAPSHOT = "snapshot.safetensors"


def trained_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """What training changes: parameters with a gradient, and buffers (statistics of batch norms)."""
    parameters = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    return parameters | {name: buffer.detach() for name, buffer in module.named_buffers()}


def gathered_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """:func:`trained_state` of a module whose weights are sharded over processes; a call that all must make."""
    return {
        name: tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        for name, tensor in trained_state(module).items()
    }


def load_trained_state(module: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Put back what :func:`trained_state` gave."""
    current = trained_state(module)
    with torch.no_grad():
        for name, tensor in state.items():
            current[name].copy_(tensor)


class Snapshot(NamedTuple):
    """What a snapshot holds beside weights and moments, which :meth:`Snapshots.load` puts back."""

    progress: dict[str, Any]
    best: dict[str, torch.Tensor]
    """Weights of the best epoch so far; empty where there is none."""
    average: dict[str, torch.Tensor]
    """Averaged weights; empty where there are none."""


class Snapshots:
    """The snapshot of a run: one safetensors file, replaced as a whole.

    Batches and chance follow from the number of a step, see :mod:`.batches`: weights, their average, the optimizer's
    moments and that number are all there is to keep.

    Args:
        folder: Output folder of the run.
        identity: What the run depends on; a snapshot of another run is refused.
        minutes: Time from one snapshot to the next.
        writes: Whether this process writes it.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], minutes: float, *, writes: bool):
        self.file = folder / SNAPSHOT
        self.identity = json.dumps(identity, sort_keys=True, default=str)
        self.minutes = minutes
        self.writes = writes
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether enough time has passed since the last one."""
        return self.writes and time.monotonic() - self._last >= 60 * self.minutes

    def save(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        progress: Mapping[str, Any],
        best: Mapping[str, torch.Tensor],
        average: Mapping[str, torch.Tensor],
    ) -> None:
        """Write a snapshot: weights and moments, those of the best epoch, the average, and ``progress`` as JSON."""
        tensors = {f"trained.{name}": tensor for name, tensor in trained_state(module).items()}
        tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
        tensors |= {f"average.{name}": tensor for name, tensor in average.items()}
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_suffix(f".{os.getpid()}.tmp")
        metadata = {"identity": self.identity, "progress": json.dumps(progress, allow_nan=False)}
        # Cloned: safetensors refuses tensors that share memory, as tied weights do.
        save_file({name: tensor.cpu().clone().contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        temporary.replace(self.file)
        self._last = time.monotonic()

    def load(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> Snapshot | None:
        """Put a snapshot's weights and moments back; None where there is no snapshot.

        Raises:
            ConfigError: It is of a run with other settings, data or versions.
        """
        if not self.file.is_file():
            return None
        with safe_open(self.file, "pt") as content:
            metadata = content.metadata()
            _refuse_other(self.file, json.loads(metadata["identity"]), json.loads(self.identity))
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
        load_trained_state(module, _below("trained.", tensors))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _below("optimizer.", tensors).items():
            index, key = name.split(".", 1)
            moments.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
        return Snapshot(json.loads(metadata["progress"]), _below("best.", tensors), _below("average.", tensors))

    def remove(self) -> None:
        """The run is done."""
        if self.writes:
            self.file.unlink(missing_ok=True)


def _below(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _refuse_other(file: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    different = []
    for part, value in wanted.items():
        if isinstance(value, dict):
            before = saved.get(part, {})
            different += [key for key in value.keys() | before.keys() if before.get(key) != value.get(key)]
        elif saved.get(part) != value:
            different.append(part)
    if different:
        raise ConfigError(
            f"{file} is of a run that differs in {', '.join(sorted(different))}: give its settings, or leave out "
            "--resume to begin anew."
        )

"""The average of the weights along training, which is what is evaluated and saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from steeldefectx.training.snapshot import load_trained_state, trained_state


class WeightAverage:
    """Exponential moving average of what training changes: weights, and statistics of batch norms.

    ``average <- d average + (1 - d) weights`` after every step, with ``d = min(decay, (1 + step) / (10 + step))``, so
    that the weights of the first steps, which are little better than chance, are soon forgotten.

    Args:
        module: What is trained; the average begins with its weights.
        decay: 0..1; about ``1 / (1 - decay)`` steps count.
        state: The average so far, of a run that goes on.
    """

    def __init__(self, module: nn.Module, decay: float, state: Mapping[str, torch.Tensor] | None = None):
        self.module, self.decay = module, decay
        self._weights = trained_state(module)  # the tensors themselves, not copies
        self.state = {name: tensor.clone() for name, tensor in self._weights.items()}
        for name, tensor in (state or {}).items():
            self.state[name].copy_(tensor)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        floats = [name for name, tensor in self.state.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.state[n] for n in floats], [self._weights[n] for n in floats], 1 - decay)
        for name in self.state.keys() - set(floats):  # batch norms count their batches
            self.state[name].copy_(self._weights[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the ``with`` block the module has the averaged weights; afterwards its own again."""
        own = {name: tensor.clone() for name, tensor in self._weights.items()}
        load_trained_state(self.module, self.state)
        try:
            yield
        finally:
            load_trained_state(self.module, own)

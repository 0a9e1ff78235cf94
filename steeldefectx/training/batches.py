"""Batches by number: which images, which texts, how varied. A batch depends on the seed and its number alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from steeldefectx.training.inputs import Batch, TextBank

ORDER, CHANCE = 0, 1
"""Streams of random numbers of a run."""


class Batches:
    """All batches of a run.

    Every process draws a batch whole and takes its share of it, so that their number changes nothing. What an
    epoch leaves over (fewer images than a batch) is another part of the images in every epoch.

    Args:
        inputs: :class:`FrozenInputs` or :class:`TowerInputs`: makes tensors of images and texts.
        bank: The texts.
        labels: (N,) classes of the images.
        size: Images in a batch, over all processes.
        seed: Of order and chance.
        process: Number of this process, and of how many.
    """

    def __init__(
        self,
        inputs: Any,
        bank: TextBank,
        labels: np.ndarray,
        size: int,
        seed: int,
        process: tuple[int, int] = (0, 1),
    ):
        self.inputs, self.bank, self.labels, self.seed = inputs, bank, labels, seed
        self.rank, self.processes = process
        self.size = min(size, len(labels)) // self.processes * self.processes
        self.per_epoch = len(labels) // self.size
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def __call__(self, step: int) -> Batch:
        """The batch of a step; steps count through the epochs."""
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._random(ORDER, epoch).permutation(len(self.labels))
        whole = self._order[position * self.size : (position + 1) * self.size]
        rng = self._random(CHANCE, step)
        numbers = np.unique(self.bank.of_image[whole])
        forms = self.bank.draw(numbers, rng)
        share = slice(self.rank, None, self.processes)
        mine = whole[share]
        drawn = self.inputs.draw(len(whole), rng)
        own, text_of_image = np.unique(self.bank.of_image[mine], return_inverse=True)
        rows = forms[np.searchsorted(numbers, own)] if self.bank.classes is None else self.bank.classes.rows
        return Batch(
            self.inputs.image_batch(mine, drawn, share),
            self.inputs.text_batch(rows),
            len(rows),
            torch.from_numpy(text_of_image),
            torch.from_numpy(self.bank.of_image[mine]),
            torch.from_numpy(self.labels[mine]),
        )

    def _random(self, stream: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, number])

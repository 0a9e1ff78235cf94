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
        inputs: :class:`FrozenInputs`, :class:`TowerInputs` or ``ClassifierInputs``: makes tensors of images and texts.
        bank: The texts; None for a model that takes none.
        labels: (N,) classes of the images.
        size: Images in a batch, over all processes.
        seed: Of order and chance.
        process: Number of this process, and of how many.
    """

    def __init__(
        self,
        inputs: Any,
        bank: TextBank | None,
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
        share = slice(self.rank, None, self.processes)
        mine = whole[share]
        texts = {} if self.bank is None else self._texts(self.bank, whole, mine, rng)
        drawn = self.inputs.draw(len(whole), rng)
        return Batch(self.inputs.image_batch(mine, drawn, share), torch.from_numpy(self.labels[mine]), **texts)

    def _texts(self, bank: TextBank, whole: np.ndarray, mine: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
        """What a batch has of the texts of this process's images, drawn for those of all."""
        numbers = np.unique(bank.of_image[whole])
        forms = bank.draw(numbers, rng)
        own, text_of_image = np.unique(bank.of_image[mine], return_inverse=True)
        rows = forms[np.searchsorted(numbers, own)] if bank.classes is None else bank.classes.rows
        return {
            "texts": self.inputs.text_batch(rows),
            "text_count": len(rows),
            "text_of_image": torch.from_numpy(text_of_image),
            "text_ids": torch.from_numpy(bank.of_image[mine]),
        }

    def _random(self, stream: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, number])

"""Batches by number: which images, which texts, how varied. A batch depends on the seed and its number alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from steeldefectx.training.text_bank import TextBank
from steeldefectx.training.trainable import Batch, Inputs

ORDER, CHANCE = 0, 1
"""Random number streams: the order of the images in an epoch, and all that is drawn for a batch."""


class Batches:
    """All batches of a run.

    Every process draws a batch whole and takes its share of it, so that their number changes nothing. What an
    epoch leaves over (fewer images than a batch) is another part of the images in every epoch.

    Args:
        inputs: Makes tensors of images and texts.
        text_bank: The texts; None for a model that takes none.
        labels: (N,) classes of the images.
        size: Images in a batch, over all processes.
        seed: Of order and chance.
        process: Number of this process, and of how many.
    """

    def __init__(
        self,
        inputs: Inputs,
        text_bank: TextBank | None,
        labels: np.ndarray,
        size: int,
        seed: int,
        process: tuple[int, int] = (0, 1),
    ):
        self.inputs, self.text_bank, self.labels, self.seed = inputs, text_bank, labels, seed
        self.rank, self.processes = process
        self.size = min(size, len(labels)) // self.processes * self.processes
        self.per_epoch = len(labels) // self.size
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def __call__(self, step: int) -> Batch:
        """The batch of a step; steps count through the epochs."""
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._random(ORDER, epoch).permutation(len(self.labels))
        whole_batch = self._order[position * self.size : (position + 1) * self.size]
        share = slice(self.rank, None, self.processes)
        images = whole_batch[share]
        rng = self._random(CHANCE, step)
        texts = {} if self.text_bank is None else self._texts(self.text_bank, whole_batch, images, rng)
        drawn = self.inputs.draw(len(whole_batch), rng)
        return Batch(self.inputs.image_batch(images, drawn, share), torch.from_numpy(self.labels[images]), **texts)

    def _texts(
        self, bank: TextBank, whole_batch: np.ndarray, images: np.ndarray, rng: np.random.Generator
    ) -> dict[str, Any]:
        """The texts of this process's images; their forms are drawn for those of all processes."""
        numbers = np.unique(bank.of_image[whole_batch])
        forms = bank.draw(numbers, rng)
        numbers_here, text_of_image = np.unique(bank.of_image[images], return_inverse=True)
        rows = forms[np.searchsorted(numbers, numbers_here)] if bank.classes is None else bank.classes.rows
        return {
            "texts": self.inputs.text_batch(rows),
            "text_count": len(rows),
            "text_of_image": torch.from_numpy(text_of_image),
            "text_ids": torch.from_numpy(bank.of_image[images]),
        }

    def _random(self, stream: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, number])

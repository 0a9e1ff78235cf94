"""Images whose label their nearest neighbours contradict, by the features of the embedded model."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from steeldefectx.data.audit import Doubt
from steeldefectx.data.images import reads_alike
from steeldefectx.data.labelled import Split
from steeldefectx.data.sources import Sample, sample_pixels
from steeldefectx.features.encoding import Features
from steeldefectx.models.clip import load_clip
from steeldefectx.models.names import EMBEDDED
from steeldefectx.utils.grey_levels import to_display

NEIGHBOURS = 10
"""Images most like an image that vote on its class, at most; where classes are smaller, as many as fit in one."""
AGREED = 0.7
"""Share of the votes from which on another class than the label's is said: see ``benchmarks/label_check.py``."""
ROWS = 1024
"""Images compared with all others at a time."""


def doubtful_labels(samples: Sequence[Sample]) -> list[Doubt]:
    """Samples whose neighbours are mostly of one other class, the most contradicted first.

    Each image is left out of its own neighbours, and so are other samples of its file. A neighbour's vote counts by
    how near it is.

    Args:
        samples: All images, with their classes.
    """
    names = sorted({sample.class_name for sample in samples})
    labels = torch.tensor([names.index(sample.class_name) for sample in samples])
    if len(names) < 2:
        return []
    votes = neighbour_votes(_features(samples), labels, [str(sample.path) for sample in samples])
    own = votes.gather(1, labels[:, None])[:, 0]
    share, other = votes.scatter(1, labels[:, None], -1).max(1)
    found = [
        Doubt(position, names[int(other[position])], float(share[position]), float(own[position]))
        for position in torch.nonzero(share >= AGREED)[:, 0].tolist()
    ]
    return sorted(found, key=lambda doubt: doubt.own - doubt.share)


def neighbour_votes(features: torch.Tensor, labels: torch.Tensor, files: Sequence[str]) -> torch.Tensor:
    """The share that each class has among an image's nearest neighbours: (N, C), each row sums to 1.

    Args:
        features: (N, D) of N images.
        labels: (N,) int64, their classes.
        files: N names; images of the same file are no neighbours.
    """
    size = int(labels.bincount().float().quantile(0.5)) - 1
    neighbours = min(max(3, min(NEIGHBOURS, size)), len(labels) - 1)
    unit = torch.nn.functional.normalize(features - features.mean(0), dim=1)
    same = torch.tensor(np.unique(files, return_inverse=True)[1])
    votes = torch.zeros(len(unit), int(labels.max()) + 1)
    for start in range(0, len(unit), ROWS):
        rows = slice(start, start + ROWS)
        near = unit[rows] @ unit.T
        near[same[rows, None] == same[None]] = -1
        weight, neighbour = near.topk(neighbours)
        votes[rows].scatter_add_(1, labels[neighbour], weight.clamp(min=0))
    return votes / votes.sum(1, keepdim=True).clamp(min=1e-9)


def _features(samples: Sequence[Sample]) -> torch.Tensor:
    """(N, D) features, from the cache where they are there."""
    clip, device = load_clip(EMBEDDED), PartialState().device
    clip.to(device)
    cells = [_cell(sample) for sample in samples]
    hashes = [hashlib.sha256(cell["bytes"] or sample.path.read_bytes()).hexdigest() for cell, sample in
              zip(cells, samples, strict=True)]  # fmt: skip
    labels = np.zeros(len(samples), np.int64)
    split = Split(cells, hashes, np.arange(len(samples)), labels, {}, np.array([sample.source for sample in samples]))
    return Features(clip, device).images(split)


def _cell(sample: Sample) -> dict[str, Any]:
    """The image as a cell of a column: its file where that holds what the sample is, else that as PNG."""
    if sample.box is None and sample.page == 0 and reads_alike(sample.path):
        return {"bytes": None, "path": str(sample.path)}
    image, file = sample_pixels(replace(sample, mask=None))[0], io.BytesIO()
    (image if image.mode in ("L", "RGB", "I;16") else to_display(image)).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}

"""Cross-modal linear probing: texts are training examples beside the images (Lin et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from steeldefectx.methods.feature_space import all_views, softmax_regression, unit
from steeldefectx.methods.interface import Predictor, Task
from steeldefectx.methods.selection import Logits, choose


@dataclass(frozen=True)
class CrossModalConfig:
    """Settings of the cross-modal probe."""

    text: float = 0.5
    """Share of the texts in the loss."""
    ridge: float = 0.01
    """Towards the zero-shot classifier."""


CANDIDATES = [CrossModalConfig(text, ridge) for text in (0.5, 0.1, 0.02) for ridge in (0.01, 0.001, 0.1)]


def fit(task: Task) -> Predictor:
    """Linear classifier of image and text embeddings alike, that starts as the zero-shot one.

    "Multimodality Helps Unimodality": ``(1 - t) * mean CE of images + t * mean CE of texts`` over scaled products
    with unit-length embeddings. Text examples are the classes' own and, where shots have texts (T2, T3), those as well.
    Images are all views. Deviations: the minimum of that loss with a ridge towards the zero-shot classifier, found by
    L-BFGS, where the paper stops AdamW early; t is chosen on validation, where the paper has 1/2 (the default here).
    """
    images, image_labels, _ = all_views(task.shots)
    texts, text_labels = text_examples(task)
    rows = task.logit_scale * torch.cat([unit(images), texts])
    labels = torch.cat([image_labels, text_labels])

    def train(settings: CrossModalConfig) -> Logits:
        text = settings.text
        weights = torch.cat(
            [torch.full((len(images),), (1 - text) / len(images)), torch.full((len(texts),), text / len(texts))]
        )
        W = softmax_regression(rows, labels, weights, task.classes.embeddings, settings.ridge)
        return lambda features: task.logit_scale * unit(features) @ W.T

    return choose(task, CANDIDATES, train)


def text_examples(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit-length text embeddings (M, D) with labels (M,): of classes, and of the shots' own texts."""
    texts, labels = task.classes.embeddings, torch.arange(len(task.classes.names))
    if task.shots.texts is None:
        return texts, labels
    return torch.cat([texts, unit(task.shots.texts)]), torch.cat([labels, task.shots.labels])

"""CoOp (Zhou et al. 2022): the words before the class name are learnt, as vectors.

Sixteen vectors, the same for all classes, stand where "a photo of a" would: ``[V1] ... [V16] class name.`` They are
all that is trained, by cross-entropy over the classes, through the frozen text tower; image features are those that
were computed once. Class names are taken from ``Classes.names``; its texts are not used.

As published: vectors from N(0, 0.02), SGD with momentum 0.9, weight decay 5e-4 and learning rate 2e-3, an epoch of
1e-5 and then half a cosine to 0, 50 epochs at 1 shot, 100 at up to 4, 200 above, batches of 32 without an incomplete
one. Deviations: each step takes one of the views of an image that were encoded before, not a fresh one; with
validation images the vectors are those of the best of ten checkpoints (the original takes the last).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from steeldefectx import metrics
from steeldefectx.errors import ConfigError
from steeldefectx.methods.interface import Examples, Images, Predictor, Task, override
from steeldefectx.models.clip import Clip
from steeldefectx.training.losses import class_prompts_loss
from steeldefectx.training.schedules import half_cosine

DEVIATION = 0.02
"""Standard deviation of the vectors before training, as published."""
WARMUP_LR = 1e-5
"""Learning rate of the first epoch, as published."""
CHECKPOINTS = 10
"""So many epochs, evenly spaced, are tried on the validation images."""


@dataclass(frozen=True)
class CoOpConfig:
    """CoOp's settings, as published."""

    context: int = 16
    """How many vectors."""
    lr: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    batch_size: int = 32
    epochs: int | None = None
    """None: 50, 100 or 200, by the shots."""


class Prompts:
    """The prompts of C classes: learnt vectors, the class name, a full stop.

    Args:
        clip: The model; its text tower is used, its weights get no gradient.
        names: C class names.
        context: How many vectors stand before a name.

    Raises:
        ConfigError: The model's context has no room for so many and a name.
    """

    def __init__(self, clip: Clip, names: list[str], context: int):
        if context >= clip.context_length - 2:
            raise ConfigError(f"context {context}: {clip.name} reads {clip.context_length} tokens, names among them.")
        self.clip = clip
        self.context = context
        tokens = clip.tokenize([f"{name.replace('_', ' ')}." for name in names], room=context)
        ids = tokens["input_ids"]
        begins = clip.tokenizer.bos_token_id is not None and bool((ids[:, 0] == clip.tokenizer.bos_token_id).all())
        self.first = int(begins)
        """Where the vectors begin: after the start token, where the model has one."""
        device = clip.model.logit_scale.device
        # Any word holds the places of the vectors, but no special token: by those the towers find a text's end.
        self.tokens = {"input_ids": self._spread(ids, int(ids[0, self.first])).to(device)}
        if "attention_mask" in tokens:
            self.tokens["attention_mask"] = self._spread(tokens["attention_mask"], 1).to(device)

    def _spread(self, rows: torch.Tensor, value: int) -> torch.Tensor:
        """(C, L) -> (C, L + context): the value once for every vector."""
        places = rows.new_full((len(rows), self.context), value)
        return torch.cat([rows[:, : self.first], places, rows[:, self.first :]], dim=1)

    def embed(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors (context, W), W the width of the text tower, to unit-length embeddings of the classes (C, D)."""
        with self._in_place(vectors):
            return self.clip.embed_texts(self.clip.encode_texts(self.tokens))

    @contextmanager
    def _in_place(self, vectors: torch.Tensor) -> Iterator[None]:
        """The vectors instead of what the model looks up for the tokens in their places."""
        end = self.first + self.context

        def put(module: nn.Module, inputs: object, words: torch.Tensor) -> torch.Tensor:
            rows = vectors.to(words.dtype).expand(len(words), -1, -1)
            return torch.cat([words[:, : self.first], rows, words[:, end:]], dim=1)

        handle = token_embedding(self.clip).register_forward_hook(put)
        try:
            yield
        finally:
            handle.remove()


def token_embedding(clip: Clip) -> nn.Embedding:
    """The table of word vectors of a text tower: it has this name in CLIP, SigLIP and SteelCLIP."""
    return clip.model.get_submodule("text_model.embeddings.token_embedding")


def epochs_for(shots: int) -> int:
    """Published number of epochs for so many images a class."""
    return 50 if shots <= 1 else 100 if shots <= 4 else 200


def learning_rate(epoch: int, epochs: int, lr: float) -> float:
    """Of an epoch 0, 1, ...: a constant first one, then half a cosine, as the original's scheduler gives it."""
    return WARMUP_LR if epoch == 0 else lr * half_cosine(epoch - 1, epochs)


def fit(task: Task) -> Predictor:
    """Learn the vectors.

    Returns:
        A predictor that takes features alone. Chosen: the settings, and ``epochs`` that the vectors have been
        trained for.

    Raises:
        ConfigError: No model, an unknown setting, or one that the model has no room for.
    """
    if task.clip is None:
        raise ConfigError("coop trains through the text tower: it needs the model.")
    settings, clip = override(CoOpConfig(), task), task.clip
    prompts = Prompts(clip, task.classes.names, settings.context)
    table = token_embedding(clip).weight
    start = torch.empty(settings.context, table.shape[1])
    start.normal_(std=DEVIATION, generator=torch.Generator().manual_seed(task.seed))
    epochs = settings.epochs or epochs_for(int(task.shots.labels.bincount().max()))
    best_score, best, taken = -1.0, None, epochs
    for epoch, vectors in _train(prompts, start.to(table.device), task, settings, epochs):
        due = epoch == epochs or (task.validation is not None and epoch % max(1, epochs // CHECKPOINTS) == 0)
        if not due:
            continue
        with torch.no_grad():
            classes = prompts.embed(vectors)
        score = 0.0 if task.validation is None else _accuracy(clip, classes, task.validation)
        if score >= best_score:
            best_score, best, taken = score, classes, epoch
    assert best is not None
    return Predictor(lambda images: _logits(clip, best, images), asdict(settings) | {"epochs": taken})


def _train(
    prompts: Prompts, start: torch.Tensor, task: Task, settings: CoOpConfig, epochs: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """The vectors after each epoch, with the number of epochs done."""
    clip, device = prompts.clip, start.device
    views = torch.cat([task.shots.images.features[None], task.shots.views]).to(device)
    labels, scale = task.shots.labels.to(device), torch.tensor(task.logit_scale, device=device)
    vectors = start.clone().requires_grad_()
    optimizer = torch.optim.SGD(
        [vectors], lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    rng = np.random.default_rng(task.seed)
    size = min(settings.batch_size, len(labels))
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(epoch, epochs, settings.lr)
        order = rng.permutation(len(labels))
        for first in range(0, len(labels) - size + 1, size):
            rows = order[first : first + size]
            features = views[rng.integers(len(views), size=size), rows]
            with torch.no_grad():
                images = clip.embed_images(features)
            loss = class_prompts_loss(images, prompts.embed(vectors), labels[rows], scale)
            vectors.grad = torch.autograd.grad(loss, vectors)[0]  # of the vectors alone: the model is the caller's
            optimizer.step()
        yield epoch + 1, vectors


@torch.no_grad()
def _logits(clip: Clip, classes: torch.Tensor, images: Images) -> torch.Tensor:
    """(N, C) float32 on the CPU."""
    return clip.logits(images.features.to(classes.device), classes).float().cpu()


def _accuracy(clip: Clip, classes: torch.Tensor, examples: Examples) -> float:
    predictions = _logits(clip, classes, examples.images).argmax(dim=1)
    return metrics.accuracy(predictions.numpy(), examples.labels.numpy())

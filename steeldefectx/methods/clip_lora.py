"""CLIP-LoRA (Zanella & Ben Ayed 2024): low-rank matrices on q, k and v of every layer of both towers.

As published: rank 2, alpha 1, dropout 0.25, AdamW with learning rate 2e-4 and weight decay 0.01, half a cosine to
1e-6, batches of 32, 500 steps a shot, cross-entropy over the classes' prompts. Weights are PEFT's.

Deviations: images are varied as everywhere in this package (mirrored both ways, crops of half the area and more,
brightness and contrast; the latter alone for T2 and T3, whose words on location a mirror would falsify); the original
crops more (8 % and more) and mirrors left to right. Where a class has several texts, each step takes one of each at
random; predictions take all. 500 steps a shot are hours on a CPU: ``iterations_per_shot`` says otherwise.
Validation images are not used, nor does the original.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch

from steeldefectx.methods.interface import Images, Predictor, Task, override
from steeldefectx.methods.tower_tuning import batches, copy_of_model, in_batches, varied
from steeldefectx.models.clip import Clip, class_embeddings
from steeldefectx.models.peft_adapters import add_peft, keep_batch_statistics, merge
from steeldefectx.training.losses import class_prompts_loss
from steeldefectx.training.schedules import half_cosine

LAST_LR = 1e-6
"""What the cosine ends in, as published."""


@dataclass(frozen=True)
class ClipLoraConfig:
    """CLIP-LoRA's settings, as published."""

    lora_rank: int = 2
    lora_alpha: float = 1.0
    lora_dropout: float = 0.25
    lr: float = 2e-4
    weight_decay: float = 0.01
    batch_size: int = 32
    iterations_per_shot: int = 500


def fit(task: Task) -> Predictor:
    """Train the matrices and add them to the weights of a copy.

    Returns:
        A predictor that takes pixels.

    Raises:
        ConfigError: No model or no pixels, an unknown setting, or a tower without layers that LoRA goes on.
    """
    settings, clip = override(ClipLoraConfig(), task), copy_of_model(task, "clip-lora")
    device = clip.model.logit_scale.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(task.seed)  # of the matrices and of dropout
        add_peft(clip, "lora", "both", asdict(settings))
        _train(clip, task, settings)
    merged = merge(clip)
    classes = _classes(merged, task.classes.texts)

    def logits(images: Images) -> torch.Tensor:
        return in_batches(images, lambda pixels: merged.logits(merged.encode_images(pixels), classes), device)

    return Predictor(logits, asdict(settings))


def _train(clip: Clip, task: Task, settings: ClipLoraConfig) -> None:
    rng = np.random.default_rng(task.seed)
    steps = settings.iterations_per_shot * int(task.shots.labels.bincount().max())
    weights = [weight for weight in clip.model.parameters() if weight.requires_grad]
    kind = "geometric" if task.shots.texts is None else "photometric"
    optimizer = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    device = weights[0].device
    clip.model.train()
    keep_batch_statistics(clip.model)
    for step, rows in enumerate(batches(len(task.shots), settings.batch_size, steps, rng)):
        for group in optimizer.param_groups:
            group["lr"] = LAST_LR + (settings.lr - LAST_LR) * half_cosine(step, steps)
        tokens = clip.tokenize([texts[rng.integers(len(texts))] for texts in task.classes.texts]).to(device)
        image = clip.embed_images(clip.encode_images(varied(task.shots.images, rows, kind, rng).to(device)))
        text = clip.embed_texts(clip.encode_texts(tokens))
        loss = class_prompts_loss(image, text, task.shots.labels[rows].to(device), clip.model.logit_scale.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    clip.model.eval()


@torch.no_grad()
def _classes(clip: Clip, texts: list[list[str]]) -> torch.Tensor:
    """Unit-length embeddings (C, D) of classes: of each the mean over its texts."""
    device = clip.model.logit_scale.device
    embedded = [clip.embed_texts(clip.encode_texts(clip.tokenize(group).to(device))) for group in texts]
    return class_embeddings(torch.cat(embedded), [len(group) for group in texts])

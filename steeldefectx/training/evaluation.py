"""Evaluation: how well a model tells the classes of a split apart, given a text for each class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from steeldefectx import metrics
from steeldefectx.training.checkpoint import load_checkpoint
from steeldefectx.training.config import EvalConfig
from steeldefectx.training.data import Split, class_texts, load_data
from steeldefectx.training.features import Features
from steeldefectx.training.results import RESULTS, Stopwatch, read_results, versions

ALL = "all"


@torch.inference_mode()
def class_logits(features: Features, split: Split, prompts: list[list[str]]) -> torch.Tensor:
    """Logits (N images, C classes) float32 on the CPU: scaled cosines with the classes' texts."""
    images, classes = (
        features.images(split).to(features.device),
        features.classes(prompts).to(features.device),
    )
    return features.clip.logits(images, classes).float().cpu()


def scores(logits: torch.Tensor, labels: np.ndarray, classes: list[str]) -> dict[str, object]:
    """``accuracy``, ``mean_accuracy``, ``macro_f1``, ``calibration_error`` and ``per_class`` recall, all 0..1."""
    confidences, best = logits.softmax(dim=1).max(dim=1)
    predictions = best.numpy()
    recalls = metrics.per_class_recall(predictions, labels)
    return {
        "accuracy": metrics.accuracy(predictions, labels),
        "mean_accuracy": metrics.mean_accuracy(predictions, labels),
        "macro_f1": metrics.macro_f1(predictions, labels),
        "calibration_error": metrics.calibration_error(predictions, labels, confidences.numpy()),
        "per_class": {classes[label]: recall for label, recall in recalls.items()},
    }


def evaluate_checkpoint(config: EvalConfig) -> dict[str, Any]:
    """Evaluate a checkpoint, or any CLIP zero-shot, on the classes that the data have.

    Where ``config`` leaves the data or the text level open, those of the checkpoint's own run are taken.

    Returns:
        What ``results.json`` holds. Accuracies are fractions.

    Raises:
        ModelError: No checkpoint that can be loaded.
        DataError: Images or texts that cannot be used.
        ConfigError: Data neither given nor known from the checkpoint's run.
    """
    watch, device = Stopwatch(), PartialState().device
    recipe = _own_recipe(config.checkpoint)
    settings = config.data_settings(recipe)
    level = config.text or recipe.get("test_text", "T0")
    with watch("load_data"):
        data = load_data(**settings)
    with watch("load_model"):
        clip, _ = load_checkpoint(config.checkpoint)
        clip.to(device)
    prompts = class_texts(data, level)
    clip.report_cut([text for texts_of_class in prompts for text in texts_of_class], f"{level} class")
    parts = list(data.splits.values()) if config.split == ALL else [data.split(config.split)]
    with watch("evaluate"):
        features = Features(clip, device)
        logits = torch.cat([class_logits(features, part, prompts) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    return {
        "task": "evaluate",
        "dataset": settings["data_dir"] or settings["config"],
        "config": settings["config"],
        "checkpoint": config.checkpoint,
        "model": recipe.get("model", config.checkpoint),
        "method": recipe.get("method", "zero-shot"),
        "train_text": recipe.get("train_text"),
        "test_text": level,
        "evaluated_on": config.split,
        "shots": None,
        "seed": recipe.get("seed"),
        **scores(logits, labels, data.classes),
        "n_test": len(labels),
        "classes": data.classes,
        "seconds": watch.total(),
        "encoded": {"images": features.encoded_images, "texts": features.encoded_texts},
        "recipe": recipe,
        "data_fingerprint": data.fingerprint,
        "versions": versions(),
    }


def _own_recipe(checkpoint: str) -> dict[str, Any]:
    """Settings that a checkpoint was trained with; empty for a model that no run here has made."""
    results = read_results(Path(checkpoint).expanduser() / RESULTS)
    return results["recipe"] if results else {}

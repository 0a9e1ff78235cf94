"""Evaluation: how well a model tells the classes of a split apart, by a text for each class or by pixels alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from steeldefectx.data.labelled import Data, Split, class_texts, load_data
from steeldefectx.errors import ConfigError, DataError, ModelError
from steeldefectx.features.encoding import Features
from steeldefectx.features.logits import class_logits, classifier_logits
from steeldefectx.inference.eval_config import EvalConfig
from steeldefectx.metrics.scores import scores
from steeldefectx.models.calibration import Calibration, calibration_results, read_calibration
from steeldefectx.models.checkpoint import checkpoint_folder, load_checkpoint
from steeldefectx.models.clip import Clip
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.models.names import CLASSIFIER, TINY
from steeldefectx.utils.results import RESULTS, Stopwatch, read_results, versions

ALL = "all"


def evaluate_checkpoint(config: EvalConfig) -> dict[str, Any]:
    """Evaluate a checkpoint, any CLIP zero-shot or any image classifier, on the classes that the data have.

    Where ``config`` leaves the data or the text level open, those of the checkpoint's own run are taken.

    Returns:
        What ``results.json`` holds. Accuracies are fractions.

    Raises:
        ModelError: No checkpoint that can be loaded.
        DataError: Images or texts that cannot be used, or classes that an image classifier does not know.
        ConfigError: Data neither given nor known from the checkpoint's run.
    """
    watch, device = Stopwatch(), PartialState().device
    recipe = own_recipe(config.checkpoint)
    settings = config.data_settings(recipe)
    with watch("load_data"):
        data = load_data(**settings)
    with watch("load_model"):
        model, _ = load_checkpoint(config.checkpoint)
        model.to(device)
        calibration = read_calibration(config.checkpoint)
    parts = list(data.splits.values()) if config.split == ALL else [data.split(config.split)]
    if isinstance(model, ImageClassifier):
        outcome = _evaluate_classifier(model, data, parts, config, device, watch, calibration)
    else:
        level = config.text or recipe.get("test_text", "T0")
        outcome = _evaluate_clip(model, data, parts, level, device, watch, calibration)
        outcome["train_text"] = recipe.get("train_text")
    return {
        "task": "evaluate",
        "dataset": settings["data_dir"] or settings["config"],
        "config": settings["config"],
        "checkpoint": config.checkpoint,
        "model": recipe.get("model", config.checkpoint),
        "method": recipe.get("method", CLASSIFIER if isinstance(model, ImageClassifier) else "zero-shot"),
        "evaluated_on": config.split,
        "shots": None,
        "seed": recipe.get("seed"),
        **outcome,
        "n_test": sum(map(len, parts)),
        "classes": data.classes,
        "seconds": watch.total(),
        "recipe": recipe,
        "data_fingerprint": data.fingerprint,
        "versions": versions(),
    }


def _evaluate_clip(
    clip: Clip,
    data: Data,
    parts: list[Split],
    level: str,
    device: torch.device,
    watch: Stopwatch,
    calibration: Calibration | None,
) -> dict[str, Any]:
    """Each image against the texts of the classes that the data have."""
    prompts = class_texts(data, level)
    clip.report_cut([text for texts_of_class in prompts for text in texts_of_class], f"{level} class")
    with watch("evaluate"):
        features = Features(clip, device)
        logits = torch.cat([class_logits(features, part, prompts) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    encoded = {"images": features.encoded_images, "texts": features.encoded_texts}
    return {
        "test_text": level,
        **scores(logits, labels, data.classes),
        **calibration_results(calibration, logits, labels),
        "encoded": encoded,
    }


def _evaluate_classifier(
    model: ImageClassifier,
    data: Data,
    parts: list[Split],
    config: EvalConfig,
    device: torch.device,
    watch: Stopwatch,
    calibration: Calibration | None,
) -> dict[str, Any]:
    """Each image among all classes that the classifier knows, also those that the data have no image of."""
    if config.text is not None:
        raise ConfigError(f"--text {config.text}: {config.checkpoint} is an image classifier, which takes no texts.")
    unknown = [name for name in data.classes if name not in model.classes]
    if unknown:
        raise DataError(
            f"{config.checkpoint} does not know {', '.join(unknown)}: it was trained on {', '.join(model.classes)}. "
            "Evaluate it on images of these, or train it on those."
        )
    with watch("evaluate"):
        logits = torch.cat([classifier_logits(model, part, device) for part in parts])
    position = np.array([model.classes.index(name) for name in data.classes])
    labels = position[np.concatenate([part.labels for part in parts])]
    return {
        "train_text": None,
        "test_text": None,
        **scores(logits, labels, model.classes),
        **calibration_results(calibration, logits, labels),
        "encoded": {"images": 0, "texts": 0},
    }


def own_recipe(checkpoint: str) -> dict[str, Any]:
    """Settings that a checkpoint was trained with; empty for a model that no run has made.

    Of a checkpoint on the Hub those that say which data are left out where they name a folder.

    Raises:
        ModelError: No checkpoint there, or results without settings.
    """
    if checkpoint == TINY:
        return {}
    recipe = (read_results(checkpoint_folder(checkpoint) / RESULTS) or {}).get("recipe", {})
    if not isinstance(recipe, dict):
        raise ModelError(f"{checkpoint}: {RESULTS} has no recipe; remove the file, and give --config.")
    if recipe.get("data_dir") and not Path(checkpoint).expanduser().is_dir():
        return {key: value for key, value in recipe.items() if key not in ("config", "data_dir")}
    return recipe

"""Evaluation: how well a model tells the classes of a split apart, by a text for each class or by pixels alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from steeldefectx.data.builder import resolved_config
from steeldefectx.data.labelled import Data, Split, class_texts, load_data, notes_on_scores
from steeldefectx.errors import ConfigError, DataError, ModelError
from steeldefectx.features.encoding import Features
from steeldefectx.features.logits import class_logits, classifier_logits
from steeldefectx.inference.eval_config import EvalConfig
from steeldefectx.metrics.scores import scores
from steeldefectx.models.calibration import calibration_results, read_calibration
from steeldefectx.models.checkpoint import checkpoint_folder, load_checkpoint
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.models.names import CLASSIFIER, TINY
from steeldefectx.utils.results import RESULTS, Stopwatch, read_results, versions

ALL = "all"
HEADLINE = ("accuracy", "mean_accuracy")


def evaluate_checkpoint(config: EvalConfig) -> dict[str, Any]:
    """Evaluate a checkpoint, any CLIP zero-shot or any image classifier.

    Where ``config`` leaves the data or the text level open, those of the checkpoint's own run are taken.

    Returns:
        What ``results.json`` holds; accuracies are fractions. ``among`` says which classes the scores are among, and
        ``scores_among`` has ``accuracy``, ``mean_accuracy`` and the number of ``classes`` of each way there is.

    Raises:
        ModelError: No checkpoint that can be loaded.
        DataError: Images or texts that cannot be used, or classes that the checkpoint does not know.
        ConfigError: Data neither given nor known from the checkpoint's run, or a text level for a model without texts.
    """
    watch, device = Stopwatch(), PartialState().device
    recipe = own_recipe(config.checkpoint)
    settings = config.data_settings(recipe)
    settings["config"] = resolved_config(settings["config"], settings["data_dir"], settings["zip_encoding"])
    with watch("load_data"):
        data = load_data(**settings)
    with watch("load_model"):
        model, own_texts = load_checkpoint(config.checkpoint)
        model.to(device)
        calibration = read_calibration(config.checkpoint)
    parts = list(data.splits.values()) if config.split == ALL else [data.split(config.split)]
    labels = np.concatenate([part.labels for part in parts])
    if isinstance(model, ImageClassifier):
        if config.text is not None:
            raise ConfigError(
                f"--text {config.text}: {config.checkpoint} is an image classifier, which takes no texts."
            )
        level, encoded = None, {"images": 0, "texts": 0}
        with watch("evaluate"):
            logits_among = _classifier_logits(model, data, parts, config, device)
    else:
        level = config.text or recipe.get("test_text", "T0")
        features = Features(model, device)
        with watch("evaluate"):
            logits_among = _clip_logits(features, data, parts, level, own_texts or {})
        encoded = {"images": features.encoded_images, "texts": features.encoded_texts}
    if config.among not in logits_among:
        raise DataError(f"--among checkpoint: {_unknown_classes(config.checkpoint, data, list(own_texts or {}))}")
    scores_among = {}
    for among, (logits, classes) in logits_among.items():
        position = np.array([classes.index(name) for name in data.classes])
        scores_among[among] = scores(logits, position[labels], classes)
        if among == config.among:
            calibrated = calibration_results(calibration, logits, position[labels])
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
        "train_text": None if level is None else recipe.get("train_text"),
        "test_text": level,
        "among": config.among,
        **scores_among[config.among],
        **calibrated,
        "scores_among": {
            among: {"classes": len(logits_among[among][1]), **{key: found[key] for key in HEADLINE}}
            for among, found in scores_among.items()
        },
        "scored_in": "float32",
        "encoded": encoded,
        "n_test": sum(map(len, parts)),
        "classes": data.classes,
        "notes": notes_on_scores(data, parts, {level}),
        "seconds": watch.total(),
        "recipe": recipe,
        "data_fingerprint": data.fingerprint,
        "versions": versions(),
    }


LogitsAmong = dict[str, tuple[torch.Tensor, list[str]]]
"""``data`` or ``checkpoint`` -> logits (N, C) and the names of the C classes."""


def _clip_logits(
    features: Features, data: Data, parts: list[Split], level: str, own_texts: dict[str, list[str]]
) -> LogitsAmong:
    """Against the texts of the classes that the data have; and, where these are all known, of all its own classes."""
    prompts = {"data": (class_texts(data, level), data.classes)}
    if set(data.classes) <= set(own_texts):
        prompts["checkpoint"] = (list(own_texts.values()), list(own_texts))
    logits = {}
    for among, (texts, classes) in prompts.items():
        features.clip.report_cut([text for texts_of_class in texts for text in texts_of_class], f"{level} class")
        logits[among] = torch.cat([class_logits(features, part, texts) for part in parts]), classes
    return logits


def _classifier_logits(
    model: ImageClassifier, data: Data, parts: list[Split], config: EvalConfig, device: torch.device
) -> LogitsAmong:
    """Among all classes that the classifier knows, and among those of them that the data have."""
    if not set(data.classes) <= set(model.classes):
        raise DataError(_unknown_classes(config.checkpoint, data, model.classes))
    logits = torch.cat([classifier_logits(model, part, device) for part in parts])
    columns = [model.classes.index(name) for name in data.classes]
    return {"data": (logits[:, columns], data.classes), "checkpoint": (logits, model.classes)}


def _unknown_classes(checkpoint: str, data: Data, known: list[str]) -> str:
    unknown = [name for name in data.classes if name not in known]
    return (
        f"{checkpoint} does not know {', '.join(unknown)}: it knows {', '.join(known) or 'no classes of its own'}. "
        "Evaluate it on images of these, or train it on those."
    )


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

"""The four tasks: from a cell to what it finds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from steeldefectx.benchmark import few_shot
from steeldefectx.benchmark.controls import dealt_anew, restricted
from steeldefectx.benchmark.grid import ALL, ZERO_SHOT, Cell
from steeldefectx.benchmark.result_lines import Found
from steeldefectx.data.labelled import ROW_SETTINGS, Data, Split, class_texts, load_data
from steeldefectx.errors import ConfigError
from steeldefectx.features.encoding import Features
from steeldefectx.features.logits import class_logits, classifier_logits
from steeldefectx.models.checkpoint import load_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.models.names import CLIP_ADAPTER
from steeldefectx.models.precision import dtype_for
from steeldefectx.taxonomy import SOURCES
from steeldefectx.training.config import TrainConfig, default_recipe, load_recipe
from steeldefectx.training.run import run
from steeldefectx.utils.results import RESULTS, Stopwatch, read_results, versions

RUNS = "runs"
"""Folder of the checkpoints that cells have trained. It may be deleted: finished cells do not need it."""
TRAINING_TEXT = "T0"
"""Text level that a training run reports on beside its cells' own."""


class Workbench:
    """Runs cells; keeps what they share: data, and models with the features they have encoded.

    Args:
        folder: Of the results.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._data: dict[tuple[Any, ...], Data] = {}
        self._features: dict[str, Features] = {}

    def data(self, cell: Cell) -> Data:
        """A cell's data, as they were loaded.

        Raises:
            DataError: Images that cannot be used.
            ConfigError: An unknown config, or no folder where one is needed.
        """
        return self._load(cell.config, cell.data_dir, cell)

    def target(self, cell: Cell) -> Data | None:
        """The other data set that a cell tests on, if any."""
        if cell.test_on is None or cell.test_on in SOURCES:
            return None
        config, folder = cell.test_on.split(":", 1)
        return self._load(config, folder or None, cell)

    def _load(self, config: str, data_dir: str | None, cell: Cell) -> Data:
        settings = {name: getattr(cell, name) for name in ROW_SETTINGS}
        if config != cell.config or data_dir != cell.data_dir:
            settings["annotations"] = None  # they are of the images trained on
        key = (config, data_dir, *settings.values())
        if key not in self._data:
            self._data[key] = load_data(config, data_dir, **settings)
        return self._data[key]

    def fingerprint(self, cell: Cell) -> str:
        """Of all data that a cell trains and tests on."""
        target = self.target(cell)
        return self.data(cell).fingerprint + ("" if target is None else f"+{target.fingerprint}")

    def key(self, cell: Cell) -> str:
        """A cell's id: a hash of all that decides its result. Where images and texts lie does not."""
        settings = _settings(cell)
        decisive = asdict(cell) | {"settings": settings, "recipe": None, "method": settings.get("method", cell.method)}
        decisive["test_on"] = cell.test_on if cell.test_on in SOURCES else None
        for part in (decisive, decisive["settings"]):
            for name in ("data_dir", "skip_bad", "t1_file", "annotations"):
                part.pop(name, None)
        content = [decisive, self.fingerprint(cell)]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def run(self, cell: Cell, watch: Stopwatch) -> Found:
        """What a cell finds.

        Raises:
            DataError: Images or texts that the cell needs and the data lack.
            ModelError: A model that cannot be loaded.
            ConfigError: Settings that do not fit together.
        """
        with watch("load_data"):
            data = self.data(cell)
        if cell.task == "task3":
            return self._few_shot(cell, data, watch)
        if cell.task == "task4":
            return self._transfer(cell, data, watch)
        test = Tested([data.split("test")], data.classes)
        return self._trained(cell, _with_control(data, cell), test, watch)

    def features(self, model: str) -> Features:
        """A frozen model, loaded once."""
        if model not in self._features:
            clip, device = load_clip(model), PartialState().device
            clip.to(device)
            self._features[model] = Features(clip, device, dtype_for("auto", device))
        return self._features[model]

    def _few_shot(self, cell: Cell, data: Data, watch: Stopwatch) -> Found:
        with watch("load_model"):
            features = self.features(cell.model)
        train = _with_control(data, cell).split("train")
        with watch("fit"):
            predictor, shots = few_shot.fit(cell, train, data.classes, features)
        with watch("test"):
            test = data.split("test")
            logits = predictor.logits(few_shot.images_of(test, features)).float().cpu()
        return Found(
            logits,
            test.labels,
            test.hashes,
            data.classes,
            train=shots if cell.shots else None,
            train_classes=data.classes,
            method=str(cell.method),
            chosen=predictor.chosen,
            validated=cell.choose and bool(cell.shots),
        )

    def _transfer(self, cell: Cell, data: Data, watch: Stopwatch) -> Found:
        """Trained on some data, tested on others with their own class names."""
        other = self.target(cell)
        sources = {str(source) for split in data.splits.values() for source in split.sources}
        chosen = sources if cell.train_on == ALL else set(cell.train_on.split("+"))
        left_out = {cell.test_on} & sources
        trained = data if cell.train_on == ALL and not left_out else restricted(data, chosen - left_out)
        if other is None:
            # Its test images alone: what models find that were trained on that source too compares with this.
            tested = restricted(data, {str(cell.test_on)})
            test = Tested([tested.split("test")], tested.classes)
        else:
            test = Tested(list(other.splits.values()), other.classes)
        return self._trained(cell, _with_control(trained, cell), test, watch)

    def _trained(self, cell: Cell, data: Data, test: Tested, watch: Stopwatch) -> Found:
        if cell.method == ZERO_SHOT:
            with watch("load_model"):
                features = self.features(cell.model)
            return _found(cell, features, data, test, watch)
        config = self._config(cell, data)
        with watch("train"):
            if read_results(Path(config.output_dir) / RESULTS) is None:  # else an earlier cell has trained the same
                run(config, data)
        with watch("load_checkpoint"):
            model = _checkpoint(config)
        found = _found(cell, model, data, test, watch)
        found.train, found.train_classes = data.split("train"), data.classes
        found.method, found.recipe = config.method, config.resolved()
        return found

    def _config(self, cell: Cell, data: Data) -> TrainConfig:
        settings = _settings(cell)
        if cell.test_text and not settings.get("hold_out"):
            settings["test_text"] = TRAINING_TEXT  # decides nothing: one run serves all levels that it is tested with
        config = TrainConfig(**settings, resume=True, tracker="none")
        content = [config.resolved(), data.fingerprint, versions()]
        name = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
        config.output_dir = str(self.folder / RUNS / name)
        return config


@dataclass(frozen=True)
class Tested:
    """Test images, and the classes that they are told apart into."""

    parts: list[Split]
    classes: list[str]


def _found(cell: Cell, model: Features | ImageClassifier, data: Data, test: Tested, watch: Stopwatch) -> Found:
    """What a model finds; for the classes stand the texts of the data that it was trained on, or their own."""
    with watch("test"):
        if isinstance(model, ImageClassifier):
            device = PartialState().device
            logits = torch.cat([classifier_logits(model, part, device) for part in test.parts])
        else:
            level = str(cell.test_text)
            known = data.split("train") if level in ("T2", "T3") else test.parts[0]
            prompts = class_texts(Data(test.classes, {"train": known}), level)
            logits = torch.cat([class_logits(model, part, prompts) for part in test.parts])
    labels = np.concatenate([part.labels for part in test.parts])
    return Found(logits, labels, [h for part in test.parts for h in part.hashes], test.classes)


def _checkpoint(config: TrainConfig) -> Features | ImageClassifier:
    """What a run has trained, ready to be tested."""
    model, _ = load_checkpoint(config.output_dir)
    device = PartialState().device
    model.to(device)
    if isinstance(model, ImageClassifier):
        return model
    frozen = config.method == CLIP_ADAPTER
    return Features(model, device, dtype_for("auto", device) if frozen else torch.float32, keep=frozen)


def _settings(cell: Cell) -> dict[str, Any]:
    """Settings of a cell's training: the recipe's, then the cell's. For few-shot cells, the cell's alone."""
    if cell.task == "task3" or cell.method == ZERO_SHOT:
        return dict(cell.settings)
    recipe = load_recipe(cell.recipe or default_recipe(cell.method, cell.model))
    unknown = cell.settings.keys() - {f.name for f in fields(TrainConfig)}
    if unknown:
        raise ConfigError(f"unknown settings {', '.join(sorted(unknown))}; steeldefectx train --help lists them.")
    named = {k: getattr(cell, k) for k in ("method", "train_text", "test_text") if getattr(cell, k) is not None}
    data = {k: getattr(cell, k) for k in ("config", "data_dir", *ROW_SETTINGS)}
    return {**recipe, **cell.settings, **named, **data, "model": cell.model, "seed": cell.seed}


def _with_control(data: Data, cell: Cell) -> Data:
    """Data whose training texts are dealt out anew, where the cell says so."""
    if cell.text_control is None:
        return data
    level = cell.test_text if cell.task == "task3" else cell.train_text
    train = dealt_anew(data.split("train"), str(level), cell.text_control, cell.seed)
    return Data(data.classes, {**data.splits, "train": train})

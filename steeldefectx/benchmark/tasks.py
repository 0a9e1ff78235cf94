"""The four tasks: from a cell to what it predicts for the test images."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from filelock import FileLock

from steeldefectx.benchmark import few_shot
from steeldefectx.benchmark.controls import keep_sources, shuffle_texts
from steeldefectx.benchmark.grid import ALL, ZERO_SHOT, Cell
from steeldefectx.benchmark.result_lines import Outcome
from steeldefectx.data.labelled import ROW_SETTINGS, Data, Split, class_texts, load_data
from steeldefectx.errors import ConfigError
from steeldefectx.features.encoding import Features
from steeldefectx.features.logits import class_logits, classifier_logits
from steeldefectx.models.checkpoint import load_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.models.names import CLIP_ADAPTER
from steeldefectx.taxonomy import SOURCES
from steeldefectx.training.config import TrainConfig, default_recipe, load_recipe
from steeldefectx.training.run import run
from steeldefectx.utils.fingerprint import code_hash
from steeldefectx.utils.results import RESULTS, RUN_CODE, Stopwatch, read_results, versions

RUNS = "runs"
"""Folder of the checkpoints that cells have trained. It may be deleted: finished cells do not need it."""
CELL_CODE = ("methods/*.py", "benchmark/tasks.py", "benchmark/few_shot.py", "benchmark/controls.py")
"""What a cell's result depends on beside its settings, its rows and what a training run depends on."""
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
        """A cell's id: a hash of all that decides its result; where images and texts lie does not."""
        settings = _settings(cell)
        decisive = asdict(cell) | {"settings": settings, "recipe": None, "method": settings.get("method", cell.method)}
        decisive["test_on"] = cell.test_on if cell.test_on in SOURCES else None
        for part in (decisive, decisive["settings"]):
            for name in ("data_dir", "skip_bad", "t1_file", "t1", "annotations"):
                part.pop(name, None)
        content = [decisive, self.fingerprint(cell), code_hash(*RUN_CODE, *CELL_CODE)]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def run(self, cell: Cell, watch: Stopwatch) -> Outcome:
        """Train what a cell needs, and predict the classes of its test images.

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
        return self._trained(cell, data, TestImages([data.split("test")], data.classes), watch)

    def features(self, model: str) -> Features:
        """A frozen model, loaded once."""
        if model not in self._features:
            clip, device = load_clip(model), PartialState().device
            clip.to(device)
            self._features[model] = Features(clip, device)
        return self._features[model]

    def _few_shot(self, cell: Cell, data: Data, watch: Stopwatch) -> Outcome:
        with watch("load_model"):
            features = self.features(cell.model)
        with watch("fit"):
            predictor, shots = few_shot.fit(cell, data.split("train"), data.classes, features)
        with watch("test"):
            test = data.split("test")
            logits = predictor.logits(few_shot.images_of(test, features)).float().cpu()
        return Outcome(
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

    def _transfer(self, cell: Cell, data: Data, watch: Stopwatch) -> Outcome:
        """Trained on some data, tested on others with their own class names."""
        other = self.target(cell)
        sources = {str(source) for split in data.splits.values() for source in split.sources}
        chosen = sources if cell.train_on == ALL else set(cell.train_on.split("+"))
        left_out = {cell.test_on} & sources
        trained = data if cell.train_on == ALL and not left_out else keep_sources(data, chosen - left_out)
        if other is None:
            # Its test images alone: what models find that were trained on that source too compares with this.
            tested = keep_sources(data, {str(cell.test_on)})
            test = TestImages([tested.split("test")], tested.classes)
        else:
            test = TestImages(list(other.splits.values()), other.classes)
        return self._trained(cell, trained, test, watch)

    def _trained(self, cell: Cell, data: Data, test: TestImages, watch: Stopwatch) -> Outcome:
        if cell.method == ZERO_SHOT:
            with watch("load_model"):
                features = self.features(cell.model)
            return _predict(cell, features, data, test, watch)
        training = data
        if cell.text_control:
            train = shuffle_texts(data.split("train"), str(cell.train_text), cell.text_control, cell.seed)
            training = Data(data.classes, {**data.splits, "train": train})
        config = self._config(cell, training)
        with watch("train"):
            _train_once(config, training)
        with watch("load_checkpoint"):
            model = _checkpoint(config)
        outcome = _predict(cell, model, data, test, watch)
        outcome.train, outcome.train_classes = data.split("train"), data.classes
        outcome.method, outcome.recipe = config.method, config.resolved()
        return outcome

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
class TestImages:
    """Test images, and the classes that they are told apart into."""

    parts: list[Split]
    classes: list[str]


def _train_once(config: TrainConfig, data: Data) -> None:
    """Train a run, unless an earlier cell has trained the same; a worker that needs it meanwhile waits."""
    folder = Path(config.output_dir)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if read_results(folder / RESULTS) is None:
            run(config, data)


def _predict(cell: Cell, model: Features | ImageClassifier, data: Data, test: TestImages, watch: Stopwatch) -> Outcome:
    """Score the test images; for the classes stand the texts of the data that were trained on, or their own."""
    with watch("test"):
        if isinstance(model, ImageClassifier):
            device = PartialState().device
            logits = torch.cat([classifier_logits(model, part, device) for part in test.parts])
        else:
            level = str(cell.test_text)
            described = data.split("train") if level in ("T2", "T3") else test.parts[0]
            prompts = class_texts(Data(test.classes, {"train": described}), level)
            logits = torch.cat([class_logits(model, part, prompts) for part in test.parts])
    labels = np.concatenate([part.labels for part in test.parts])
    return Outcome(logits, labels, [h for part in test.parts for h in part.hashes], test.classes)


def _checkpoint(config: TrainConfig) -> Features | ImageClassifier:
    """What a run has trained, ready to be tested."""
    model, _ = load_checkpoint(config.output_dir)
    device = PartialState().device
    model.to(device)
    if isinstance(model, ImageClassifier):
        return model
    frozen = config.method == CLIP_ADAPTER
    return Features(model, device, keep=frozen)


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

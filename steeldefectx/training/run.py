"""One training run: data and model in; checkpoint, ``results.json``, ``recipe.yaml`` and log out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import LoraConfig, get_peft_model

from steeldefectx.errors import ConfigError
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.clip import Clip, load_clip
from steeldefectx.training.checkpoint import save_checkpoint
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.data import Data, class_texts
from steeldefectx.training.evaluation import class_logits, scores
from steeldefectx.training.features import Features
from steeldefectx.training.images import PixelStore
from steeldefectx.training.inputs import FrozenForward, FrozenInputs, TextBank, TowerForward, TowerInputs
from steeldefectx.training.loop import fit
from steeldefectx.training.results import RESULTS, Stopwatch, versions, write_json

LORA_TARGETS = ["q_proj", "k_proj", "v_proj"]


def run(config: TrainConfig, data: Data) -> dict[str, Any]:
    """Train, evaluate and save.

    Args:
        config: All settings.
        data: Splits ``train`` and ``test``; nothing is chosen by the latter, it is only scored, before and after.

    Returns:
        What ``results.json`` holds. Accuracies are fractions.

    Raises:
        DataError: A text level that the data lack.
        ModelError: A model that cannot be loaded.
        ConfigError: Settings that do not fit together.
    """
    watch, accelerator = Stopwatch(), Accelerator()
    _use_all_cores(accelerator)
    if config.batch_size % accelerator.num_processes:
        raise ConfigError(
            f"batch_size {config.batch_size} does not divide among {accelerator.num_processes} processes."
        )
    train, test = data.split("train"), data.split("test")
    texts, prompts = train.level(config.train_text), class_texts(data, config.test_text)
    with watch("load_model"):
        set_seed(config.seed)
        clip = load_clip(config.model)
        clip.to(accelerator.device)
        clip.report_cut(texts, f"{config.train_text} training")
        clip.report_cut([text for texts_of_class in prompts for text in texts_of_class], f"{config.test_text} class")
    with accelerator.main_process_first(), watch("zero_shot"):
        features = Features(clip, accelerator.device)
        before = scores(class_logits(features, test, prompts), test.labels, data.classes)
    bank = TextBank(texts, config.crop_text)
    with accelerator.main_process_first(), watch("prepare"):
        module, inputs = _prepare(config, clip, features, data, bank, accelerator)
    folder = Path(config.output_dir).expanduser()
    with watch("train"), _log(folder, accelerator) as log:
        fit(module, inputs, bank, config, accelerator, log)
    with accelerator.main_process_first(), watch("evaluate"):
        after = features if config.method == "clip-adapter" else Features(clip, accelerator.device)
        logits = class_logits(after, test, prompts)
    found = scores(logits, test.labels, data.classes)
    results = _results(config, data, before, found, watch, [features, after] if after is not features else [features])
    if accelerator.is_main_process:
        _save(config, clip, dict(zip(data.classes, prompts, strict=True)), results, folder)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return results


def _use_all_cores(accelerator: Accelerator) -> None:
    """Undo what ``accelerate launch`` does on a machine without a GPU: one thread, however many cores."""
    if accelerator.device.type == "cpu" and os.environ.get("OMP_NUM_THREADS") == "1":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // accelerator.num_processes))


def _prepare(
    config: TrainConfig, clip: Clip, features: Features, data: Data, bank: TextBank, accelerator: Accelerator
) -> tuple[FrozenForward | TowerForward, FrozenInputs | TowerInputs]:
    """Put the method on the model, and make what its steps take."""
    train, device = data.split("train"), accelerator.device
    if config.method == "clip-adapter":
        frozen = FrozenInputs(features.images(train), features.texts(bank.forms), device)
        clip.model.requires_grad_(False)
        clip.adapter = ClipAdapter(frozen.images.shape[1], config.ratio).to(device)
        return FrozenForward(clip), frozen
    if config.method == "lora":
        lora = LoraConfig(
            r=config.lora_rank,
            lora_alpha=config.lora_alpha,
            lora_dropout=config.lora_dropout,
            target_modules=LORA_TARGETS,
        )
        clip.model = get_peft_model(clip.model, lora)
    tokens = dict(clip.tokenize(bank.forms))
    inputs = TowerInputs(PixelStore(train, clip), tokens, config.augmentation, device)
    return TowerForward(clip, keep_statistics=config.method == "lora"), inputs


@contextmanager
def _log(folder: Path, accelerator: Accelerator) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that adds a line to ``log.jsonl``, in the main process."""
    if not accelerator.is_main_process:
        yield lambda line: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.jsonl", "w", encoding="utf-8") as file:
        yield lambda line: print(json.dumps(line), file=file, flush=True)


def _results(
    config: TrainConfig,
    data: Data,
    before: dict[str, Any],
    found: dict[str, Any],
    watch: Stopwatch,
    encoded: list[Features],
) -> dict[str, Any]:
    return {
        "task": "train",
        "dataset": config.data_dir or config.config,
        "config": config.config,
        "model": config.model,
        "method": config.method,
        "train_text": config.train_text,
        "test_text": config.test_text,
        "evaluated_on": "validation" if config.validation else "test",
        "shots": None,
        "seed": config.seed,
        **found,
        "before_training": {key: before[key] for key in ("accuracy", "mean_accuracy")},
        "n_train": len(data.split("train")),
        "n_test": len(data.split("test")),
        "classes": data.classes,
        "seconds": watch.total(),
        "encoded": {
            "images": sum(f.encoded_images for f in encoded),
            "texts": sum(f.encoded_texts for f in encoded),
        },
        "recipe": config.resolved(),
        "data_fingerprint": data.fingerprint,
        "versions": versions(),
    }


def _save(
    config: TrainConfig, clip: Clip, classes: dict[str, list[str]], results: dict[str, Any], folder: Path
) -> None:
    """Checkpoint first, results last: a folder with results holds the checkpoint they belong to."""
    (folder / RESULTS).unlink(missing_ok=True)
    save_checkpoint(clip, classes, folder)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(config.resolved(), sort_keys=False), "utf-8")
    write_json(results, folder / RESULTS)

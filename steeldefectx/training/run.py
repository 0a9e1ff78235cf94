"""One training run: data and model in; checkpoint, ``results.json``, ``recipe.yaml`` and log out."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from torch.nn.modules.batchnorm import _BatchNorm

from steeldefectx import metrics
from steeldefectx.data.labelled import Data, Split, notes_on_scores
from steeldefectx.errors import ConfigError
from steeldefectx.metrics.scores import scores
from steeldefectx.models.calibration import CALIBRATION, Calibration, calibrate, calibration_results, write_calibration
from steeldefectx.models.names import CLASSIFIER
from steeldefectx.training.batches import Batches
from steeldefectx.training.classifier_training import ClassifierTraining
from steeldefectx.training.clip_training import ClipTraining
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.loop import fit
from steeldefectx.training.processes import start_accelerator
from steeldefectx.training.snapshot import Snapshots
from steeldefectx.training.trainable import Trainable, TrainingModule
from steeldefectx.utils.results import RESULTS, Stopwatch, versions, write_json

LOG = "log.jsonl"


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
        ConfigError: Settings that do not fit together, a loss that is no number, no room for the checkpoint.
    """
    watch, folder = Stopwatch(), Path(config.output_dir).expanduser()
    accelerator, dtype = start_accelerator(config)
    train, test = data.split("train"), data.split("test")
    train, held_out = _hold_out(train, config)

    kind = ClassifierTraining if config.method == CLASSIFIER else ClipTraining
    training: Trainable = kind(config, data, train, accelerator, dtype, watch)
    process = (accelerator.process_index, accelerator.num_processes)
    batches = Batches(training.inputs, training.text_bank, train.labels, config.batch_size, config.seed, process)
    _refuse_single_images(training.module, batches)
    _check_free_space(training.module, folder)
    identity = {"recipe": config.resolved(), "data_fingerprint": data.fingerprint, "versions": versions()}
    snapshots = Snapshots(folder, identity, config.snapshot_minutes, writes=accelerator.is_main_process)
    with watch("train"):
        progress = fit(
            training.module,
            batches,
            config,
            accelerator,
            snapshots=snapshots,
            log=_log_writer(folder, config.resume) if accelerator.is_main_process else lambda line: None,
            score=None if held_out is None else partial(_held_out_accuracy, training, held_out),
        )

    with accelerator.main_process_first(), watch("evaluate"):
        calibration = None if held_out is None else _calibrate(training, held_out, config)
        logits = training.test_logits(test)
        test_scores = scores(logits, test.labels, data.classes) | calibration_results(calibration, logits, test.labels)
    results = {
        "task": "train",
        "dataset": config.data_dir or config.config,
        "config": config.config,
        "model": config.model,
        "method": config.method,
        "evaluated_on": "validation" if config.validation else "test",
        "shots": None,
        "seed": config.seed,
        **training.results(),
        **test_scores,
        "n_test": len(test),
        "classes": data.classes,
        "seconds": watch.total(),
        **identity,
        "n_train": len(train),
        "best_epoch": progress.best_epoch or None,
        "precision": str(dtype).removeprefix("torch."),
        "scored_in": "float32",
        "notes": notes_on_scores(data, [test], {config.train_text, config.test_text}),
    }
    if accelerator.is_main_process:
        try:
            _save(training, calibration, results, config, folder)
        except OSError as error:
            rescued = Path(tempfile.mkdtemp(prefix="steeldefectx-run-"))
            _save(training, calibration, results, config, rescued)
            raise ConfigError(f"{folder} cannot be written ({error}). The finished run is in {rescued}.") from error
    snapshots.remove()
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return results


def _hold_out(train: Split, config: TrainConfig) -> tuple[Split, Split | None]:
    """What is trained on, and what is held out of it to score every epoch by."""
    if not config.hold_out:
        return train, None
    held_out = train.held_out(config.hold_out, config.seed)
    return train.part(~held_out), train.part(held_out)


def _refuse_single_images(module: TrainingModule, batches: Batches) -> None:
    """Batch normalization of one image has no variance.

    Raises:
        ConfigError: The model has such layers, and a step of a process takes a single image.
    """
    normalizes = any(isinstance(part, _BatchNorm) for part in module.modules())
    if module.trains_model and normalizes and batches.size == batches.processes:
        raise ConfigError(
            "The model has batch normalization, which needs two images a step and process at least: give a larger "
            "--batch-size, or more training images."
        )


def _check_free_space(module: TrainingModule, folder: Path) -> None:
    """Say before the work, not after it, that the checkpoint will not fit.

    Raises:
        ConfigError: The disk has less room than the weights take.
    """
    needed = sum(tensor.nbytes for tensor in module.state_dict().values())
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ConfigError(
            f"{folder}: the checkpoint needs {needed / 2**20:,.0f} MiB, {free / 2**20:,.0f} MiB are free. Make room, "
            "or give another --output-dir."
        )


def _held_out_accuracy(training: Trainable, held_out: Split) -> float:
    return metrics.accuracy(training.held_out_logits(held_out).argmax(dim=1).numpy(), held_out.labels)


def _log_writer(folder: Path, resume: bool) -> Callable[[dict[str, Any]], None]:
    """A function that adds an epoch's line to the log; a resumed run writes the epochs after its snapshot again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOG
    lines = path.read_text("utf-8").splitlines() if resume and path.is_file() else []

    def write(line: dict[str, Any]) -> None:
        kept = [old for old in lines if json.loads(old)["epoch"] < line["epoch"]]
        lines[:] = [*kept, json.dumps(line, allow_nan=False)]
        path.write_text("\n".join(lines) + "\n", "utf-8")

    return write


def _calibrate(training: Trainable, held_out: Split, config: TrainConfig) -> Calibration:
    fitted_on = f"{len(held_out)} training images held out (hold_out {config.hold_out}), which chose the best epoch too"
    return calibrate(training.held_out_logits(held_out), held_out.labels, fitted_on)


def _save(
    training: Trainable,
    calibration: Calibration | None,
    results: dict[str, Any],
    config: TrainConfig,
    folder: Path,
) -> None:
    """Checkpoint first, results last: a folder with results holds the checkpoint they belong to."""
    for name in (RESULTS, CALIBRATION):
        (folder / name).unlink(missing_ok=True)
    training.save(folder)
    if calibration is not None:
        write_calibration(calibration, folder)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(config.resolved(), sort_keys=False), "utf-8")
    write_json(results, folder / RESULTS)

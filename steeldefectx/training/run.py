"""One training run: data and model in; checkpoint, ``results.json``, ``recipe.yaml`` and log out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import TorchDynamoPlugin, parse_flag_from_env

from steeldefectx import metrics
from steeldefectx.data.labelled import Data, Split
from steeldefectx.errors import ConfigError
from steeldefectx.metrics.scores import scores
from steeldefectx.models.calibration import CALIBRATION, Calibration, calibrate, calibration_results, write_calibration
from steeldefectx.models.names import CLASSIFIER, CLIP_ADAPTER
from steeldefectx.models.precision import dtype_for
from steeldefectx.training.batches import Batches
from steeldefectx.training.classifier_training import ClassifierTraining
from steeldefectx.training.clip_training import ClipTraining
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.loop import fit
from steeldefectx.training.processes import refuse_lost_processes
from steeldefectx.training.snapshot import Snapshots
from steeldefectx.utils.results import RESULTS, Stopwatch, versions, write_json


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
    watch = Stopwatch()
    accelerator, dtype = _accelerator(config)
    folder = Path(config.output_dir).expanduser()
    train, test, held_out = data.split("train"), data.split("test"), None
    if config.hold_out:
        held = train.held_out(config.hold_out, config.seed)
        train, held_out = train.part(~held), train.part(held)
    training: ClipTraining | ClassifierTraining
    kind = ClassifierTraining if config.method == CLASSIFIER else ClipTraining
    training = kind(config, data, train, accelerator, dtype, watch)
    process = (accelerator.process_index, accelerator.num_processes)
    batches = Batches(training.inputs, training.bank, train.labels, config.batch_size, config.seed, process)

    def score(held_out: Split) -> float:
        """Accuracy on the held-out images."""
        return metrics.accuracy(training.held_out_logits(held_out).argmax(dim=1).numpy(), held_out.labels)

    identity = {"recipe": config.resolved(), "data_fingerprint": data.fingerprint, "versions": versions()}
    snapshots = Snapshots(folder, identity, config.snapshot_minutes, writes=accelerator.is_main_process)
    with watch("train"), _log(folder, accelerator, config.resume) as log:
        progress = fit(
            training.module,
            batches,
            config,
            accelerator,
            snapshots=snapshots,
            log=log,
            score=None if held_out is None else partial(score, held_out),
        )
    with accelerator.main_process_first(), watch("evaluate"):
        calibration = None if held_out is None else _calibrate(config, training.held_out_logits(held_out), held_out)
        logits = training.test_logits(test)
        found = scores(logits, test.labels, data.classes) | calibration_results(calibration, logits, test.labels)
    results = _results(config, data, training.results() | found, watch)
    results |= {"n_train": len(train), "best_epoch": progress.best_epoch or None, "precision": str(dtype)[6:]}
    if accelerator.is_main_process:
        _save(config, training, results, calibration, folder)
    snapshots.remove()
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return results


def _accelerator(config: TrainConfig) -> tuple[Accelerator, torch.dtype]:
    """The processes, the device, and the precision that towers compute in there.

    Raises:
        ConfigError: Fewer processes than were asked for, a tracker that is not installed, or a batch that does
            not divide among the processes.
    """
    state = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))  # as Accelerator will
    dtype = dtype_for(config.precision, state.device)
    trained_towers = config.method != CLIP_ADAPTER
    tracker = None if config.tracker == "none" else config.tracker
    # Of an earlier run in this process, whose precision may be another; the processes stay as they are.
    AcceleratorState._reset_state()
    try:
        accelerator = Accelerator(
            mixed_precision="bf16" if trained_towers and dtype == torch.bfloat16 else "no",
            log_with=tracker,
            project_dir=str(Path(config.output_dir).expanduser()),
            dynamo_plugin=TorchDynamoPlugin(backend="inductor", dynamic=True) if config.compile else None,
        )
        if tracker:
            shown = {key: value if isinstance(value, int | float | str) else str(value) for key, value
                     in config.resolved().items()}  # fmt: skip
            accelerator.init_trackers(tracker, config=shown)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"tracker {config.tracker}: {error}; pip install {config.tracker}.") from error
    refuse_lost_processes(accelerator.num_processes)
    _use_all_cores(accelerator)
    if config.batch_size % accelerator.num_processes:
        raise ConfigError(
            f"batch_size {config.batch_size} does not divide among {accelerator.num_processes} processes."
        )
    return accelerator, dtype


def _use_all_cores(accelerator: Accelerator) -> None:
    """Undo what ``accelerate launch`` does on a machine without a GPU: one thread, however many cores."""
    if accelerator.device.type == "cpu" and os.environ.get("OMP_NUM_THREADS") == "1":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // accelerator.num_processes))


@contextmanager
def _log(folder: Path, accelerator: Accelerator, resume: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that adds an epoch's line to ``log.jsonl``, in the main process.

    A resumed run writes the epochs after its snapshot again.
    """
    if not accelerator.is_main_process:
        yield lambda line: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "log.jsonl"
    lines = path.read_text("utf-8").splitlines() if resume and path.is_file() else []

    def write(line: dict[str, Any]) -> None:
        kept = [old for old in lines if json.loads(old)["epoch"] < line["epoch"]]
        lines[:] = [*kept, json.dumps(line)]
        path.write_text("\n".join(lines) + "\n", "utf-8")

    yield write


def _calibrate(config: TrainConfig, logits: torch.Tensor, held_out: Split) -> Calibration:
    fitted_on = f"{len(held_out)} training images held out (hold_out {config.hold_out}), which chose the best epoch too"
    return calibrate(logits, held_out.labels, fitted_on)


def _results(config: TrainConfig, data: Data, found: dict[str, Any], watch: Stopwatch) -> dict[str, Any]:
    return {
        "task": "train",
        "dataset": config.data_dir or config.config,
        "config": config.config,
        "model": config.model,
        "method": config.method,
        "evaluated_on": "validation" if config.validation else "test",
        "shots": None,
        "seed": config.seed,
        **found,
        "n_test": len(data.split("test")),
        "classes": data.classes,
        "seconds": watch.total(),
        "recipe": config.resolved(),
        "data_fingerprint": data.fingerprint,
        "versions": versions(),
    }


def _save(
    config: TrainConfig,
    training: ClipTraining | ClassifierTraining,
    results: dict[str, Any],
    calibration: Calibration | None,
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

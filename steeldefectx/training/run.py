"""One training run: data and model in; checkpoint, ``results.json``, ``recipe.yaml`` and log out."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from accelerate import Accelerator, PartialState
from accelerate.utils import TorchDynamoPlugin, parse_flag_from_env, set_seed
from torch import nn

from steeldefectx import metrics
from steeldefectx.data.splits import validation_split
from steeldefectx.errors import ConfigError
from steeldefectx.models.adapters import ClipAdapter, add_peft, feature_width
from steeldefectx.models.clip import Clip, load_clip
from steeldefectx.training.batches import Batches
from steeldefectx.training.checkpoint import save_checkpoint
from steeldefectx.training.config import CLIP_ADAPTER, TrainConfig
from steeldefectx.training.data import Data, Split, class_texts
from steeldefectx.training.evaluation import class_logits, scores
from steeldefectx.training.features import Features, dtype_for
from steeldefectx.training.images import PixelStore
from steeldefectx.training.inputs import FrozenForward, FrozenInputs, TextBank, TowerForward, TowerInputs
from steeldefectx.training.loop import fit
from steeldefectx.training.processes import refuse_lost_processes
from steeldefectx.training.results import RESULTS, Stopwatch, versions, write_json
from steeldefectx.training.snapshot import Snapshots

BIAS_SAMPLE = 64
"""Images that the loss siglip's bias is begun from."""


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
        held = validation_split([str(label) for label in train.labels], config.hold_out, config.seed)
        train, held_out = train.part(~held), train.part(held)
    texts, prompts = train.level(config.train_text), class_texts(data, config.test_text)
    with watch("load_model"):
        set_seed(config.seed)
        clip = load_clip(config.model)
        clip.to(accelerator.device)
        clip.report_cut(texts, f"{config.train_text} training")
        clip.report_cut([text for texts_of_class in prompts for text in texts_of_class], f"{config.test_text} class")
    with accelerator.main_process_first(), watch("zero_shot"):
        features = Features(clip, accelerator.device, dtype)
        before = scores(class_logits(features, test, prompts), test.labels, data.classes)
    bank = TextBank(texts, config.crop_text)
    if config.loss == "class-prompts":
        bank.add_classes(class_texts(Data(data.classes, {"train": train}), config.train_text))
    with accelerator.main_process_first(), watch("prepare"):
        module, inputs = _prepare(config, clip, features, train, bank)
    process = (accelerator.process_index, accelerator.num_processes)
    batches = Batches(inputs, bank, train.labels, config.batch_size, config.seed, process)
    frozen = isinstance(module, FrozenForward)

    def score(held_out: Split) -> float:
        """Accuracy on the held-out images, by the texts of the others."""
        known = Data(data.classes, {"train": train})
        encoder = features if frozen else Features(clip, accelerator.device, dtype, keep=False)
        logits = class_logits(encoder, held_out, class_texts(known, config.test_text))
        return metrics.accuracy(logits.argmax(dim=1).numpy(), held_out.labels)

    identity = {"recipe": config.resolved(), "data_fingerprint": data.fingerprint, "versions": versions()}
    snapshots = Snapshots(folder, identity, config.snapshot_minutes, writes=accelerator.is_main_process)
    with watch("train"), _log(folder, accelerator, config.resume) as log:
        progress = fit(
            module,
            batches,
            config,
            accelerator,
            snapshots=snapshots,
            log=log,
            score=None if held_out is None else partial(score, held_out),
        )
    with accelerator.main_process_first(), watch("evaluate"):
        after = features if frozen else Features(clip, accelerator.device, dtype)
        logits = class_logits(after, test, prompts)
    found = scores(logits, test.labels, data.classes)
    results = _results(config, data, before, found, watch, [features, after] if after is not features else [features])
    results |= {"n_train": len(train), "best_epoch": progress.best_epoch or None, "precision": str(dtype)[6:]}
    if accelerator.is_main_process:
        _save(config, clip, dict(zip(data.classes, prompts, strict=True)), results, folder)
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


def _prepare(
    config: TrainConfig, clip: Clip, features: Features, train: Split, bank: TextBank
) -> tuple[FrozenForward | TowerForward, FrozenInputs | TowerInputs]:
    """Put the method on the model, and make what its steps take."""
    device = features.device
    bias = _loss_bias(clip, features, train, bank, config.batch_size) if config.loss == "siglip" else None
    if config.uses_clip_adapter:
        width = feature_width(clip)
        if config.adapter_on != "text":
            clip.adapter = ClipAdapter(width, config.ratio).to(device)
        if config.adapter_on != "image":
            clip.text_adapter = ClipAdapter(width, config.ratio).to(device)
    if config.method == CLIP_ADAPTER:
        clip.model.requires_grad_(False)
        views = [features.images(train)]
        views += [features.images(train, config.augmentation, view) for view in range(1, config.views)]
        return FrozenForward(clip, bias), FrozenInputs(torch.stack(views), features.texts(bank.forms), device)
    if config.peft_method is not None:
        add_peft(clip, config.peft_method, config.towers, asdict(config))
    tokens = dict(clip.tokenize(bank.forms))
    inputs = TowerInputs(PixelStore(train, clip), tokens, config.augmentation, device)
    return TowerForward(clip, keep_statistics=config.peft_method is not None, bias=bias), inputs


def _loss_bias(clip: Clip, features: Features, train: Split, bank: TextBank, batch_size: int) -> nn.Parameter:
    """SigLIP's own bias, or one that is learnt with the rest and then, as it moves no ranking, forgotten.

    The published -10 belongs to the published scale of 10. With that of a trained CLIP it would call every pair a
    match, so an average pair starts with the odds that a pair has of matching by chance, 1 to the batch size.
    """
    if "logit_bias" in clip.model.state_dict():
        return clip.model.logit_bias
    some = np.random.default_rng(0).permutation(len(train))[:BIAS_SAMPLE]
    with torch.inference_mode():
        image = clip.embed_images(features.images(train.part(np.isin(np.arange(len(train)), some))).to(features.device))
        text = clip.embed_texts(
            features.texts([bank.forms[bank.first[n]] for n in bank.of_image[some]]).to(image.device)
        )
        average = (clip.model.logit_scale.exp() * image @ text.T).mean().item()
    return nn.Parameter(torch.tensor(-average - math.log(batch_size), device=features.device))


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

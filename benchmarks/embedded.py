"""What the embedded CLIP knows of real steel, which it was never trained on.

    python benchmarks/embedded.py --data-dir raw/ --out benchmarks/results/embedded.json
    python benchmarks/embedded.py --data-dir raw/ --model runs/pretrain/model        a candidate, before it ships

Zero-shot on all images, train and test; linear probes trained on the training split's features and tested on the test
split's, features as they meet the texts and as they are before that projection, which is what CLIP's authors probe
(Radford et al. 2021, appendix A.3); maps against masks, where images have them; images a second of the image tower on
all cores. Few-shot methods and fine-tuning are cells of benchmarks/embedded.yaml; here beside them the linear probe of
steeldefectx.methods on what the image tower's last two stages say, before the projection. Which stages was chosen on
draws from the training images.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from steeldefectx.benchmark.grid import ENSEMBLE
from steeldefectx.data.builder import load_dataset
from steeldefectx.data.labelled import Data, Split, class_texts, load_data
from steeldefectx.data.splits import few_shot_draw
from steeldefectx.features.augmentation import draw_variation, vary_light, vary_shape
from steeldefectx.features.encoding import Features, decode
from steeldefectx.features.logits import class_logits
from steeldefectx.inference.explain.examples import dataset_examples
from steeldefectx.inference.explain.saliency import class_mean, saliency
from steeldefectx.inference.explain.scores import THRESHOLD, centre_map, mean_scores, random_map, score
from steeldefectx.methods import load_method
from steeldefectx.methods.interface import Classes, Examples, Images, Task
from steeldefectx.metrics.scores import scores
from steeldefectx.models.clip import Clip, load_clip
from steeldefectx.taxonomy import CLASS_NAMES, T0_TEMPLATE, t1_variants
from steeldefectx.utils.results import versions, write_json

RIDGE = 1.0
"""scikit-learn's C of the linear probe, on standardized features; not chosen."""
BATCH = 32
ROUNDS = 9
SHOTS, SEEDS, VIEWS = (1, 8), (0, 1, 2), 10
"""Of the few-shot probe: images a class, draws of them, and varied views of each, as in the benchmark."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True, help="Folder with real images.")
    parser.add_argument("--model", default="embedded", help="A CLIP.")
    parser.add_argument("--out", type=Path, help="JSON file for the figures.")
    options = parser.parse_args()
    clip, device = load_clip(options.model), PartialState().device
    clip.to(device)
    features = Features(clip, device)
    data = load_data("default", options.data_dir, t0_template=T0_TEMPLATE)
    result: dict[str, Any] = {
        "images": sum(len(split) for split in data.splits.values()),
        "classes": len(data.classes),
        "parameters": sum(parameter.numel() for parameter in clip.model.parameters()),
        "zero_shot": {level: zero_shot(features, data, level) for level in ("T0", "T1", ENSEMBLE)},
        "linear_probe": {
            "before the projection": linear_probe(data, lambda split: before_projection(clip, split)),
            "projected": linear_probe(data, features.images),
        },
        "few_shot": {shots: few_shot(clip, data, shots) for shots in SHOTS},
        "encoder": encoder_speed(clip),
        "saliency": energy(clip, options.data_dir),
        "data_fingerprint": data.fingerprint,
        "versions": versions(),
    }
    Console().print(_table(result))
    if options.out:
        write_json(result, options.out)


def zero_shot(features: Features, data: Data, level: str) -> dict[str, Any]:
    """How well texts of a level tell all images' classes apart."""
    prompts = [t1_variants(name) for name in data.classes] if level == ENSEMBLE else class_texts(data, level)
    splits = list(data.splits.values())
    logits = torch.cat([class_logits(features, split, prompts) for split in splits])
    return scores(logits, np.concatenate([split.labels for split in splits]), data.classes)


def linear_probe(data: Data, features_of: Callable[[Split], torch.Tensor]) -> dict[str, Any]:
    """Logistic regression on the training images' features, on the test images."""
    train, test = data.split("train"), data.split("test")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=RIDGE, max_iter=2000))
    model.fit(features_of(train).numpy(), train.labels)
    found = torch.from_numpy(model.predict_log_proba(features_of(test).numpy()))
    return scores(found, test.labels, data.classes) | {"C": RIDGE, "train": len(train), "test": len(test)}


def few_shot(clip: Clip, data: Data, shots: int) -> dict[str, Any]:
    """The strong linear probe on a few images a class, on the last two stages; settings by validation draws."""
    train, test = data.split("train"), data.split("test")
    known = stages(clip, test)
    nothing = Classes(data.classes, [[name] for name in data.classes], torch.eye(len(data.classes), known.shape[1]))
    found = []
    for seed in SEEDS:
        drawn, held = few_shot_draw(train.labels, shots, seed)
        examples = [_examples(clip, train, rows, seed) if len(rows) else None for rows in (drawn, held)]
        assert examples[0] is not None
        task = Task(examples[0], examples[1], nothing, logit_scale=1.0, seed=seed)
        logits = load_method("linear-probe")(task).logits(Images(known))
        found.append(scores(logits, test.labels, data.classes))
    return {name: [row[name] for row in found] for name in ("accuracy", "mean_accuracy")} | {"seeds": list(SEEDS)}


def _examples(clip: Clip, train: Split, rows: np.ndarray, seed: int) -> Examples:
    some, rng = train.part(np.isin(np.arange(len(train)), rows)), np.random.default_rng(seed)
    views = torch.stack([stages(clip, some, rng) for _ in range(VIEWS)])
    return Examples(Images(stages(clip, some)), torch.from_numpy(some.labels), views)


@torch.inference_mode()
def before_projection(clip: Clip, split: Split) -> torch.Tensor:
    """The image tower's last feature maps, averaged over the image (N, D)."""
    found = []
    for start in range(0, len(split), BATCH):
        pixels = decode(split.column, split.rows[start : start + BATCH], clip).to(clip.model.device)
        maps = clip.model.get_image_features(pixel_values=clip.normalize(pixels)).last_hidden_state
        found.append(maps.mean((2, 3)).cpu())
    return torch.cat(found)


@torch.inference_mode()
def stages(clip: Clip, split: Split, rng: np.random.Generator | None = None) -> torch.Tensor:
    """Feature maps of a ResNet tower's last and last but one stage, averaged over the image (N, D); with ``rng`` of
    images that are mirrored, cropped and lit at random.
    """
    found: list[torch.Tensor] = []
    taken: list[torch.Tensor] = []
    stage = clip.model.vision_model.encoder.stages[-2]
    hook = stage.register_forward_hook(lambda _module, _inputs, maps: taken.append(maps.mean((2, 3))))
    for start in range(0, len(split), BATCH):
        pixels = decode(split.column, split.rows[start : start + BATCH], clip).to(clip.model.device)
        if rng is not None:
            variation = draw_variation(len(pixels), "geometric", rng)
            pixels = vary_light(vary_shape(pixels.contiguous(memory_format=torch.channels_last), variation), variation)
        last = clip.model.get_image_features(pixel_values=clip.normalize(pixels)).last_hidden_state.mean((2, 3))
        found.append(torch.cat([last, taken.pop()], 1).cpu())
    hook.remove()
    return torch.cat(found)


@torch.inference_mode()
def encoder_speed(clip: Clip) -> dict[str, Any]:
    """Images a second of the image tower, from pixels in memory; the median of several rounds."""
    pixels = torch.randint(0, 256, (BATCH, *clip.image_shape), dtype=torch.uint8, device=clip.model.device)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    clip.encode_images(pixels)
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(4):
            clip.encode_images(pixels)
        rates.append(4 * BATCH / (time.perf_counter() - started))
    cores = len(os.sched_getaffinity(0))
    return {"images_per_second": round(statistics.median(rates), 1), "batch": BATCH, "cores": cores}


def energy(clip: Clip, data_dir: str) -> dict[str, Any]:
    """Share of a map's energy in the mask by text level, and that of maps that know nothing."""
    masked = []
    for rows in load_dataset("default", data_dir=data_dir).values():
        chosen = [row for row, mask in enumerate(rows.with_format("arrow")["mask"]) if mask.as_py() is not None]
        masked += list(dataset_examples(rows.select(chosen)))
    rng = np.random.default_rng(0)
    maps = {
        "random": [random_map(example.mask.shape, rng) for example in masked],
        "centre": [centre_map(example.mask.shape) for example in masked],
    }
    for level in ("T0", "T1"):
        against = class_mean(clip, CLASS_NAMES, level)
        waiting, maps[level] = iter(tqdm(masked, level, unit="image")), []
        while batch := list(islice(waiting, BATCH)):
            texts = [[(example.texts or {})[level]] for example in batch]
            images = [example.image for example in batch]
            maps[level] += [found[0] for found in saliency(clip, images, texts, [against])]
    found = {
        name: asdict(mean_scores([score(one, e.mask, THRESHOLD) for one, e in zip(own, masked, strict=True)]))
        for name, own in maps.items()
    }
    return {"images": len(masked), **{name: {k: round(v, 4) for k, v in row.items()} for name, row in found.items()}}


def _table(result: dict[str, Any]) -> Table:
    table = Table("measured", "Acc", "mAcc", title=f"{result['images']:,} real images, {result['classes']} classes")
    rows = {f"zero-shot {level}": row for level, row in result["zero_shot"].items()}
    rows |= {f"linear probe, 7:3, {name}": row for name, row in result["linear_probe"].items()}
    for name, row in rows.items():
        table.add_row(name, f"{100 * row['accuracy']:.2f}", f"{100 * row['mean_accuracy']:.2f}")
    for shots, row in result["few_shot"].items():
        mean = [f"{100 * statistics.mean(row[name]):.2f}" for name in ("accuracy", "mean_accuracy")]
        table.add_row(f"linear probe, last two stages, {shots} a class", *mean)
    table.add_section()
    table.add_row("encoder, images/s", f"{result['encoder']['images_per_second']:.0f}", "")
    for level, row in result["saliency"].items():
        if isinstance(row, dict):
            table.add_row(f"energy in mask, {level}", f"{row['energy']:.3f}", "")
    return table


if __name__ == "__main__":
    main()

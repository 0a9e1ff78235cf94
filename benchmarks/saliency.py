"""Does a model look at the defect? Its maps against masks: energy inside, pointing game and IoU, by text level.

    python benchmarks/saliency.py --data-dir raw/ --checkpoint runs/lora-strong

The maps of a trained CLIP are compared with those of its base before training, with random maps and with a Gaussian at
the centre, on the test split's images that have masks. The threshold of the IoU is the best of nine on as many of the
training split's images, for each kind of map by itself. Everything goes to benchmarks/results/saliency.json.

The committed result's checkpoint is trained on the 1,776 training images of NEU and X-SDD that were at hand (four
fifths of each class); the masks are those of SD-saliency-900 (NEU's inclusion, patches and scratches), not trained on:

    python train.py --data-dir raw/ --model general-clip-tiny --recipe lora-strong --output-dir runs/lora-strong

What kind of map and how much background it leaves out was chosen on 150 of the training images with masks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from steeldefectx.data.builder import load_dataset
from steeldefectx.errors import DataError
from steeldefectx.inference.explain.examples import Example, dataset_examples, texts_of
from steeldefectx.inference.explain.saliency import class_mean, saliency
from steeldefectx.inference.explain.scores import THRESHOLD, Scores, centre_map, mean_scores, random_map, score
from steeldefectx.models.checkpoint import load_checkpoint
from steeldefectx.models.clip import Clip, load_clip
from steeldefectx.models.peft_adapters import unload
from steeldefectx.utils.results import RESULTS, read_results, versions, write_json

RESULT = Path(__file__).parent / "results" / "saliency.json"
THRESHOLDS = [round(0.1 * tenth, 1) for tenth in range(1, 10)]
BATCH = 16
Maps = list[np.ndarray]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="Folder with images and masks; without one the synthetic sample.")
    parser.add_argument("--checkpoint", required=True, help="Output folder of train.py: a CLIP.")
    parser.add_argument("--texts", default="T0,T1", help="Text levels.")
    parser.add_argument("--train-images", type=int, default=90, help="Training images that thresholds are chosen on.")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    trained, classes = load_checkpoint(options.checkpoint)
    if not isinstance(trained, Clip) or classes is None:
        parser.error(f"{options.checkpoint} is no CLIP that tells classes apart by texts.")
    untrained = load_clip("tiny") if trained.model.config.model_type == "steel-clip" else unload(trained)
    config = "default" if options.data_dir else "sample"
    rows = load_dataset(config, data_dir=options.data_dir)
    chosen_on = _with_masks(rows["train"], options.train_images)
    measured_on = _with_masks(rows["test"], None)
    levels = options.texts.split(",")
    try:
        for example in chosen_on + measured_on:
            texts_of(example, levels, None)
    except DataError as error:
        parser.error(str(error))
    found = {
        level: {
            "trained": _measure(trained, classes, chosen_on, measured_on, level),
            "untrained": _measure(untrained, classes, chosen_on, measured_on, level),
        }
        for level in levels
    }
    rng = np.random.default_rng(0)
    baselines = {
        "random": _scored([random_map(e.mask.shape, rng) for e in measured_on], measured_on, THRESHOLD),
        "centre": _scored([centre_map(e.mask.shape) for e in measured_on], measured_on, THRESHOLD),
    }
    results = read_results(Path(options.checkpoint) / RESULTS)
    result = {
        "config": config,
        "images": len(measured_on),
        "images_by_class": _by_class(measured_on),
        "threshold_images": len(chosen_on),
        "levels": found,
        "baselines": baselines,
        "energy_ratio": {level: _ratios(found[level], baselines) for level in levels},
        "recipe": _recipe(results["recipe"]) if results else {},
        "accuracy": results["accuracy"] if results else None,
        "versions": versions(),
    }
    Console().print(_table(result))
    write_json(result, options.out)


def _recipe(settings: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint's settings, without the folders of one machine."""
    return {key: value for key, value in settings.items() if key != "data_dir"} | {
        "model": Path(settings["model"]).name
    }


def _with_masks(rows: Any, limit: int | None) -> list[Example]:
    """The first examples that have masks, the classes in turn where there is a limit."""
    masked = [row for row, mask in enumerate(rows.with_format("arrow")["mask"]) if mask.as_py() is not None]
    labels = np.array(rows["label"])[masked]
    turn = [int((labels[:n] == label).sum()) for n, label in enumerate(labels)]
    order = [masked[n] for n in np.lexsort((labels, turn))]
    return list(dataset_examples(rows.select(order[:limit])))


def _measure(
    clip: Clip, classes: Iterable[str], chosen_on: list[Example], measured_on: list[Example], level: str
) -> dict[str, Any]:
    """Mean scores on the measured images, at the threshold that is best on the others."""
    against = class_mean(clip, list(classes), level)
    seen = _maps(clip, chosen_on, level, against)
    ious = [_scored(seen, chosen_on, threshold)["iou"] for threshold in THRESHOLDS]
    threshold = THRESHOLDS[int(np.argmax(ious))]
    maps = _maps(clip, measured_on, level, against)
    by_class = {name: _scored(*_of_class(maps, measured_on, name), threshold) for name in _by_class(measured_on)}
    return {"threshold": threshold, **_scored(maps, measured_on, threshold), "by_class": by_class}


def _maps(clip: Clip, examples: list[Example], level: str, against: torch.Tensor) -> Maps:
    found: Maps = []
    waiting = iter(tqdm(examples, level, unit="image"))
    while batch := list(islice(waiting, BATCH)):
        texts = [[texts_of(example, [level], None)[level]] for example in batch]
        found += [maps[0] for maps in saliency(clip, [example.image for example in batch], texts, [against])]
    return found


def _scored(maps: Maps, examples: list[Example], threshold: float) -> dict[str, float]:
    scores: list[Scores] = [score(one, e.mask, threshold) for one, e in zip(maps, examples, strict=True)]
    return {name: round(value, 4) for name, value in asdict(mean_scores(scores)).items()}


def _of_class(maps: Maps, examples: list[Example], name: str) -> tuple[Maps, list[Example]]:
    chosen = [number for number, example in enumerate(examples) if example.class_name == name]
    return [maps[number] for number in chosen], [examples[number] for number in chosen]


def _by_class(examples: list[Example]) -> dict[str, int]:
    names = [example.class_name for example in examples]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def _ratios(found: dict[str, Any], baselines: dict[str, Any]) -> dict[str, float]:
    energy = found["trained"]["energy"]
    return {
        "to_random": round(energy / baselines["random"]["energy"], 3),
        "to_untrained": round(energy / found["untrained"]["energy"], 3),
    }


def _table(result: dict[str, Any]) -> Table:
    table = Table("texts", "map", title=f"{result['images']} test images with masks")
    for heading in ("energy in mask %", "pointing game %", "IoU %"):
        table.add_column(heading, justify="right")
    lines = [(level, name, one) for level, both in result["levels"].items() for name, one in both.items()]
    for level, name, one in [*lines, *(("", name, one) for name, one in result["baselines"].items())]:
        table.add_row(level, name, *(f"{100 * one[key]:.1f}" for key in ("energy", "hit", "iou")))
    return table


if __name__ == "__main__":
    main()

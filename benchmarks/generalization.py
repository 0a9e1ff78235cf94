"""How far the embedded CLIP carries over: to other metals, other words, names that it never saw, and unusual things.

    python benchmarks/generalization.py --data-dir raw/ --gc10 gc10/ --frames aluminium/ \\
        --model embedded --model general-clip-tiny --vit vit-tiny-imagenet --out benchmarks/results/generalization.json

No image here takes part in pretraining. Each figure has the 95 % interval of a bootstrap over images, or, where it is a
mean over draws, the standard deviation over them. All models go through the same code.

- zero-shot by T1: the classes of NEU and X-SDD together, each of the two alone, GC10's crops.
- another metal: crops of aluminium frames around their polygons, and sound ones; the classes' descriptions are those
  that the lexicon has for their names. Few-shot there, on what the image tower's last stages say and, of models that
  have texts, with methods that use them.
- what a text says: a text that is true of an image against the same with one fact swapped, on real images with masks
  and on scenes rendered from names that the model was not pretrained on. "By value" is the mean over what is true: most
  real masks stand upright, so that who always says so is right of most.
- where it is: the map that the image embedding sums up, without any text, against real masks; how well the localizer
  marks them is told by localization.py.
- the unusual: tiles against the nearest patch of 50 sound tiles (as PatchCore, Roth et al. 2022, with patches at random
  for its coreset), for each map of the tower; the area under the ROC curve of whether there is a defect.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from metal_tiles import SOUND, Crops, Masked, aluminium_crops, aluminium_tiles, masked_images
from PIL import Image
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F
from tower_features import Tower, load_tower, load_vit

from steeldefectx.data.labelled import Split, class_texts, load_data
from steeldefectx.features.logits import class_logits
from steeldefectx.inference.localize.tiling import resized
from steeldefectx.language.lexicon.reading import find_entry, lexicon, read_entries
from steeldefectx.language.scene_facts import Facts
from steeldefectx.language.scene_texts import SceneText, describe, swapped
from steeldefectx.language.scene_words import SOUND as SOUND_TEXTS
from steeldefectx.methods import load_method
from steeldefectx.methods.interface import Classes, Examples, Images, Task
from steeldefectx.metrics.localization import PixelCounts, mean_iou
from steeldefectx.render.composed.compose import compose
from steeldefectx.utils.results import versions, write_json

BOOTSTRAP = 2000
SHOTS, DRAWS, VIEWS = (1, 2, 4, 8), 5, 10
"""Few-shot: images a class, draws of them, varied views of each."""
TEXT_METHODS = ("tip-adapter-f", "cross-modal")
SWAPPED = ("location", "direction", "tone", "number")
WORDINGS = 4
"""Texts an image and a fact."""
SCENES = 600
"""Rendered scenes that facts are read from."""
PATCHES = 10_000
"""Patches of them that are kept, at random."""
MARKED = 0.5
"""Value of the map from which a pixel is marked."""
MEMORY = 50
"""Sound tiles that are remembered."""
UNSEEN = Path(__file__).parent / "data" / "unseen-names"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="Folder with NEU and X-SDD.")
    parser.add_argument("--gc10", help="Folder with GC10's images and boxes.")
    parser.add_argument("--frames", type=Path, help="Folder with the aluminium frames.")
    parser.add_argument("--model", action="append", default=[], help="A CLIP; repeatable.")
    parser.add_argument("--vit", action="append", default=[], help="An image classifier, for what needs no texts.")
    parser.add_argument("--out", type=Path, help="JSON file for the figures.")
    options = parser.parse_args()
    towers = [load_tower(name) for name in options.model] + [load_vit(name) for name in options.vit]
    result: dict[str, Any] = {tower.name: {"parameters": tower.parameters} for tower in towers}
    for tower in towers:
        if options.data_dir and tower.clip:
            result[tower.name] |= zero_shot_steel(tower, options.data_dir)
        if options.gc10 and tower.clip:
            result[tower.name] |= zero_shot_data(tower, options.gc10, "GC10 crops")
        if options.data_dir and tower.clip:
            masked = masked_images(options.data_dir)
            result[tower.name] |= swaps(tower, [(one.image, one.facts) for one in masked], "masks")
            result[tower.name] |= masks_found(tower, masked)
        if tower.clip:
            result[tower.name] |= swaps(tower, unseen_scenes(), "unseen scenes")
        if options.frames:
            crops = aluminium_crops(options.frames)
            if tower.clip:
                result[tower.name] |= zero_shot_crops(tower, crops)
            result[tower.name] |= few_shot(tower, crops)
            result[tower.name] |= patch_memory(tower, *aluminium_tiles(options.frames))
        Console().print(_table(result))
        said = {
            name: {
                row: value | {"said": _cell(value)} if isinstance(value, dict) else value for row, value in own.items()
            }
            for name, own in result.items()
        }
        if options.out:
            write_json({"models": said, "versions": versions()}, options.out)


def zero_shot_steel(tower: Tower, folder: str) -> dict[str, Any]:
    """By T1: all 13 classes against each other, and those of each data set."""
    data = load_data("default", folder)
    prompts = class_texts(data, "T1")
    logits = torch.cat([class_logits(tower.features, split, prompts) for split in data.splits.values()])
    labels = np.concatenate([split.labels for split in data.splits.values()])
    found = {"NEU and X-SDD, T1": _judged(logits, labels)}
    sources = np.concatenate([split.sources for split in data.splits.values()])
    for source in np.unique(sources):
        own = np.unique(labels[sources == source])
        rows = torch.from_numpy(np.flatnonzero(sources == source))
        renamed = np.searchsorted(own, labels[sources == source])
        found[f"{source} alone, T1"] = _judged(logits[rows][:, torch.from_numpy(own)], renamed)
    return found


def zero_shot_data(tower: Tower, folder: str, name: str) -> dict[str, Any]:
    """By T1, of a folder in any layout."""
    data = load_data("auto", folder)
    splits: list[Split] = list(data.splits.values())
    logits = torch.cat([class_logits(tower.features, split, class_texts(data, "T1")) for split in splits])
    return {f"{name}, T1": _judged(logits, np.concatenate([split.labels for split in splits]))}


def zero_shot_crops(tower: Tower, crops: Crops) -> dict[str, Any]:
    """By what the lexicon says of the classes' looks."""
    embeddings = tower.texts([_looks(name) for name in crops.classes])
    logits = F.normalize(tower.images(crops.images).embedding, dim=-1) @ embeddings.T
    return {"aluminium crops, descriptions": _judged(logits, crops.labels)}


def _looks(name: str) -> list[str]:
    if name == SOUND:
        return [pattern.format(surface="metal", bare="metal", metal="metal") for pattern in SOUND_TEXTS]
    entry = find_entry(name)
    assert entry is not None, name
    return [f"{entry.name}: {look}." for look in entry.looks]


def swaps(tower: Tower, rows: list[tuple[Any, Facts]], name: str) -> dict[str, Any]:
    """How often a true text is nearer to its image than the same with one fact swapped."""
    embedded = F.normalize(tower.images([image for image, _ in rows]).embedding, dim=-1)
    found = {}
    for attribute in SWAPPED:
        rng = np.random.default_rng(0)
        pairs = [(n, *pair) for n, (_, facts) in enumerate(rows) for pair in _pairs(facts, attribute, rng)]
        if not pairs:
            continue
        image = embedded[torch.tensor([n for n, _, _ in pairs])]
        true, false = (tower.texts([[pair[side].text] for pair in pairs]) for side in (1, 2))
        right = ((image * true).sum(1) > (image * false).sum(1)).double().numpy()
        numbers = np.array([n for n, _, _ in pairs])
        of_image = np.array([right[numbers == n].mean() for n in np.unique(numbers)])
        values = np.array([rows[n][1][attribute] for n in np.unique(numbers)])
        judged = _bootstrap(lambda rows, of=of_image: float(of[rows].mean()), len(of_image))
        by_value = np.mean([of_image[values == value].mean() for value in np.unique(values)])
        found[f"{name}: {attribute}"] = judged | {"by_value": _percent(by_value)}
    return found


def masks_found(tower: Tower, masked: list[Masked]) -> dict[str, Any]:
    """How well the map of the defect, of a model that has one, agrees with masks."""
    maps = tower.images([one.image for one in masked], maps=True).maps if masked else {}
    if "defect" not in maps:
        return {}
    shares, counts, overlaps = maps["defect"][:, 0].sigmoid().numpy(), PixelCounts(), []
    for share, one in zip(shares, masked, strict=True):
        values = resized(share, one.mask.shape).clip(0, 1)
        counts.add(values, one.mask)
        overlaps.append(mean_iou([values], [one.mask], MARKED))
    of = np.array(overlaps)
    return {
        f"masks: mean IoU above {MARKED}": _bootstrap(lambda rows: float(of[rows].mean()), len(of)),
        "masks: pixel AUROC": {"pixels": _percent(counts.auroc())},
        "masks: F1-max": {"pixels": _percent(counts.f1_max()[0])},
    }


def _pairs(facts: Facts, attribute: str, rng: np.random.Generator) -> list[tuple[SceneText, SceneText]]:
    """Texts that state a fact, with their twins in which it is false."""
    found: list[tuple[SceneText, SceneText]] = []
    if attribute not in facts:
        return found
    for _ in range(12 * WORDINGS):
        text = describe(facts, rng, "short" if len(found) % 2 else "description")
        if attribute not in text.stated or len(found) == WORDINGS:
            continue
        false = swapped(text, attribute, rng)
        if false is not None and false.text != text.text:
            found.append((text, false))
    return found


def unseen_scenes() -> list[tuple[Any, Facts]]:
    """Scenes of names that are in no lexicon."""
    entries = [entry for file in sorted(UNSEEN.glob("*.yaml")) for entry in read_entries(file, lexicon()).values()]
    rng = np.random.default_rng(20_000_000)
    scenes = [compose(rng, 128, entries[n % len(entries)]) for n in range(SCENES)]
    return [(Image.fromarray(scene.image), scene.facts) for scene in scenes]


def few_shot(tower: Tower, crops: Crops) -> dict[str, Any]:
    """Linear probes on pooled maps, and methods that use texts; drawn images' frames are not tested on."""
    found: dict[str, Any] = {}
    whole = tower.images(crops.images)
    spaces = {f"linear-probe, {name}": rows for name, rows in whole.pooled.items()}
    if tower.clip:
        spaces |= dict.fromkeys(TEXT_METHODS, whole.embedding)
        texts = [_looks(name) for name in crops.classes]
        known = Classes(crops.classes, texts, tower.texts(texts))
    scores: dict[str, dict[int, list[float]]] = {name: {shots: [] for shots in SHOTS} for name in spaces}
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(len(crops.labels))
        for shots in SHOTS:
            drawn = np.concatenate([order[crops.labels[order] == c][:shots] for c in range(len(crops.classes))])
            tested = ~np.isin(crops.frames, crops.frames[drawn])
            views = tower.views([crops.images[n] for n in drawn], VIEWS, draw)
            for name, rows in spaces.items():
                method, _, space = name.partition(", ")
                varied = torch.stack([view.pooled[space] if space else view.embedding for view in views])
                shown = Examples(Images(rows[drawn]), torch.from_numpy(crops.labels[drawn]), varied)
                blank = Classes(
                    crops.classes, [[c] for c in crops.classes], torch.eye(len(crops.classes), rows.shape[1])
                )
                task = Task(shown, None, known if not space else blank, tower.scale, seed=draw)
                logits = load_method(method)(task).logits(Images(rows[torch.from_numpy(tested)]))
                scores[name][shots].append(_mean_accuracy(logits.argmax(1).numpy(), crops.labels[tested]))
    for name, by_shots in scores.items():
        for shots, values in by_shots.items():
            spread = {"mAcc": round(float(np.mean(values)), 2), "std": round(float(np.std(values)), 2)}
            found[f"aluminium, {shots} shots: {name}"] = spread
    return found


def patch_memory(tower: Tower, sound: Crops, faulty: Crops) -> dict[str, Any]:
    """Area under the ROC curve, for each map of the tower."""
    frames = np.random.default_rng(0).permutation(sound.frames)[:MEMORY]
    remembered = np.isin(sound.frames, frames)
    normal = [image for image, keep in zip(sound.images, remembered, strict=True) if keep]
    tested = [image for image, keep in zip(sound.images, remembered, strict=True) if not keep]
    tested += [image for image, frame in zip(faulty.images, faulty.frames, strict=True) if frame not in frames]
    labels = np.arange(len(tested)) >= np.count_nonzero(~remembered)
    memory, maps = tower.images(normal, maps=True).maps, tower.images(tested, maps=True).maps
    found = {}
    for name, known in memory.items():
        patches, shown = _patches(known).flatten(0, 1), _patches(maps[name])
        kept = np.random.default_rng(0).permutation(len(patches))[:PATCHES]
        patches = patches[torch.from_numpy(kept)]
        distances = torch.stack([torch.cdist(one, patches).min(1).values.max() for one in shown]).numpy()

        def area(rows: np.ndarray, distances: np.ndarray = distances) -> float:
            return float(roc_auc_score(labels[rows], distances[rows]))

        found[f"50 sound tiles, AUROC: {name}"] = _bootstrap(area, len(labels), labels)
    return found


def _patches(maps: torch.Tensor) -> torch.Tensor:
    """Maps (N, C, h, w) to (N, h w, C) unit-length features of 3 x 3 neighborhoods."""
    return F.normalize(F.avg_pool2d(maps, 3, 1, 1).flatten(2).transpose(1, 2), dim=-1)


def _judged(logits: torch.Tensor, labels: np.ndarray) -> dict[str, Any]:
    guessed = logits.argmax(1).numpy()

    def of(rows: np.ndarray) -> float:
        return _mean_accuracy(guessed[rows], labels[rows]) / 100

    mean = _bootstrap(of, len(labels), labels)
    right = _percent((guessed == labels).mean())
    return {"Acc": right, "mAcc": mean["value"], **{key: mean[key] for key in ("low", "high", "images")}}


def _mean_accuracy(guessed: np.ndarray, labels: np.ndarray) -> float:
    return 100 * float(np.mean([(guessed[labels == c] == c).mean() for c in np.unique(labels)]))


def _bootstrap(of: Callable[[np.ndarray], float], count: int, strata: np.ndarray | None = None) -> dict[str, Any]:
    """A figure and its 95 % interval over images, drawn anew within strata."""
    rng, groups = np.random.default_rng(0), [np.arange(count)]
    if strata is not None:
        groups = [np.flatnonzero(strata == value) for value in np.unique(strata)]
    draws = [of(np.concatenate([rng.choice(g, len(g)) for g in groups])) for _ in range(BOOTSTRAP // 4)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"value": _percent(of(np.arange(count))), "low": _percent(low), "high": _percent(high), "images": count}


def _percent(share: float) -> float:
    return round(100 * float(share), 2) if abs(share) <= 1 else round(float(share), 2)


def _table(result: dict[str, Any]) -> Table:
    table = Table("", *result)
    for row in dict.fromkeys(name for rows in result.values() for name in rows):
        table.add_row(row, *(_cell(rows.get(row)) for rows in result.values()))
    return table


def _cell(value: Any) -> str:
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    if "pixels" in value:
        return str(value["pixels"])
    if "std" in value:
        return f"{value['mAcc']} ± {value['std']}"
    if "by_value" in value:
        return f"{value['value']} ({value['low']} to {value['high']}); by value {value['by_value']}"
    first = f"{value['Acc']} / {value['mAcc']}" if "Acc" in value else f"{value['value']}"
    return f"{first} ({value['low']} to {value['high']})"


if __name__ == "__main__":
    main()

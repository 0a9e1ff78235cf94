"""Write the card of the embedded CLIP from how it was made and what was measured.

    python benchmarks/embedded_card.py

Reads steeldefectx/embedded/ and what embedded.py, embedded.yaml and embedded_ablation.py have left in
benchmarks/results/; writes steeldefectx/embedded/README.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from steeldefectx.benchmark.grid import ENSEMBLE
from steeldefectx.benchmark.report.statistics import mean_std
from steeldefectx.hub.model_card import CITATION, class_rows
from steeldefectx.models.clip import EMBEDDED_FOLDER, load_clip
from steeldefectx.models.names import EMBEDDED
from steeldefectx.pretrain.trainer import RECIPE
from steeldefectx.utils.markdown import table

RESULTS = Path(__file__).parent / "results"
ABLATION = RESULTS / "embedded-ablation.json"
CARD = EMBEDDED_FOLDER / "README.md"
LEVELS = {
    "T0": "the class name in a template",
    "T1": "a description of the class",
    ENSEMBLE: "several wordings of T1, averaged",
}


def main() -> None:
    """Write the card."""
    CARD.write_text(card(), "utf-8")


def card() -> str:
    """The card, as Markdown."""
    about, measured = _read(EMBEDDED_FOLDER / RECIPE), _read(RESULTS / "embedded.json")
    cells = [json.loads(line) for line in (RESULTS / "embedded.jsonl").read_text("utf-8").splitlines()]
    header = ModelCardData(
        language="en",
        license="mit",
        library_name="steeldefectx",
        pipeline_tag="zero-shot-image-classification",
        tags=["steel", "surface-defects", "industrial-inspection", "vision-language", "synthetic-data"],
    )
    lines = [
        *("---", header.to_yaml().strip(), "---", ""),
        *_head(about),
        *_use(),
        *_measured(measured, cells),
        *_ablation(),
        *_making(about),
        *_limits(),
        *("## Citation", "", "```bibtex", CITATION, "```", ""),
    ]
    return "\n".join(lines)


def _head(about: dict[str, Any]) -> list[str]:
    megabytes = (EMBEDDED_FOLDER / "model.safetensors").stat().st_size / 1e6
    clip = load_clip(EMBEDDED)
    parameters = sum(weight.numel() for weight in clip.model.parameters())
    images = sum(run["settings"]["images"] for run in (*about.get("earlier", []), about))
    return [
        "# The embedded CLIP of steeldefectx",
        "",
        "A small CLIP for defects on metal, which knows the 25 classes of steel-surface defects: "
        f"{parameters / 1e6:.1f} million parameters, {megabytes:.1f} MB in fp16. "
        f"A ResNet on grey images of {clip.image_shape[1]} pixels a side, "
        "each standardized by itself, a text tower that reads 128 tokens, and a vocabulary of its own.",
        "",
        f"**It was pretrained on {images:,} rendered images and their texts; no photograph took part.** "
        "The renderer was designed with images of NEU, X-SDD and a few of GC10-DET in view, and how well short runs "
        "did on NEU and X-SDD was looked at while it was; of three candidates the one that ships was taken by its "
        "figures on them. The figures below are of images that nothing was trained on, not of images that nobody had "
        "seen.",
        "",
    ]


def _use() -> list[str]:
    return [
        "## How to use",
        "",
        "It comes with the package `steeldefectx`; `embedded` is its name wherever a model or a checkpoint is asked "
        "for, and what `steeldefectx train` starts from where no model is named:",
        "",
        "```bash",
        "steeldefectx predict images/ --checkpoint embedded",
        "steeldefectx train --config class-folders --data-dir my_images/ --train-text T0",
        "```",
        "",
    ]


def _measured(measured: dict[str, Any], cells: list[dict[str, Any]]) -> list[str]:
    zero, energy = measured["zero_shot"], measured["saliency"]
    rows = [[f"zero-shot, {level}: {what}", *_scores(zero[level])] for level, what in LEVELS.items()]
    probes = measured["linear_probe"].items()
    rows += [[f"linear probe, features {name}, {p['train']:,} training images", *_scores(p)] for name, p in probes]
    tuned = [cell for cell in cells if cell["task"] == "task2"]
    rows += [[f"all weights fine-tuned, {cell['n_train']:,} training images", *_scores(cell)] for cell in tuned]
    trained = [cell for cell in cells if cell["task"] == "task3" and cell["shots"]]
    shots = sorted({cell["shots"] for cell in trained})
    by_method: dict[str, dict[int, list[float]]] = {}
    for cell in trained:
        by_method.setdefault(cell["method"], {}).setdefault(cell["shots"], []).append(cell["accuracy"])
    by_method["linear-probe, on the image tower's last two stages, before the projection"] = {
        int(n): found["accuracy"] for n, found in measured["few_shot"].items()
    }
    few = [[method, *(_spread(found[n]) for n in shots)] for method, found in by_method.items()]
    return [
        "## Measured on real images",
        "",
        f"{measured['images']:,} images of {measured['classes']} classes of NEU and X-SDD; zero-shot on all of them "
        f"(chance {100 / measured['classes']:.1f} %), the rest on the test split, where the text is T1.",
        "",
        *table(["%", "Acc", "mAcc"], rows, [1, 2]),
        "",
        "Few-shot methods on frozen features (full-rank trains the image tower), Acc %, mean and standard deviation of "
        "three draws of the shots:",
        "",
        *table(["method", *(f"{n} shot{'s' if n > 1 else ''}" for n in shots)], few, range(1, 1 + len(shots))),
        "",
        "By class, zero-shot with T1:",
        "",
        *table(["class", "images", "recall %", "most often taken for"], class_rows(zero["T1"]), [1, 2]),
        "",
        f"Share of a map's energy inside the mask, {energy['images']:,} images with masks: "
        f"{energy['T1']['energy']:.3f} for T1 texts, {energy['T0']['energy']:.3f} for T0; a map of chance "
        f"{energy['random']['energy']:.3f}, of the image's centre {energy['centre']['energy']:.3f}. "
        "The kind of map was chosen on a quarter of them, test images among them.",
        "",
        f"Images a second of the image tower on {measured['encoder']['cores']} CPU cores: "
        f"{measured['encoder']['images_per_second']:.0f}.",
        "",
    ]


def _ablation() -> list[str]:
    if not ABLATION.is_file():
        return []
    found = _read(ABLATION)
    keys = ("T0_accuracy", "T1_accuracy", "T1_mean_accuracy", "probe_accuracy")
    rows = [[name, *(_percent(row[key]) for key in keys)] for name, row in found["variants"].items()]
    about = _read(EMBEDDED_FOLDER / RECIPE)
    first = [*about.get("earlier", []), about][0]
    share = found["images"] / first["settings"]["images"]
    return [
        f"What the parts of the first run of pretraining are worth: runs on {found['images']:,} rendered images "
        f"({100 * share:.0f} % of its own) with one thing changed each. The second row shows what chance changes:",
        "",
        *table(["pretrained", "zero-shot T0 Acc %", "T1 Acc %", "T1 mAcc %", "probe Acc %"], rows, [1, 2, 3, 4]),
        "",
    ]


def _making(about: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    *runs, localizer = [*about.get("earlier", []), about]
    columns = ("images", "image_size", "composed", "lr", "precision")
    rows = [[*(run["settings"].get(key, 0) for key in columns), f"{run['seconds'] / 60:,.0f}"] for run in runs]
    head = ["images", "pixels a side", "share composed of attributes", "learning rate", "precision", "minutes"]
    return [
        "## How it was made",
        "",
        f"`make pretrain`, {len(runs)} runs of all weights, each but the first from the model of the one before; their "
        "whole settings are in `recipe.json`:",
        "",
        *table(head, rows, range(len(head))),
        "",
        f"On a {'GPU' if about['device'] == 'cuda' else 'CPU'}; {versions}. Images of the 25 classes are told apart by "
        "class, against texts of all classes that are worded anew in every step; some are told apart by their own "
        "description (T2, T3) too. Composed ones are held against texts that are false of them, by one fact or by all, "
        "and learn where their defect is. The weights are an average along training.",
        "",
        f"Then the localizer alone learnt from {localizer['settings']['images']:,} scenes, of which some show rims, "
        f"clamps, reflections and the dark beside a part, in {localizer['seconds'] / 60:,.0f} minutes; all else "
        "stayed as it was.",
        "",
    ]


def _limits() -> list[str]:
    lines = [
        "Meant for research, and as a starting point for images of your own; a person looks before anything follows "
        "from a prediction.",
        "NEU and X-SDD were in view when the renderer was designed: expect less of other cameras, steels and "
        "magnifications, and measure it on images of your own first (`steeldefectx eval --checkpoint embedded`).",
        "3 of the 25 classes were never measured on a photograph, and 9 others on 27 crops together.",
        "Of another metal's defects, told by description alone, it finds a third where chance is a fifth; what differs "
        "in size alone it mixes up.",
        "It reads direction and tone in texts well, the number fairly, and where in the image a defect lies in three "
        "of four cases.",
        "Asked for a class it names one of its own for any image, also for a sound surface. Whether there is anything, "
        "`SteelDefectInspector` tells well with sound frames to compare with; without any it finds eight in ten "
        "defects of another metal's frames at one false region a frame.",
        f"It sees grey, {load_clip(EMBEDDED).image_shape[1]} pixels a side, whatever the light: overall brightness and "
        "contrast say nothing to it.",
    ]
    terms = "MIT: weights, images and texts are this project's own."
    return ["## Intended use and limits", "", *(f"- {line}" for line in lines), "", "## Terms", "", terms, ""]


def _scores(found: dict[str, Any]) -> list[str]:
    return [_percent(found["accuracy"]), _percent(found["mean_accuracy"])]


def _spread(accuracies: list[float]) -> str:
    mean, spread = mean_std(accuracies)
    return _percent(mean) + ("" if spread is None else f" ± {_percent(spread)}")


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8"))


if __name__ == "__main__":
    main()

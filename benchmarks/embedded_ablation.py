"""What the parts of pretraining are worth: short runs that differ from the recipe in one setting each.

    python benchmarks/embedded_ablation.py --data-dir raw/ --out benchmarks/results/embedded-ablation.json

Each run sees as many rendered images as any other, far fewer than the model that ships. Measured as in embedded.py: on
real images, zero-shot by T1 on all, and a linear probe on the 7:3 split. A run that is finished is not run again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from embedded import before_projection, linear_probe, zero_shot
from rich.console import Console
from rich.table import Table

from steeldefectx.models.clip import load_clip
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.pretrain.trainer import MODEL, RECIPE, pretrain
from steeldefectx.taxonomy import T0_TEMPLATE
from steeldefectx.training.data import Data, load_data
from steeldefectx.training.features import Features
from steeldefectx.training.results import versions, write_json

VARIANTS: dict[str, dict[str, Any]] = {
    "as it ships": {},
    "the sample's renderer": {"renderer": "sample"},
    "no descriptions (T0 and T1 alone)": {"described": 0.0},
    "half the channels": {"image_widths": "20,40,80,160"},
    "no T1, no descriptions (T0 alone)": {"described": 0.0, "class_texts": "T0"},
    "images of 96 pixels": {"image_size": 96},
}
"""What differs."""


def main() -> None:
    """Train, measure, print and write after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True, help="Folder with real images.")
    parser.add_argument("--images", type=int, default=50_000, help="Rendered images of each run.")
    parser.add_argument("--batch-size", type=int, default=64, help="Images a step; small, for many steps.")
    parser.add_argument("--precision", default="auto", help="As of steeldefectx.pretrain.")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"), help="Folder of the runs.")
    parser.add_argument("--out", type=Path, help="JSON file for the figures.")
    options = parser.parse_args()
    data = load_data("default", options.data_dir, t0_template=T0_TEMPLATE)
    base = PretrainConfig(images=options.images, batch_size=options.batch_size, precision=options.precision)
    found = {}
    for name, settings in VARIANTS.items():
        folder = options.runs / name.split(" (")[0].replace(" ", "-").replace("'", "")
        if not (folder / RECIPE).is_file():
            pretrain(replace(base, out=str(folder), **settings))
        found[name] = {"settings": settings, **measure(folder / MODEL, data)}
        result = {
            "images": options.images,
            "batch_size": options.batch_size,
            "variants": found,
            "data_fingerprint": data.fingerprint,
        }
        if options.out:
            write_json({**result, "versions": versions()}, options.out)
    Console().print(_table(found, options.images))


def measure(folder: Path, data: Data) -> dict[str, float]:
    """Zero-shot by T1 on all images, and the probe."""
    clip, device = load_clip(str(folder)), PartialState().device
    clip.to(device)
    features = Features(clip, device, torch.float32)
    by_text = zero_shot(features, data, "T1")
    probe = linear_probe(data, lambda split: before_projection(clip, split))
    return {
        "zero_shot_accuracy": by_text["accuracy"],
        "zero_shot_mean_accuracy": by_text["mean_accuracy"],
        "probe_accuracy": probe["accuracy"],
    }


def _table(found: dict[str, dict[str, Any]], images: int) -> Table:
    table = Table("pretrained", "zero-shot T1 Acc", "mAcc", "probe", title=f"{images:,} rendered images each")
    for name, row in found.items():
        table.add_row(name, *(f"{100 * value:.2f}" for value in list(row.values())[1:]))
    return table


if __name__ == "__main__":
    main()

"""What the parts of pretraining are worth: short runs that differ from the recipe in one setting each.

    python benchmarks/embedded_ablation.py --data-dir raw/ --out benchmarks/results/embedded-ablation.json

Each run sees as many rendered images as any other, far fewer than the model that ships. Measured as in embedded.py: on
real images, zero-shot by T0 and by T1 on all, and a linear probe on the 7:3 split, before the projection. A run that is
finished is not run again.

The vision transformer stands in the ResNet's place, with a few more parameters: patches of 16 pixels, six layers.
It is trained at the recipe's learning rate and at a third of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from math import isqrt
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from accelerate import PartialState
from embedded import before_projection, linear_probe, zero_shot
from rich.console import Console
from rich.table import Table
from safetensors.torch import load_file
from torch import nn
from transformers import AutoTokenizer, ViTConfig, ViTModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from steeldefectx.data.labelled import Data, load_data
from steeldefectx.features.encoding import Features
from steeldefectx.models.clip import Clip
from steeldefectx.models.from_scratch import Sizes, new_model, new_processor
from steeldefectx.models.steel_clip import SteelCLIPModel
from steeldefectx.pretrain import trainer
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.pretrain.trainer import MODEL, RECIPE, pretrain
from steeldefectx.taxonomy import T0_TEMPLATE
from steeldefectx.utils.results import versions, write_json

VIT, VIT_WIDTH = "a vision transformer", 192
WEIGHTS = "model.safetensors"
SAVED_VIT = {
    "encoder.layer.": "layers.",
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}
"""Names of a ViT's layers as ``save_pretrained`` writes them, and as the network has them."""
COLUMNS = {
    "T0_accuracy": "zero-shot T0 Acc %",
    "T0_mean_accuracy": "mAcc %",
    "T1_accuracy": "zero-shot T1 Acc %",
    "T1_mean_accuracy": "mAcc %",
    "probe_accuracy": "probe Acc %",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "as it ships": {},
    "as it ships, another seed": {"seed": 1},
    "the sample's renderer": {"renderer": "sample"},
    "no descriptions (T0 and T1 alone)": {"described": 0.0},
    "half the channels": {"image_widths": "20,40,80,160"},
    "no T1, no descriptions (T0 alone)": {"described": 0.0, "class_texts": "T0"},
    "images of 96 pixels": {"image_size": 96},
    VIT: {},
    f"{VIT}, a third of the learning rate": {"lr": 5e-4},
}
"""What differs."""


class ViTTower(nn.Module):
    """A vision transformer that answers as the ResNet tower does."""

    def __init__(self, image_size: int):
        super().__init__()
        shape = {"hidden_size": VIT_WIDTH, "intermediate_size": 4 * VIT_WIDTH, "num_attention_heads": 3}
        config = ViTConfig(image_size=image_size, patch_size=16, num_channels=1, num_hidden_layers=6, **shape)
        self.vit = ViTModel(config, add_pooling_layer=False)

    def forward(self, pixels: torch.Tensor, output_hidden_states: bool = False) -> BaseModelOutputWithPooling:
        """Grey images (N, 1, H, W) to patches as a map (N, C, h, w), and their mean."""
        patches = self.vit(pixels).last_hidden_state[:, 1:]
        maps = patches.mT.unflatten(2, (isqrt(patches.shape[1]),) * 2)
        return BaseModelOutputWithPooling(last_hidden_state=maps, pooler_output=maps.mean((2, 3)))


def with_vit(tokenizer: Any, sizes: Sizes) -> SteelCLIPModel:
    """A new model as :func:`new_model`'s, with a vision transformer for image tower."""
    model = new_model(tokenizer, sizes)
    torch.manual_seed(0)
    model.vision_model = ViTTower(sizes.image_size)
    model.visual_projection = nn.Linear(VIT_WIDTH, sizes.projection, bias=False)
    return model


def main() -> None:
    """Train, measure, print and write after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True, help="Folder with real images.")
    parser.add_argument("--images", type=int, default=50_000, help="Rendered images of each run.")
    parser.add_argument("--batch-size", type=int, default=64, help="Images a step; small, for many steps.")
    parser.add_argument("--precision", default="auto", help="As of steeldefectx pretrain.")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"), help="Folder of the runs.")
    parser.add_argument("--out", type=Path, help="JSON file for the figures.")
    options = parser.parse_args()
    data = load_data("default", options.data_dir, t0_template=T0_TEMPLATE)
    base = PretrainConfig(images=options.images, batch_size=options.batch_size, precision=options.precision)
    found = {}
    for name, settings in VARIANTS.items():
        folder = options.runs / name.split(" (")[0].replace(" ", "-").replace("'", "")
        config = replace(base, out=str(folder), **settings)
        make = with_vit if name.startswith(VIT) else new_model
        if not (folder / RECIPE).is_file():
            with patch.object(trainer, "new_model", make):
                pretrain(config)
        found[name] = {"settings": settings, **measure(folder / MODEL, make, config.sizes, data)}
        result = {
            "images": options.images,
            "batch_size": options.batch_size,
            "variants": found,
            "data_fingerprint": data.fingerprint,
        }
        if options.out:
            write_json({**result, "versions": versions()}, options.out)
    Console().print(_table(found, options.images))


def measure(folder: Path, make: Callable[..., SteelCLIPModel], sizes: Sizes, data: Data) -> dict[str, float]:
    """Zero-shot by T0 and by T1 on all images, the probe, and how many parameters the model has."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = make(tokenizer, sizes)
    model.load_state_dict({_as_built(name): weight for name, weight in load_file(folder / WEIGHTS).items()})
    clip, device = Clip(model.eval(), tokenizer, new_processor(sizes), str(folder)), PartialState().device
    clip.to(device)
    features = Features(clip, device, torch.float32)
    found: dict[str, float] = {"parameters": sum(weight.numel() for weight in model.parameters())}
    for level in ("T0", "T1"):
        by_text = zero_shot(features, data, level)
        found |= {f"{level}_{name}": by_text[name] for name in ("accuracy", "mean_accuracy")}
    return found | {"probe_accuracy": linear_probe(data, lambda split: before_projection(clip, split))["accuracy"]}


def _as_built(name: str) -> str:
    for written, built in SAVED_VIT.items():
        name = name.replace(written, built) if ".vit." in name else name
    return name


def _table(found: dict[str, dict[str, Any]], images: int) -> Table:
    table = Table("pretrained", "parameters", *COLUMNS.values(), title=f"{images:,} rendered images each")
    for name, row in found.items():
        table.add_row(name, f"{row['parameters'] / 1e6:.2f} M", *(f"{100 * row[key]:.2f}" for key in COLUMNS))
    return table


if __name__ == "__main__":
    main()

"""Put a pretrained model into the package, as the one that is called ``embedded``.

python -m steeldefectx.pretrain.export runs/pretrain
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch

from steeldefectx.errors import ModelError
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import EMBEDDED_FOLDER, load_clip
from steeldefectx.pretrain.trainer import MODEL, RECIPE
from steeldefectx.taxonomy import CLASS_NAMES, t1_variants

LARGEST = 16 * 2**20
"""Bytes of weights that the package carries at most."""


def export(run: Path, folder: Path = EMBEDDED_FOLDER) -> None:
    """Write a run's model in half precision, with the 25 classes and how it was made, in place of the one before.

    Args:
        run: Folder of :func:`~steeldefectx.pretrain.trainer.pretrain`.
        folder: Where to.

    Raises:
        ModelError: The run is not finished, or its weights are too large to ship.
    """
    if not (run / RECIPE).is_file():
        raise ModelError(f"{run}: no finished run of steeldefectx pretrain ({RECIPE} is missing).")
    clip = load_clip(str(run / MODEL))
    clip.model = clip.model.to(torch.float16)
    size = sum(tensor.nbytes for tensor in clip.model.state_dict().values())
    if size > LARGEST:
        raise ModelError(f"{run}: {size / 2**20:.1f} MiB of weights, {LARGEST / 2**20:.0f} at most may ship.")
    save_checkpoint(clip, {name: t1_variants(name) for name in CLASS_NAMES}, folder)
    (folder / "model.safetensors").chmod(0o644)  # a package is read by others than who built it
    shutil.copyfile(run / RECIPE, folder / RECIPE)
    for file in (folder / "config.json", folder / "tokenizer_config.json"):
        content = json.loads(file.read_text("utf-8"))
        content.pop("_name_or_path", None)
        content.pop("name_or_path", None)
        file.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", "utf-8")


def main() -> None:
    """Parse and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="Folder of a finished run.")
    parser.add_argument("--folder", type=Path, default=EMBEDDED_FOLDER, help="Where to; the package by default.")
    options = parser.parse_args()
    export(options.run, options.folder)
    print(f"{options.folder}: {sum(file.stat().st_size for file in options.folder.iterdir()) / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()

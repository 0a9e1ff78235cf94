"""Train the localizer of a pretrained model on rendered masks; all else of the model stays as it is.

python -m steeldefectx.pretrain.localizer --init embedded --out runs/localizer
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from steeldefectx.errors import ModelError
from steeldefectx.models.clip import Clip, load_clip
from steeldefectx.models.localizer import STRIDE
from steeldefectx.models.names import EMBEDDED
from steeldefectx.models.steel_clip import SteelCLIPModel
from steeldefectx.pretrain.masks import shares
from steeldefectx.pretrain.objectives import mask_loss
from steeldefectx.pretrain.stream import start_renderer
from steeldefectx.pretrain.trainer import (
    CODE,
    LOG,
    LOGGED,
    MINUTES,
    MODEL,
    RECIPE,
    cut_log,
    earlier_runs,
    save_model,
    schedule,
)
from steeldefectx.render.composed.compose import compose
from steeldefectx.render.scenes import render_scene
from steeldefectx.training.loop import MAX_GRADIENT_NORM, parameter_groups, refuse_divergence
from steeldefectx.training.snapshot import Snapshots, load_trained_state
from steeldefectx.training.weight_average import WeightAverage
from steeldefectx.utils.fingerprint import code_hash
from steeldefectx.utils.results import versions, write_json

COMPOSED, FRAMED = 0.7, 0.4
"""Share of scenes that are composed, the others being of the 25 classes; and of these, that show more than metal."""
WEIGHT_DECAY, WARMUP, AVERAGED = 0.05, 0.05, 0.999
POSITIVE = 1.0
"""Weight of cells with a defect: more would mark more of what is sound."""


@dataclass(frozen=True)
class LocalizerRun:
    """Settings of a run."""

    out: str
    init: str = EMBEDDED
    images: int = 120_000
    batch_size: int = 64
    lr: float = 2e-3
    width: int = 32
    seed: int = 0
    workers: int = 1

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return max(1, self.images // self.batch_size)


class Masked(Dataset[tuple[np.ndarray, np.ndarray]]):
    """Scenes with their masks, by number."""

    def __init__(self, seed: int, size: int, first: int, end: int):
        self.seed, self.size, self.first, self.end = seed, size, first, end

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(H, W) uint8, and (H / 2, W / 2) uint8, 255 where all of a cell is of the defect."""
        rng = np.random.default_rng([self.seed, self.first + index])
        drawn = rng.random() < COMPOSED
        scene = compose(rng, self.size, framed=FRAMED) if drawn else render_scene(rng, self.size)
        return np.array(scene.image), shares(scene.mask, STRIDE)  # a copy, for a JPEG's pixels are read-only


def train_localizer(run: LocalizerRun) -> Path:
    """Train, or go on with it; a run that is finished already is not run again.

    Returns:
        The folder of the finished model, in ``save_pretrained`` form.

    Raises:
        ModelError: The model is of another kind.
        ConfigError: The folder has a snapshot of a run with other settings, or the loss is no longer finite.
    """
    folder, device = Path(run.out), PartialState().device
    folder.mkdir(parents=True, exist_ok=True)
    clip = load_clip(run.init)
    settings = {"part": "localizer", **asdict(run), "init": clip.fingerprint()}
    for name in ("out", "workers"):
        del settings[name]
    identity = {"settings": settings, "code": code_hash(*CODE)}
    if (folder / RECIPE).is_file() and identity.items() <= json.loads((folder / RECIPE).read_text("utf-8")).items():
        return folder / MODEL
    model = with_localizer(clip, run.width).to(device, memory_format=torch.channels_last)
    localizer = model.localizer
    assert localizer is not None
    optimizer = torch.optim.AdamW(parameter_groups(localizer, WEIGHT_DECAY), lr=run.lr)
    snapshots = Snapshots(folder, identity, MINUTES, writes=True)
    saved = snapshots.load(localizer, optimizer)
    first, spent = (saved.progress["step"], saved.progress["seconds"]) if saved else (0, 0.0)
    average = WeightAverage(localizer, AVERAGED, saved.average if saved else None)
    started = time.monotonic() - spent
    cut_log(folder / LOG, first)
    localizer.train()
    for step, loss in _steps(model, localizer, optimizer, run, first, clip.image_shape[1], device):
        average.update(step)
        seconds = round(time.monotonic() - started, 1)
        if step % LOGGED == 0:
            with (folder / LOG).open("a") as log:
                log.write(json.dumps({"step": step, "seconds": seconds, "loss": round(loss, 5)}) + "\n")
        if snapshots.due():
            snapshots.save(localizer, optimizer, {"step": step, "seconds": seconds}, {}, average.state)
    load_trained_state(localizer, average.state)
    save_model(model.eval().cpu(), clip.tokenizer, clip.image_shape[1], folder)
    about = {"settings": settings, "seconds": round(time.monotonic() - started, 1), "device": str(device)}
    write_json(
        {**about, "code": identity["code"], "versions": versions(), "earlier": earlier_runs(run.init)}, folder / RECIPE
    )
    snapshots.remove()
    return folder / MODEL


def with_localizer(clip: Clip, width: int) -> SteelCLIPModel:
    """The model with a localizer, a new one unless it has one of that width; nothing else of it can be trained.

    Raises:
        ModelError: It is of another kind.
    """
    if not isinstance(clip.model, SteelCLIPModel):
        raise ModelError(f"{clip.name} has no localizer: take embedded or a pretraining run's model.")
    config = type(clip.model.config)(**{**clip.model.config.to_dict(), "localizer_width": width})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SteelCLIPModel(config)
    known = {name: value.float() for name, value in clip.model.state_dict().items()}
    if clip.model.config.localizer_width != width:
        known = {name: value for name, value in known.items() if not name.startswith("localizer.")}
    model.load_state_dict({**model.state_dict(), **known})
    model.eval().requires_grad_(False)
    assert model.localizer is not None
    model.localizer.requires_grad_(True)
    return model


def _steps(
    model: SteelCLIPModel,
    localizer: nn.Module,
    optimizer: torch.optim.Optimizer,
    run: LocalizerRun,
    first: int,
    size: int,
    device: torch.device,
) -> Iterator[tuple[int, float]]:
    """Take the steps that are left; after each its number, from 1, and its loss."""
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: schedule(first + done, run.steps, WARMUP))
    scenes = Masked(run.seed, size, first * run.batch_size, run.steps * run.batch_size)
    loader = DataLoader(
        scenes, run.batch_size, num_workers=run.workers, prefetch_factor=4 if run.workers else None,
        worker_init_fn=start_renderer,
    )  # fmt: skip
    bar = tqdm(total=run.steps * run.batch_size, initial=first * run.batch_size, unit="image", unit_scale=True)
    for step, (images, masks) in enumerate(loader, start=first):
        pixels = images.to(device)[:, None].expand(-1, 3, -1, -1).float() / 255
        with torch.no_grad():
            grey = model.standardized(pixels).contiguous(memory_format=torch.channels_last)
            stages = model.vision_model(grey, output_hidden_states=True).hidden_states[1:]
        loss = mask_loss(localizer(grey, stages), masks.to(device).float() / 255, POSITIVE)
        optimizer.zero_grad()
        loss.backward()
        refuse_divergence(loss, step, run.lr)
        nn.utils.clip_grad_norm_(localizer.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        rate.step()
        bar.update(run.batch_size)
        yield step + 1, loss.item()
    bar.close()


def main() -> None:
    """Parse and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="Folder of the run.")
    parser.add_argument("--init", default=EMBEDDED, help="The model that gets a localizer.")
    parser.add_argument("--images", type=int, default=LocalizerRun.images, help="Rendered images, each seen once.")
    parser.add_argument("--lr", type=float, default=LocalizerRun.lr)
    parser.add_argument("--workers", type=int, default=LocalizerRun.workers, help="Processes that render.")
    options = parser.parse_args()
    print(train_localizer(LocalizerRun(**vars(options))))


if __name__ == "__main__":
    main()

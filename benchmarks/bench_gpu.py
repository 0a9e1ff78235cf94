"""How near to a GPU's limit the engine trains: images/s, model FLOP utilization, peak memory, and whether it waits.

    python benchmarks/bench_gpu.py --out benchmarks/results/bench-gpu                  (make bench-gpu)

A CLIP of ViT-L/14's size with random weights and LoRA on both towers, bf16, trained by the engine's own loop on
synthetic images, for several batch sizes. Utilization is the floating-point operations that a step needs (counted by
torch for its matrix products; those of frozen weights' gradients are not needed and not counted) by its time, over
what the GPU can do in bf16. A trace of some steps says for which share of the time a kernel was running.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

from steeldefectx.data.labelled import Split, load_data
from steeldefectx.features.pixels import PixelStore
from steeldefectx.models.clip import Clip, load_clip
from steeldefectx.models.peft_adapters import add_peft
from steeldefectx.training.batches import Batches
from steeldefectx.training.clip_inputs import PixelInputs
from steeldefectx.training.clip_modules import TrainedTowers
from steeldefectx.training.config import TrainConfig, load_recipe
from steeldefectx.training.loop import fit
from steeldefectx.training.snapshot import Snapshots
from steeldefectx.training.text_bank import TextBank
from steeldefectx.utils.results import versions

BF16_TERAFLOPS = {"H100": 989.4, "H200": 989.4, "A100": 312.0, "L40S": 362.05, "4090": 165.2}
"""Dense bf16 peak by NVIDIA's data sheets (SXM where there are several)."""
LARGE = {
    "vision_config": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
                      "num_attention_heads": 16, "patch_size": 14, "projection_dim": 768},
    "text_config": {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
                    "num_attention_heads": 12, "projection_dim": 768},
    "projection_dim": 768,
}  # fmt: skip
"""CLIP ViT-L/14 at 224 pixels."""
STEPS = 10
"""Steps of an epoch that is timed."""


def random_clip(folder: Path, settings: dict[str, Any]) -> Clip:
    """A CLIP of a size, with random weights and the tokenizer of ``tiny``: its speed is that of any."""
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(**settings)).save_pretrained(folder)
    load_clip("tiny").tokenizer.save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    return load_clip(str(folder))


def repeated(split: Split, count: int) -> Split:
    """A split as long as wanted: its samples over and over."""
    rows = np.arange(count) % len(split)
    texts = {level: [column[row] for row in rows] for level, column in split.texts.items()}
    return Split(split.column, split.column_hashes, split.rows[rows], split.labels[rows], texts, split.sources[rows])


def measure(folder: Path, size: int, split: Split, settings: dict[str, Any], peak: float | None) -> dict[str, Any]:
    """Train at a batch size; a row of the table."""
    accelerator = Accelerator(mixed_precision="bf16")
    clip = random_clip(folder / "clip", settings)
    clip.to(accelerator.device)
    changes = {"train_text": "T3", "loss": "contrastive", "batch_size": size, "epochs": 3}
    config = TrainConfig(**load_recipe("lora-strong") | changes)
    add_peft(clip, "lora", "both", asdict(config))
    train = repeated(split, size * STEPS)
    bank = TextBank(train.level("T3"), 0.0)
    inputs = PixelInputs(PixelStore(train, clip), dict(clip.tokenize(bank.forms)), "photometric", accelerator.device)
    batches = Batches(inputs, bank, train.labels, size, 0)
    module = TrainedTowers(clip, keep_statistics=True, loss="contrastive")
    cuda = accelerator.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    lines: list[dict[str, Any]] = []
    fit(module, batches, config, accelerator, snapshots=Snapshots(folder, {}, 60, writes=False), log=lines.append)
    seconds = min(line["seconds"] for line in lines[1:]) / batches.per_epoch  # the first epoch warms up
    memory = torch.cuda.max_memory_allocated() / 2**30 if cuda else None
    flops = step_flops(module, batches, accelerator)
    busy = busy_share(module, batches, config, accelerator, folder) if cuda else None
    return {
        "batch": size,
        "images_per_s": round(size / seconds, 1),
        "ms_per_step": round(1e3 * seconds, 1),
        "teraflops": round(flops / seconds / 1e12, 2),
        "utilization": None if peak is None else round(flops / seconds / 1e12 / peak, 4),
        "kernel_running": None if busy is None else round(busy, 4),
        "peak_gib": None if memory is None else round(memory, 2),
    }


def step_flops(module: TrainedTowers, batches: Batches, accelerator: Accelerator) -> int:
    """Floating-point operations of a step's matrix products, forward and backward, as they are carried out."""
    batch = batches(0)
    module.train()
    with FlopCounterMode(display=False) as counter, accelerator.autocast():
        module.loss(module(*batches.inputs.to_device(batch)), batch, lambda tensor: tensor).backward()
    module.zero_grad()
    return int(counter.get_total_flops())


def busy_share(
    module: TrainedTowers, batches: Batches, config: TrainConfig, accelerator: Accelerator, folder: Path
) -> float:
    """Share of an epoch in which a kernel runs on the GPU, from a trace; the rest of it the GPU waits."""
    config.epochs = 1
    with profile(activities=[ProfilerActivity.CUDA]) as trace:
        fit(module, batches, config, accelerator, snapshots=Snapshots(folder, {}, 60, writes=False), log=lambda _: None)
        torch.cuda.synchronize()
    spans = sorted((e.time_range.start, e.time_range.end) for e in trace.events() if e.device_type.name == "CUDA")
    running, reached = 0.0, spans[0][0]
    for start, end in spans:
        running += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return running / (reached - spans[0][0])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 64, 128, 256])
    parser.add_argument("--peak", type=float, help="the GPU's dense bf16 teraflop/s, where it is not a known one")
    parser.add_argument("--small", action="store_true", help="a small model, to try this script on a CPU")
    parser.add_argument("--out", type=Path, help="file to write, without its ending: .json")
    args = parser.parse_args()
    if not torch.cuda.is_available() and not args.small:
        raise SystemExit("bench_gpu.py: there is no GPU; --small tries the script on a CPU.")
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    peak = args.peak or next((value for key, value in BF16_TERAFLOPS.items() if key in name), None)
    tiny = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    settings = {"vision_config": tiny | {"patch_size": 32}, "text_config": tiny} if args.small else LARGE
    data = load_data("sample", None, t0_template=TrainConfig.t0_template)
    about = {"device": name, "peak_bf16_teraflops": peak, "images": "synthetic (sample)", "versions": versions()}
    rows = []
    for size in args.batch_sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(Path(folder), size, data.split("train"), settings, peak))
    table = Table(*rows[0], title=f"LoRA on a ViT-L/14 CLIP, bf16, {name}")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.with_suffix(".json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

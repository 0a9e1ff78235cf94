"""What the engine's shortcuts gain, each against its naive form in one run: a table of ratios.

    python benchmarks/bench.py --out benchmarks/results/bench-cpu          (make bench)
    python benchmarks/bench.py --data-dir raw/ --clip FOLDER --images 0    all real images, and a pretrained CLIP

Without --data-dir the images are the synthetic sample's. Times depend on what else the machine does; the two sides
of a ratio are measured one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import huggingface_hub.constants
import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

from steeldefectx import metrics
from steeldefectx.data.labelled import Data, Split, class_texts, image_bytes, load_data
from steeldefectx.features.augmentation import draw_variation, vary_light, vary_shape
from steeldefectx.features.encoding import BATCH, Features
from steeldefectx.features.logits import class_logits
from steeldefectx.features.pixels import PixelStore, decode
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.clip import Clip, load_clip
from steeldefectx.training.batches import Batches
from steeldefectx.training.clip_inputs import FeatureInputs
from steeldefectx.training.clip_modules import FrozenTowers
from steeldefectx.training.config import TrainConfig, load_recipe
from steeldefectx.training.loop import fit
from steeldefectx.training.run import run
from steeldefectx.training.snapshot import Snapshots
from steeldefectx.training.text_bank import TextBank
from steeldefectx.utils.prefetch import prefetch
from steeldefectx.utils.results import versions

CPU = torch.device("cpu")
Row = dict[str, Any]


@contextmanager
def fresh_cache() -> Iterator[Path]:
    """Nothing is known of any image or text."""
    kept = huggingface_hub.constants.HF_HOME
    with tempfile.TemporaryDirectory() as folder:
        huggingface_hub.constants.HF_HOME = folder
        try:
            yield Path(folder)
        finally:
            huggingface_hub.constants.HF_HOME = kept


def seconds(action: Callable[[], Any]) -> float:
    """Wall time of an action."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def row(what: str, naive: str, naive_s: float, ours: str, ours_s: float, **more: Any) -> Row:
    """A line of the table; ``ratio``: how many times as long the naive form takes."""
    return {"what": what, "naive": naive, "naive_s": round(naive_s, 4), "ours": ours, "ours_s": round(ours_s, 4),
            "ratio": round(naive_s / ours_s, 2), **more}  # fmt: skip


def base_sized_clip(folder: Path) -> str:
    """A CLIP of ViT-B/32's size with random weights: its speed is that of any."""
    torch.manual_seed(0)
    CLIPModel(CLIPConfig()).save_pretrained(folder)
    load_clip("tiny").tokenizer.save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    return str(folder)


def part(data: Data, images: int) -> Data:
    """At most so many images, the first of each split; 0: all."""
    total = sum(map(len, data.splits.values()))
    share = min(1.0, images / total) if images else 1.0
    splits = {name: split.part(np.arange(len(split)) < len(split) * share) for name, split in data.splits.items()}
    present = sorted(set(splits["train"].labels.tolist()))
    for split in splits.values():
        split.labels = np.searchsorted(present, split.labels)
    return Data([data.classes[label] for label in present], splits)


def one_pass(clip: Clip, data: Data) -> float:
    """Seconds that the image tower takes for all images, decoded ahead, kept nowhere."""

    def encode() -> None:
        for split in data.splits.values():
            batches = [split.rows[i : i + BATCH] for i in range(0, len(split), BATCH)]
            for pixels in prefetch(lambda rows, column=split.column: decode(column, rows, clip), batches):
                clip.encode_images(pixels)

    with torch.inference_mode():
        return seconds(encode)


class EncodedEveryTime(FeatureInputs):
    """What re-encodes each batch in each epoch, as the published implementation does."""

    def __init__(self, clip: Clip, split: Split, bank: TextBank):
        self.clip, self.split, self.bank, self.device = clip, split, bank, CPU

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """One view, drawn as for kept features."""
        return rng.integers(1, size=n)

    @torch.no_grad()
    def image_batch(self, indices: np.ndarray, drawn: np.ndarray, share: slice) -> torch.Tensor:
        """Decoded and encoded now."""
        return self.clip.encode_images(decode(self.split.column, self.split.rows[indices], self.clip)).float()

    @torch.no_grad()
    def text_batch(self, rows: np.ndarray) -> torch.Tensor:
        """Encoded now."""
        return self.clip.encode_texts(self.clip.tokenize([self.bank.forms[r] for r in rows])).float()


def task2(name: str, data: Data, reencode: bool) -> list[Row]:
    """The recipe of 20 epochs against one pass of the image tower, and against encoding in every epoch."""
    settings = load_recipe("task2") | {"train_text": "T1", "model": name, "tracker": "none"}
    label = Path(name).name
    with fresh_cache() as folder:
        config = TrainConfig(**settings, output_dir=str(folder / "out"))
        run_s = seconds(lambda: run(config, data))
        results = json.loads((folder / "out" / "results.json").read_text())
        clip = load_clip(name)
        pass_s = one_pass(clip, data)
        rows = [row(f"task 2, 20 epochs, {label}", "one pass of the image tower", pass_s, "the whole run", run_s,
                    bar="ratio >= 0.8", images=sum(map(len, data.splits.values())))]  # fmt: skip
        if not reencode:
            return rows
        bank, train = TextBank(data.splits["train"].level("T1"), 0.0), data.splits["train"]
        torch.manual_seed(0)
        clip.model.requires_grad_(False)
        width = clip.encode_images(torch.zeros(1, *clip.image_shape)).shape[-1]
        # The run has drawn from the generator by the time it makes its adapter: the same weights begin.
        clip.adapter = ClipAdapter(width, config.ratio)
        prompts = class_texts(data, "T0")

        def train_with(inputs: FeatureInputs) -> float:
            batches = Batches(inputs, bank, train.labels, config.batch_size, config.seed)
            snapshots = Snapshots(folder, {}, 60, writes=False)
            return seconds(
                lambda: fit(FrozenTowers(clip), batches, config, Accelerator(), snapshots=snapshots, log=lambda _: None)
            )

        begin = {k: v.clone() for k, v in clip.adapter.state_dict().items()}
        naive_s = train_with(EncodedEveryTime(clip, train, bank))
        features = Features(clip, CPU)
        naive_accuracy = accuracy(features, data, prompts)
        clip.adapter.load_state_dict(begin)
        with fresh_cache():
            features = Features(clip, CPU)
            started = time.perf_counter()
            ours = FeatureInputs(features.images(train)[None], features.texts(bank.forms), CPU)
            ours_s = time.perf_counter() - started + train_with(ours)
            ours_accuracy = accuracy(features, data, prompts)
        rows.append(row(f"training, 20 epochs, {label}", "towers encode in every epoch", naive_s,
                        "encoded once, then trained", ours_s, bar="ratio >= 12", naive_accuracy=naive_accuracy,
                        accuracy=ours_accuracy, run_accuracy=results["accuracy"], images=len(train)))  # fmt: skip
        return rows


def accuracy(features: Features, data: Data, prompts: list[list[str]]) -> float:
    """Of the test split."""
    test = data.splits["test"]
    return metrics.accuracy(class_logits(features, test, prompts).argmax(1).numpy(), test.labels)


def precision(name: str, data: Data) -> Row:
    """bf16 against fp32: image features, decoded already."""
    split = data.splits["train"]
    clip = load_clip(name)
    pixels = decode(split.column, split.rows[: 4 * BATCH], clip)
    half = clip.in_dtype(torch.bfloat16)
    found: dict[str, torch.Tensor] = {}

    def encode(encoder: Clip, key: str) -> Callable[[], None]:
        def action() -> None:
            found[key] = torch.cat([encoder.encode_images(batch) for batch in pixels.split(BATCH)]).float()

        return action

    with torch.inference_mode():
        for encoder in (clip, half):
            encoder.encode_images(pixels[:BATCH])
        full_s, half_s = seconds(encode(clip, "fp32")), seconds(encode(half, "bf16"))
    cosine = F.cosine_similarity(found["fp32"], found["bf16"]).min().item()
    return row(f"encoding, {Path(name).name}", "fp32", full_s, "bf16", half_s, bar="ratio >= 1.7", images=len(pixels),
               least_cosine=round(cosine, 5))  # fmt: skip


def product() -> Row:
    """What the processor itself gains by bf16: a matrix product of a ViT-B/32's width, in torch's own kernels."""
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.randn(256, 768).to(dtype), torch.randn(768, 3072).to(dtype)
        a @ b
        found[dtype] = min(seconds(lambda a=a, b=b: a @ b) for _ in range(5))
    return row("matrix product, 256x768 by 768x3072", "fp32", found[torch.float32], "bf16", found[torch.bfloat16])


class PillowData(torch.utils.data.Dataset):
    """Decode and resize with Pillow at every access, as most training scripts do."""

    def __init__(self, split: Split, side: int, kind: str):
        self.files = [image_bytes(split.column[int(r)]) for r in split.rows]
        self.side, self.kind = side, kind

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        import io

        image = Image.open(io.BytesIO(self.files[index])).convert("RGB")
        size = (self.side, self.side)
        rng = np.random.default_rng()
        variation = draw_variation(1, self.kind, rng)
        if variation is None or variation.crop is None:
            image = image.resize(size, Image.Resampling.BICUBIC)
        else:
            share, left, top = variation.crop[0]
            w, h = share * image.width, share * image.height
            x, y = left * (image.width - w), top * (image.height - h)
            image = image.resize(size, Image.Resampling.BICUBIC, box=(x, y, x + w, y + h))
            for mirrored, how in zip(variation.mirror[0], (1, 0), strict=True):
                image = image.transpose(Image.Transpose(how)) if mirrored else image
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        return vary_light(pixels, variation)[0]


def pipeline(name: str, data: Data) -> Iterator[Row]:
    """Varied batches at the model's resolution: Pillow in two workers against the pixel store."""
    split = data.splits["train"]
    clip = load_clip(name)
    store = PixelStore(split, clip)
    side = clip.image_shape[-1]
    epochs = max(1, 6_000 // len(split))
    for kind in ("none", "photometric", "geometric"):
        loader = torch.utils.data.DataLoader(
            PillowData(split, side, kind), 64, shuffle=True, num_workers=2, persistent_workers=True
        )

        def naive(loader: Any = loader) -> None:
            for _ in range(epochs):
                for _batch in loader:
                    pass

        def prepare(step: int, kind: str = kind) -> tuple[torch.Tensor, Any]:
            rng = np.random.default_rng(step)
            rows = rng.integers(len(split), size=64)
            variation = draw_variation(64, kind, rng)
            return vary_shape(store.batch(rows), variation), variation

        def ours(prepare: Any = prepare) -> None:
            for pixels, variation in prefetch(prepare, range(epochs * -(-len(split) // 64))):
                vary_light(pixels, variation)

        for warm_up in (naive, ours):
            warm_up()
        yield row(f"input at {side}x{side}, augmentation {kind}", "Pillow, DataLoader with 2 workers", seconds(naive),
                  "pixel store", seconds(ours), bar="ratio >= 5", images=epochs * len(split))  # fmt: skip


def texts_once(name: str, data: Data) -> Row:
    """Text features of a batch of 64 with class-level texts: all of them, or each distinct one."""
    clip = load_clip(name)
    texts = data.splits["train"].level("T1")[::7][:64]
    distinct = list(dict.fromkeys(texts))
    with torch.inference_mode():
        clip.encode_texts(clip.tokenize(distinct))
        naive_s = seconds(lambda: clip.encode_texts(clip.tokenize(texts)))
        ours_s = seconds(lambda: clip.encode_texts(clip.tokenize(distinct)))
    return row(
        f"texts of a batch, {Path(name).name}", f"all {len(texts)}", naive_s, f"{len(distinct)} distinct", ours_s
    )


def show(rows: list[Row], about: dict[str, Any]) -> str:
    """The table in Markdown."""
    head = ["what", "naive form", "s", "ours", "s", "ratio", "bar", "more"]
    known = ("what", "naive", "naive_s", "ours", "ours_s", "ratio", "bar")
    lines = [f"{key}: {value}" for key, value in about.items() if key != "versions"]
    lines += ["", "| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"]
    for r in rows:
        more = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in r.items() if k not in known)
        cells = [r["what"], r["naive"], r["naive_s"], r["ours"], r["ours_s"], r["ratio"], r.get("bar", ""), more]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="real images; the synthetic sample without it")
    parser.add_argument("--clip", help="folder or id of a pretrained CLIP, beside one of ViT-B/32's size")
    parser.add_argument("--images", type=int, default=600, help="images at most; 0: all")
    parser.add_argument("--reencode", action="store_true", help="train with encoding in every epoch too (slow)")
    parser.add_argument("--precision-only", action="store_true", help="what bf16 gains, nothing else")
    parser.add_argument("--out", type=Path, help="file to write, without its ending: .json and .md")
    args = parser.parse_args()
    data = part(load_data("default" if args.data_dir else "sample", args.data_dir, t0_template=TrainConfig.t0_template),
                args.images)  # fmt: skip
    about = {
        "images": "real" if args.data_dir else "synthetic (sample)",
        "processor": next((line.split(": ")[1] for line in Path("/proc/cpuinfo").read_text().splitlines()
                           if line.startswith("model name")), platform.processor()),
        "cores": os.cpu_count(),
        "versions": versions(),
    }  # fmt: skip
    half = product()
    rows: list[Row] = [half]
    with tempfile.TemporaryDirectory() as folder:
        names = [base_sized_clip(Path(folder) / "clip-vit-base-patch32-random"), *([args.clip] if args.clip else [])]
        for name in names:
            # Without instructions for it a processor takes a hundred times as long in bf16: the product says enough.
            if half["ratio"] > 0.5:
                rows.append(precision(name, data))
            if not args.precision_only:
                rows += [texts_once(name, data), *task2(name, data, args.reencode)]
        if not args.precision_only:
            with fresh_cache():
                rows += pipeline(names[0], data)
    table = Table("what", "naive", "s", "ours", "s", "ratio", "bar")
    for r in rows:
        table.add_row(*(str(r.get(k, "")) for k in ("what", "naive", "naive_s", "ours", "ours_s", "ratio", "bar")))
    Console().print(table)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.with_suffix(".json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n", "utf-8")
        args.out.with_suffix(".md").write_text(show(rows, about), "utf-8")


if __name__ == "__main__":
    main()

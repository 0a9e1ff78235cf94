"""How near `steeldefectx predict` comes to its encoder alone, and whether its memory grows with the files.

    python benchmarks/predict.py --out benchmarks/results/predict.json                  the synthetic sample, tiny
    python benchmarks/predict.py --data-dir raw/ --models tiny FOLDER --out FILE        real images, other CLIPs

Each model gets a CLIP-Adapter of random weights and the 25 classes; what its weights are changes no time. Files are
predicted in parts, and between the parts the encoder computes as many images that are in memory already: `ratio` is
the median over parts of predict's images a second over the encoder's. Where other programs have the cores too, it
varies, and `cpu_ratio`, that of the processor's time, does not. Without a GPU decoding and encoding share the cores:
then `limit` is the ratio that a pipeline without any cost of its own would reach.
Peak memory is that of the whole command, on a fifth of the files and on all.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch

from steeldefectx import SteelDefectClassifier
from steeldefectx.data.images import open_image
from steeldefectx.data.labelled import image_bytes, load_data
from steeldefectx.data.sources import find_images
from steeldefectx.inference.engines import BATCH
from steeldefectx.inference.prediction_table import predict_files
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import feature_width, load_clip
from steeldefectx.taxonomy import CLASS_NAMES, T0_TEMPLATE, t1_sentence
from steeldefectx.utils.results import versions, write_json

PARTS = 10


def seconds(action: Callable[[], Any]) -> tuple[float, float]:
    """What an action takes: by the clock, and of the processor, all threads together."""
    started = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def gather(data_dir: Path | None, count: int, folder: Path) -> None:
    """Fill a folder with so many image files: links to those of a folder, or the sample's, from the start as needed."""
    folder.mkdir()
    if data_dir is None:
        split = load_data("sample", None, t0_template=T0_TEMPLATE).split("train")
        contents = [image_bytes(split.column[int(row)]) for row in split.rows]
        for n in range(count):
            (folder / f"{n:05d}.png").write_bytes(contents[n % len(contents)])
        return
    files = find_images(data_dir)
    for n in range(count):
        source = files[n % len(files)].absolute()
        (folder / f"{n:05d}{source.suffix}").symlink_to(source)


def checkpoint_of(model: str, folder: Path) -> None:
    """A CLIP-Adapter of random weights on a model, with the 25 classes by their T1 texts."""
    clip = load_clip(model)
    clip.adapter = ClipAdapter(feature_width(clip))
    save_checkpoint(clip, {name: [t1_sentence(name) or name] for name in CLASS_NAMES}, folder)


@torch.inference_mode()
def encode(classifier: SteelDefectClassifier, pixels: torch.Tensor, count: int) -> None:
    """The encoder alone, on pixels that are there."""
    for _ in range(0, count, len(pixels)):
        classifier.engine.model.encode_images(pixels)


def decode(classifier: SteelDefectClassifier, files: Iterable[Path]) -> None:
    """Files to pixels alone, on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda file: classifier.engine.to_pixels(open_image(file)), files):
            pass


def rates(checkpoint: Path, files: list[Path], table: Path) -> dict[str, Any]:
    """Images a second of predict, of the encoder and of decoding, taken in turn, part by part."""
    classifier = SteelDefectClassifier.from_pretrained(checkpoint)
    first = [classifier.engine.to_pixels(open_image(file)) for file in files[:BATCH]]
    pixels = torch.from_numpy(np.stack(first)).contiguous(memory_format=torch.channels_last)
    encode(classifier, pixels, BATCH)
    taken: dict[str, list[tuple[float, float]]] = {"predict": [], "encoder": [], "decoding": []}
    size = len(files) // PARTS // BATCH * BATCH
    for start in range(0, PARTS * size, size):
        part = files[start : start + size]
        taken["encoder"].append(seconds(lambda: encode(classifier, pixels, size)))
        taken["predict"].append(seconds(lambda part=part: predict_files(classifier, part, table)))
        taken["decoding"].append(seconds(lambda part=part: decode(classifier, part)))
    wall, cpu = ({name: np.array(parts)[:, kind] for name, parts in taken.items()} for kind in (0, 1))
    ratios = wall["encoder"] / wall["predict"]
    return {f"{name}_images_per_s": round(size / float(np.median(parts)), 1) for name, parts in wall.items()} | {
        "ratio": round(float(np.median(ratios)), 3),
        "ratios": [round(float(ratio), 3) for ratio in ratios],
        "cpu_ratio": round(float(cpu["encoder"].sum() / cpu["predict"].sum()), 3),
        "limit": round(float(cpu["encoder"].sum() / (cpu["encoder"].sum() + cpu["decoding"].sum())), 3),
    }


def peak_mib(checkpoint: Path, folder: Path, table: Path) -> float:
    """Peak resident memory of the command on a folder."""
    command = [
        str(Path(sys.executable).with_name("steeldefectx")),
        "predict",
        str(folder),
        "--checkpoint",
        str(checkpoint),
    ]
    process = subprocess.Popen([*command, "--out", str(table)], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return round(usage.ru_maxrss / 1024, 1)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="Folder with images; the synthetic sample if left out.")
    parser.add_argument("--models", nargs="+", default=["tiny"], help="CLIPs: Hub ids, folders, embedded, tiny.")
    parser.add_argument("--images", type=int, default=2500, help="How many files.")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write.")
    flags = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gather(flags.data_dir, flags.images, folder / "all")
        gather(folder / "all", flags.images // 5, folder / "fifth")
        for number, model in enumerate(flags.models):
            checkpoint_of(model, folder / f"checkpoint{number}")
            measured = rates(folder / f"checkpoint{number}", find_images(folder / "all"), folder / "table.parquet")
            peaks = {
                f"peak_mib_{part}": peak_mib(folder / f"checkpoint{number}", folder / part, folder / "table.parquet")
                for part in ("fifth", "all")
            }
            found[Path(model).name] = measured | peaks
            print(model, json.dumps(found[Path(model).name]))
    machine = {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine(),
               "torch_threads": torch.get_num_threads(), "gpu": torch.cuda.is_available()}  # fmt: skip
    images = "synthetic sample" if flags.data_dir is None else "real"
    write_json({"images": flags.images, "of": images, "models": found, "machine": machine, "versions": versions()},
               flags.out)  # fmt: skip


if __name__ == "__main__":
    main()

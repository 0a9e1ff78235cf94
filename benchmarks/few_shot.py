"""How long the few-shot grid takes on cached features: 7 methods, 5 shot counts, 3 seeds, T0 and T3.

    python benchmarks/few_shot.py --data-dir raw/ --model FOLDER

The images are real; their T3 texts are stand-ins, made up here (class name, a place and a size drawn at random), as
NEU and X-SDD have none: what is measured is time, and no accuracy is reported. The grid runs twice, the first time to
encode what the second finds in the cache. Times go to benchmarks/results/few-shot-time.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from steeldefectx.benchmark.grid import Cell
from steeldefectx.benchmark.results_file import read_lines
from steeldefectx.benchmark.runner import run_grid
from steeldefectx.data.builder import load_dataset
from steeldefectx.language.attributes import CELLS
from steeldefectx.utils.results import versions

METHODS = ("linear-probe", "gaussian", "clip-adapter", "tip-adapter", "tip-adapter-f", "lp++", "cross-modal")
SHOTS, SEEDS, LEVELS = (1, 2, 4, 8, 16), (0, 1, 2), ("T0", "T3")
SIZES = ("tiny", "small", "medium", "large", "extensive")
RESULT = Path(__file__).parent / "results" / "few-shot-time.json"


def stand_ins(data_dir: str, file: Path) -> int:
    """Write a made-up T3 for every image; how many."""
    rng, lines = np.random.default_rng(0), []
    for part in load_dataset("default", data_dir=data_dir).values():
        names = part.features["label"].names
        for image_id, label in zip(part["image_id"], part["label"], strict=True):
            text = f"{rng.choice(SIZES).capitalize()} {names[label].lower()} at the {rng.choice(CELLS)} of the image."
            lines.append(json.dumps({"image_id": image_id, "T3": text}))
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return len(lines)


def main() -> None:
    """Run the grid twice, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True, help="NEU and X-SDD")
    parser.add_argument("--model", required=True, help="a pretrained CLIP")
    parser.add_argument("--out", type=Path, default=RESULT)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = stand_ins(args.data_dir, folder / "annotations.jsonl")
        cells = [
            Cell("task3", args.model, method=method, shots=shots, test_text=level, seed=seed, data_dir=args.data_dir,
                 annotations=str(folder / "annotations.jsonl"))
            for level in LEVELS for method in METHODS for shots in SHOTS for seed in SEEDS
        ]  # fmt: skip
        seconds = {}
        for run in ("encoding", "cached"):
            started = time.perf_counter()
            summary = run_grid(cells, folder / run)
            seconds[run] = round(time.perf_counter() - started, 1)
            if summary.failed:
                raise SystemExit(f"{summary.failed} cells failed")
        by_method: dict[str, float] = defaultdict(float)
        for line in read_lines(folder / "cached").values():
            by_method[line["method"]] += line["seconds"]["total"]
    result = {
        "images": images,
        "cells": len(cells),
        "seconds": seconds,
        "seconds_by_method": {method: round(total, 1) for method, total in by_method.items()},
        "model": Path(args.model).name,
        "texts": "T3 are stand-ins",
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": versions(),
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

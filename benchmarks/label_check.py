"""How many labels that were made wrong ``steeldefectx audit`` finds, and how many it names that were right.

python benchmarks/label_check.py raw/ --out benchmarks/results/label-check.json
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from steeldefectx.data import builder
from steeldefectx.inference.label_check import AGREED, doubtful_labels
from steeldefectx.utils.results import write_json

SHARE = 0.05
"""Of the labels, made wrong: each another of the classes, all equally likely."""
SEEDS = 3


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path, help="Folder with images of the sources.")
    parser.add_argument("--out", type=Path, required=True)
    flags = parser.parse_args()
    samples = builder.find_samples("default", flags.data_dir, skip_bad=True).samples
    classes = sorted({sample.class_name for sample in samples})
    runs = []
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        wrong = set(random.choice(len(samples), round(SHARE * len(samples)), replace=False).tolist())
        labelled = [
            replace(sample, class_name=str(random.choice([name for name in classes if name != sample.class_name])))
            if number in wrong
            else sample
            for number, sample in enumerate(samples)
        ]
        named = {doubt.position for doubt in doubtful_labels(labelled)}
        runs.append({"seed": seed, "named": len(named), "recall": len(named & wrong) / len(wrong)})
        runs[-1]["precision"] = len(named & wrong) / len(named)
        print(runs[-1])
    untouched = len(doubtful_labels(samples))
    about = {"images": len(samples), "classes": len(classes), "share_wrong": SHARE, "agreed": AGREED}
    write_json({**about, "named_untouched": untouched, "runs": runs}, flags.out)


if __name__ == "__main__":
    main()

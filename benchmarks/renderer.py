"""How many synthetic images a second all cores draw together: the sample's, varied and composed ones, these described.

    python benchmarks/renderer.py --out benchmarks/results/renderer.json

Rates are images a second by the clock, the median of several rounds; `ms` is the processor time of one image.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from steeldefectx.language.attributes import attributes_from_mask
from steeldefectx.language.descriptions import write_texts
from steeldefectx.language.scene_facts import SWAPS
from steeldefectx.language.scene_texts import describe, retold, swapped
from steeldefectx.render.composed.compose import REDRAWN, compose, redraw
from steeldefectx.render.sample import render_sample
from steeldefectx.render.scenes import render_scene
from steeldefectx.taxonomy import CLASS_NAMES
from steeldefectx.utils.results import versions, write_json

ROUNDS = 5
CHUNK = 50
"""Images that a process draws without asking for more."""


def sample(index: int, size: int) -> None:
    """An image as the sample configuration has it."""
    render_sample(CLASS_NAMES[index % len(CLASS_NAMES)], np.random.default_rng(index), size)


def varied(index: int, size: int) -> None:
    """An image for pretraining."""
    render_scene(np.random.default_rng(index), size)


def varied_with_texts(index: int, size: int) -> None:
    """An image for pretraining, its attributes, T2 and T3."""
    rng = np.random.default_rng(index)
    scene = render_scene(rng, size)
    if scene.class_name is not None:
        write_texts(scene.class_name, attributes_from_mask(scene.image, scene.mask), scene.depth, rng)


def composed(index: int, size: int) -> None:
    """A scene of any form on any surface, with its attributes."""
    compose(np.random.default_rng(index), size)


def composed_with_texts(index: int, size: int) -> None:
    """The same with two texts, one of them with a fact swapped, too."""
    rng = np.random.default_rng(index)
    scene = compose(rng, size)
    text = describe(scene.facts, rng)
    describe(scene.facts, rng)
    swapped(text, SWAPS[index % len(SWAPS)], rng)


def composed_twice(index: int, size: int) -> None:
    """The same, drawn again with one attribute changed."""
    rng = np.random.default_rng(index)
    scene = compose(rng, size)
    text = describe(scene.facts, rng)
    other = redraw(scene, REDRAWN[index % len(REDRAWN)], rng)
    if other is not None:
        retold(text, other.facts)


DRAWN: dict[str, Callable[[int, int], None]] = {
    "sample": sample,
    "varied": varied,
    "varied, with texts": varied_with_texts,
    "composed": composed,
    "composed, with texts": composed_with_texts,
    "composed, drawn again": composed_twice,
}


def chunk(name: str, start: int, size: int) -> float:
    """Draw a few; returns the processor's seconds."""
    started = time.process_time()
    for index in range(start, start + CHUNK):
        DRAWN[name](index, size)
    return time.process_time() - started


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000, help="Images a round.")
    parser.add_argument("--size", type=int, default=128, help="Pixels a side.")
    parser.add_argument("--out", type=Path, help="JSON file for the figures.")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    rates_of: dict[str, dict[str, float]] = {}
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(chunk, ["varied"] * cores, range(cores), [options.size] * cores))  # start and warm up
        for name in DRAWN:
            starts = range(0, options.images, CHUNK)
            rates, spent = [], 0.0
            for _ in range(ROUNDS):
                started = time.perf_counter()
                spent += sum(pool.map(chunk, [name] * len(starts), starts, [options.size] * len(starts)))
                rates.append(len(starts) * CHUNK / (time.perf_counter() - started))
            milliseconds = 1000 * spent / (ROUNDS * len(starts) * CHUNK)
            rates_of[name] = {"images_per_second": round(statistics.median(rates), 1), "ms": round(milliseconds, 3)}
    table = Table("drawn", "images/s", "processor ms an image", title=f"{options.size} x {options.size}, {cores} cores")
    for name, row in rates_of.items():
        table.add_row(name, f"{row['images_per_second']:.0f}", f"{row['ms']:.2f}")
    Console().print(table)
    if options.out:
        write_json({"size": options.size, "cores": cores, "drawn": rates_of, "versions": versions()}, options.out)


if __name__ == "__main__":
    main()

"""Whether and where: regions of real frames, sound tiles against others, and frames that are very large.

    python benchmarks/localization.py --data-dir raw/ --frames aluminium/ --out benchmarks/results/localization.json

- masks: how well what is marked agrees with the masks of real images: mean IoU at the inspector's own threshold, area
  under the ROC curve and best F1 over all pixels.
- regions: of the polygons of real frames the share that a marked region overlaps by an IoU of 0.1 or more, where they
  are taken by their score until one a frame is false (overlaps no polygon so).
- sound or not: area under the ROC curve of frame scores over tiles without and with a defect, without any example and
  after 50 sound tiles.
- large frames: seconds and the highest memory of 16,384 x 2,048 pixels, and how much the marked regions agree when a
  part of it is shifted against the tiles.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from metal_tiles import Crops, aluminium_frames, aluminium_tiles, masked_images
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

from steeldefectx.inference.localize.inspector import MARKED, SteelDefectInspector
from steeldefectx.inference.localize.regions import Region, find_regions
from steeldefectx.inference.localize.tiling import CELL
from steeldefectx.metrics.localization import PixelCounts, mean_iou
from steeldefectx.render.composed.compose import compose
from steeldefectx.utils.results import versions, write_json

OVERLAP = 0.1
"""IoU from which a region counts as found."""
FALSE = 1.0
"""False regions a frame at most."""
KNOWN_SOUND = 50
LARGE = (16_384, 2_048)
SHIFTED, SHIFTS = 4_096, (64, 128, 256)
"""Pixels of the large frame that are shifted, and by how many. Tiles begin every 128: by 64 none lies as before."""


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="Folder with NEU and X-SDD, and masks.")
    parser.add_argument("--frames", type=Path, help="Folder with the aluminium frames.")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--out", type=Path, help="JSON file for the figures.")
    options = parser.parse_args()
    inspector = SteelDefectInspector.from_pretrained(options.model, classes=[])
    result: dict[str, Any] = large_frame(inspector)
    if options.data_dir:
        result |= masks_marked(inspector, options.data_dir)
    if options.frames:
        sound, faulty = aluminium_tiles(options.frames)
        result |= sound_or_not(inspector, sound, faulty)
        result |= regions_found(inspector, aluminium_frames(options.frames))
    table = Table("", options.model)
    for name, value in result.items():
        table.add_row(name, str(value))
    Console().print(table)
    if options.out:
        write_json({"model": options.model, "figures": result, "versions": versions()}, options.out)


def masks_marked(inspector: SteelDefectInspector, folder: str) -> dict[str, float]:
    """Agreement of heatmaps with masks, percent."""
    counts, overlaps, of_class = PixelCounts(), [], []
    masked = masked_images(folder)
    for one in masked:
        found = inspector.inspect(one.image)
        counts.add(found.heatmap.clip(0, 1), one.mask)
        overlaps.append(mean_iou([found.mask], [one.mask]))
        of_class.append(one.facts["name"])
    kinds, shares = np.array(of_class), np.array(overlaps)
    by_class = {f"masks, {name}: mean IoU": shares[kinds == name].mean() for name in np.unique(kinds)}
    figures = {"masks: mean IoU": shares.mean(), **by_class, "masks: pixel AUROC": counts.auroc()}
    figures["masks: F1-max"] = counts.f1_max()[0]
    return {name: round(100 * float(value), 2) for name, value in figures.items()}


def sound_or_not(inspector: SteelDefectInspector, sound: Crops, faulty: Crops) -> dict[str, float]:
    """AUROC over tiles, those of remembered frames left out."""
    known = np.random.default_rng(0).permutation(sound.frames)[:KNOWN_SOUND]
    normal = [image for image, frame in zip(sound.images, sound.frames, strict=True) if frame in known]
    tested = [
        (image, label)
        for label, crops in enumerate((sound, faulty))
        for image, frame in zip(crops.images, crops.frames, strict=True)
        if frame not in known
    ]
    labels = [label for _, label in tested]
    knowing = inspector.fit_sound(normal)
    found = {}
    for name, one in (("zero-shot", inspector), (f"{len(normal)} sound tiles", knowing)):
        scores = [inspection.score for inspection in one.inspect_each(image for image, _ in tested)]
        found[f"tiles, AUROC: {name}"] = round(100 * float(roc_auc_score(labels, scores)), 2)
    return found


def regions_found(
    inspector: SteelDefectInspector, frames: Sequence[tuple[Image.Image, list[np.ndarray]]]
) -> dict[str, float]:
    """The share of polygons that are found, percent, where regions are taken by score until one a frame is false."""
    polygons = sum(len(shapes) for _, shapes in frames)
    ranked: list[tuple[float, int, np.ndarray]] = []
    for number, (image, shapes) in enumerate(frames):
        for region in find_regions(inspector.inspect(image).cells, image.size, MARKED):
            hit = np.array([_iou(region, shape) >= OVERLAP for shape in shapes], bool)
            ranked.append((region.score, number, hit))
    found: set[tuple[int, int]] = set()
    false, least = 0, 1.0
    for score, number, hit in sorted(ranked, key=lambda entry: -entry[0]):
        false += not hit.any()
        if false > FALSE * len(frames):
            break
        least = score
        found |= {(number, int(shape)) for shape in np.flatnonzero(hit)}
    figures = {"found": 100 * len(found) / polygons, "false ones a frame": FALSE, "least score": least}
    return {f"frames, regions: {name}": round(value, 2) for name, value in figures.items()}


def _iou(region: Region, shape: np.ndarray) -> float:
    """Of a region with a polygon (P, 2), at the resolution of cells."""
    low = np.floor(shape.min(0) / CELL).astype(int)
    high = np.ceil(shape.max(0) / CELL).astype(int) + 1
    rows, columns = region.place
    top, left = min(rows.start, low[1]), min(columns.start, low[0])
    size = max(columns.stop, high[0]) - left, max(rows.stop, high[1]) - top
    if rows.start >= high[1] or columns.start >= high[0] or low[1] >= rows.stop or low[0] >= columns.stop:
        return 0.0
    canvas = Image.new("1", size)
    points = [(float(x) / CELL - left, float(y) / CELL - top) for x, y in shape]
    ImageDraw.Draw(canvas).polygon(points, fill=1, outline=1)
    wanted, marked = np.array(canvas), np.zeros((size[1], size[0]), bool)
    marked[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = region.own
    return float((wanted & marked).sum() / (wanted | marked).sum())


def large_frame(inspector: SteelDefectInspector) -> dict[str, float]:
    """Seconds and memory, and the agreement with a shifted part."""
    rng = np.random.default_rng(0)
    scenes = [compose(np.random.default_rng(n), 256).image for n in range(16)]
    rows = [np.concatenate([scenes[int(rng.integers(16))] for _ in range(LARGE[0] // 256)], 1) for _ in range(8)]
    frame = Image.fromarray(np.concatenate(rows))
    started = time.perf_counter()
    inspector.inspect(frame)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    figures = {
        "16,384 x 2,048: seconds": round(seconds, 1),
        "16,384 x 2,048: highest memory, GiB": round(memory, 2),
    }
    whole = inspector.inspect(frame.crop((0, 0, SHIFTED, LARGE[1])))
    for shift in SHIFTS:
        shifted = inspector.inspect(frame.crop((shift, 0, SHIFTED, LARGE[1])))
        a, b = whole.cells[:, shift // CELL :] >= whole.threshold, shifted.cells >= shifted.threshold
        figures[f"large frame, shifted by {shift}: IoU"] = round(float((a & b).sum() / max(1, (a | b).sum())), 3)
    return figures


if __name__ == "__main__":
    main()

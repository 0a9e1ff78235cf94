"""How likely a tile shows a defect: fits what the score of an inspection weighs, on rendered scenes, and judges it.

    python benchmarks/defect_score.py --out benchmarks/results/defect-score.json

Logistic regression on two signs, the map's log-odds and the likeness with texts of sound metal; judged by the area
under the ROC curve and by the expected calibration error. No real image takes part.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from steeldefectx.inference.localize.maps import BIAS, OF_MAP, OF_SOUND, Localizer
from steeldefectx.models.clip import load_clip
from steeldefectx.render.composed.compose import compose
from steeldefectx.utils.results import versions, write_json

FITTED, JUDGED, BATCH, BINS = 6000, 3000, 32, 10


def main() -> None:
    """Fit, judge, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--out", type=Path, help="JSON file for the figures.")
    options = parser.parse_args()
    localizer = Localizer(load_clip(options.model))
    signs, faulty = signs_of_scenes(localizer, FITTED, 0)
    fitted = LogisticRegression(C=100, class_weight="balanced").fit(signs, faulty)
    others, labels = signs_of_scenes(localizer, JUDGED, 1)
    odds = OF_MAP * others[:, 0] - OF_SOUND * others[:, 1] + BIAS
    figures = {
        "fitted: of the map": round(float(fitted.coef_[0, 0]), 3),
        "fitted: of sound texts": round(-float(fitted.coef_[0, 1]), 2),
        "fitted: bias": round(float(fitted.intercept_[0]), 2),
        "other scenes": len(labels),
        "AUROC of the score": round(100 * float(roc_auc_score(labels, odds)), 2),
        "AUROC of the map alone": round(100 * float(roc_auc_score(labels, others[:, 0])), 2),
        "expected calibration error": round(100 * calibration_error(1 / (1 + np.exp(-odds)), labels), 2),
    }
    table = Table("", options.model)
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)
    if options.out:
        write_json({"model": options.model, "figures": figures, "versions": versions()}, options.out)


def signs_of_scenes(localizer: Localizer, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) of rendered scenes, and (N,) bool whether they have a defect."""
    rng, size, signs, faulty = np.random.default_rng(30_000_000 + seed), localizer.side, [], []
    for _ in range(count // BATCH):
        scenes = [compose(rng, size) for _ in range(BATCH)]
        pixels = np.stack([localizer.clip.to_pixels(Image.fromarray(scene.image)) for scene in scenes])
        with torch.inference_mode():
            found = localizer.clip.model.get_dense_features(localizer.clip.normalize(torch.from_numpy(pixels)))
            signs.append(localizer.signs(found).numpy())
        faulty += [bool(scene.mask.any()) for scene in scenes]
    return np.concatenate(signs), np.array(faulty)


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error (Guo et al. 2017), with both kinds counting as much as each other."""
    weights = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return sum(abs(float((weights * (probabilities - labels))[bins == number].sum())) for number in range(BINS))


if __name__ == "__main__":
    main()

"""Tip-Adapter's search over alpha and beta: ours against the plain loops, on one core, with the same optimum.

    python benchmarks/tip_grid.py

As many images as the release's test split, 16 shots of each of 25 classes; features are drawn. The loops are the
authors' form: everything anew for each pair. Times go to benchmarks/results/tip-grid.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn.functional import normalize, one_hot

from steeldefectx.methods.tip_adapter import ALPHA_RANGE, ALPHA_STEPS, BETA_RANGE, BETA_STEPS, grid, steps

IMAGES, CLASSES, SHOTS, WIDTH, SCALE = 2324, 25, 16, 512, 100.0
RESULT = Path(__file__).parent / "results" / "tip-grid.json"


def main() -> None:
    """Time both, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULT)
    out = parser.parse_args().out
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(CLASSES, WIDTH, generator=generator)
    labels = torch.randint(CLASSES, (IMAGES,), generator=generator)
    values = one_hot(torch.arange(CLASSES).repeat_interleave(SHOTS), CLASSES).float()

    def blurred(means: torch.Tensor, share: float) -> torch.Tensor:
        return normalize(share * means + torch.randn(means.shape, generator=generator), dim=1)

    features, keys, texts = blurred(centres[labels], 0.3), blurred(values @ centres, 0.3), blurred(centres, 0.05)
    alphas, betas = steps(ALPHA_RANGE, ALPHA_STEPS), steps(BETA_RANGE, BETA_STEPS)

    def ours() -> torch.Tensor:
        return grid(SCALE * features @ texts.T, features @ keys.T, values, labels, alphas, betas)

    def loops() -> torch.Tensor:
        correct = torch.zeros(len(betas), len(alphas), dtype=torch.int64)
        for row, beta in zip(correct, betas.tolist(), strict=True):
            for column, alpha in enumerate(alphas.tolist()):
                cached = ((-1) * (beta - beta * (features @ keys.T))).exp() @ values
                row[column] = ((SCALE * features @ texts.T + cached * alpha).argmax(1) == labels).sum()
        return correct

    fast, seconds = timed(ours)
    plain, plain_seconds = timed(loops)
    assert torch.equal(fast, plain), "the grid differs from the plain loops"
    best = int(plain.argmax())
    result = {
        "images": IMAGES,
        "keys": len(values),
        "classes": CLASSES,
        "grid": [len(betas), len(alphas)],
        "beta": round(betas[best // len(alphas)].item(), 4),
        "alpha": round(alphas[best % len(alphas)].item(), 4),
        "accuracy": plain.max().item() / IMAGES,
        "seconds": seconds,
        "loops_seconds": plain_seconds,
        "ratio": {part: round(plain_seconds[part] / seconds[part], 1) for part in seconds},
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    text = json.dumps(result, indent=2)
    print(text)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n")


def timed(call: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
    """What a call gives, with its wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    found = call()
    seconds = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
    return found, {part: round(value, 3) for part, value in seconds.items()}


if __name__ == "__main__":
    main()

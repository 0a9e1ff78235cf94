"""Coverage of descriptions on the labelled sentences, beside matching keywords as sub-strings.

    python benchmarks/coverage.py --out benchmarks/results/coverage.json

Held-out and fresh sentences are evaluated without showing an error, so that no rule can be written from one. The
rules' author had read the held-out ones; the fresh ones were written after the rules.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from coverage_set import Labelled, labelled_sentences
from rich.console import Console
from rich.table import Table

from steeldefectx.language.coverage import DIMENSIONS, coverage

KEYWORDS = {
    "shape": "shape line linear round circular oval irregular curved straight elongated crescent spot patch streak "
    "network wavy band jagged",
    "size": "size small large tiny big long short wide narrow thin thick length width extensive medium fine mm pixels",
    "depth": "depth deep shallow superficial indent groove dent raised sunken recessed embedded depress flat",
    "location": "center centre left right top bottom upper lower middle edge corner side border across throughout",
    "contrast": "contrast dark bright light black white gray grey color colour brown red shiny faint visible",
}
"""What a simple script looks for, anywhere in the lower-cased text."""
SECONDS = 2.0
"""How long speed is measured, at least."""

Bits = Sequence[bool]


def by_keywords(text: str) -> tuple[bool, ...]:
    """The baseline: any keyword as a sub-string."""
    lower = text.lower()
    return tuple(any(word in lower for word in KEYWORDS[dimension].split()) for dimension in DIMENSIONS)


def scores(rows: list[Labelled], predict: Callable[[str], Bits]) -> dict[str, Any]:
    """Micro-averaged precision, recall and F1 over the five bits, and F1 of each bit."""
    pairs = [(row.bits, predict(row.text)) for row in rows]
    counts = {
        dimension: [
            sum(truth[n] and said[n] for truth, said in pairs),
            sum(not truth[n] and said[n] for truth, said in pairs),
            sum(truth[n] and not said[n] for truth, said in pairs),
        ]
        for n, dimension in enumerate(DIMENSIONS)
    }
    hits, false, missed = (sum(values) for values in zip(*counts.values(), strict=True))
    return {
        "f1": f1(hits, false, missed),
        "precision": round(hits / (hits + false), 4),
        "recall": round(hits / (hits + missed), 4),
        "exact": round(sum(tuple(truth) == tuple(said) for truth, said in pairs) / len(pairs), 4),
        "by_dimension": {dimension: f1(*values) for dimension, values in counts.items()},
    }


def f1(hits: int, false: int, missed: int) -> float:
    """Harmonic mean of precision and recall, 0..1."""
    return round(2 * hits / (2 * hits + false + missed), 4)


def speed(texts: list[str]) -> float:
    """Texts in a second of processor time, on one core."""
    done, started = 0, time.process_time()
    while time.process_time() < started + SECONDS:
        for text in texts:
            coverage(text)
        done += len(texts)
    return done / (time.process_time() - started)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    out = parser.parse_args().out
    rows = labelled_sentences()
    parts = {part: [row for row in rows if row.part == part] for part in ("development", "held out", "fresh")}
    methods: dict[str, Callable[[str], Bits]] = {"rules": lambda text: coverage(text).bits, "sub-strings": by_keywords}
    result: dict[str, Any] = {
        name: {"sentences": len(part), **{method: scores(part, predict) for method, predict in methods.items()}}
        for name, part in parts.items()
    }
    result["texts_per_second"] = round(speed([row.text for row in rows]), -2)
    table = Table("part", "sentences", "method", "F1", "precision", "recall", "all five right")
    for name, part in parts.items():
        for method in methods:
            figures = result[name][method]
            table.add_row(
                name, f"{len(part)}", method, *(f"{figures[k]:.4f}" for k in ("f1", "precision", "recall", "exact"))
            )
    console = Console()
    console.print(table)
    console.print(f"{result['texts_per_second']:,.0f} texts a second on one core")
    if out:
        out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

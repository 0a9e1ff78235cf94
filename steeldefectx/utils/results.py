"""``results.json``: what a run or an evaluation found, with all that is needed to repeat it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from steeldefectx.errors import DataError
from steeldefectx.utils.atomic import atomic_write
from steeldefectx.utils.fingerprint import code_hash, library_versions

RESULTS = "results.json"
REPORTED_PACKAGES = (
    "torch",
    "transformers",
    "datasets",
    "accelerate",
    "peft",
    "numpy",
    "pillow",
)
RUN_CODE = (
    "training/*.py",
    "features/*.py",
    "models/*.py",
    "metrics/*.py",
    "data/duplicates.py",
    "data/images.py",
    "data/labelled.py",
    "data/splits.py",
    "data/tiff.py",
    "utils/grey_levels.py",
    "taxonomy.py",
    "embedded/model.safetensors",
)
"""What the results of a training run depend on beside its settings and its rows, which have hashes of their own."""


class Stopwatch:
    """Seconds spent in named parts of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Add the time inside the ``with`` block to ``part``."""
        started = time.perf_counter()
        yield
        self.seconds[part] = round(self.seconds.get(part, 0.0) + time.perf_counter() - started, 3)

    def total(self) -> dict[str, float]:
        """Seconds by part, with their sum as ``total``."""
        return self.seconds | {"total": round(sum(self.seconds.values()), 3)}


def versions(code: tuple[str, ...] = RUN_CODE) -> dict[str, str]:
    """Versions of the packages that results depend on; this one's with a hash of the code.

    Args:
        code: Patterns of the package's files that the results depend on.
    """
    own = f"{version('steeldefectx')}+{code_hash(*code)[:12]}"
    return {"steeldefectx": own, **library_versions(*REPORTED_PACKAGES)}


def write_json(content: Any, path: Path) -> None:
    """Write a JSON file whole or not at all.

    Raises:
        ValueError: A number is not finite, which JSON has no word for.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(text)


def read_results(path: Path) -> dict[str, Any] | None:
    """The results in a file, or None where there are none.

    Raises:
        DataError: The file is no JSON object.
    """
    if not path.is_file():
        return None
    try:
        results = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); remove it and run again.") from error
    if not isinstance(results, dict):
        raise DataError(f"{path}: not a results file; remove it and run again.")
    return results

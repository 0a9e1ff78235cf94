"""A hash of this package's code: what an old version has computed is never taken for what this one would."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def code_hash(*patterns: str) -> str:
    """SHA-256 of the package's files that match any of some glob patterns.

    Raises:
        FileNotFoundError: A pattern matches no file: what it stood for was moved.
    """
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    files: set[Path] = set()
    for pattern in patterns:
        matched = set(package.glob(pattern))
        if not matched:
            raise FileNotFoundError(f"No file of the package matches {pattern}.")
        files |= matched
    for file in sorted(files):
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()

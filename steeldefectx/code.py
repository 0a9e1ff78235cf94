"""A hash of this package's code: what an old version has computed is never taken for what this one would."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def code_hash(*patterns: str) -> str:
    """SHA-256 of the package's files that match any of some glob patterns."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted({file for pattern in patterns for file in package.glob(pattern)}):
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()

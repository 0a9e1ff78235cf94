"""Where things computed once are kept, and by what name: a hash of everything they depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import constants


def cache_file(kind: str, suffix: str, parts: Iterable[str]) -> Path:
    """Path of a cache entry named by a hash of ``parts``, in ``$HF_HOME/steeldefectx/<kind>``.

    The folder exists afterwards. Writers write beside it and rename, so a file that exists is whole.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    folder = Path(constants.HF_HOME) / "steeldefectx" / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (digest.hexdigest() + suffix)

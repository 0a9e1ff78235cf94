"""Finding the images of a folder that a list names, whatever machine its paths were written on."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from steeldefectx.data.sources.list_tables import names_image


class ImageIndex:
    """The images of a folder by their names."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for file in files:
            name = _folded(file.name)
            self._by_name[name].append(file)
            self._by_stem[os.path.splitext(name)[0]].append(file)

    def find(self, written: str, listing: Path) -> list[Path]:
        """The images that a path in a list may mean: those that share most of its last folders.

        Several are left only where nothing tells them apart.

        Args:
            written: A path of any machine, absolute or not, a URL, or a name with or without its ending.
            listing: The list; of images alike otherwise, those below its folder are meant.
        """
        parts = [part for part in written.replace("\\", "/").split("/") if part not in ("", ".")]
        if not parts:
            return []
        found = self._by_name.get(_folded(parts[-1])) or (
            [] if names_image(written) else self._by_stem.get(_folded(parts[-1]), [])
        )
        return _best(found, parts, listing.parent) if len(found) > 1 else list(found)


def _best(found: list[Path], parts: list[str], folder: Path) -> list[Path]:
    folded = [_folded(part) for part in parts[:-1]][::-1]

    def fitness(file: Path) -> tuple[int, bool, bool, bool]:
        tail = 0
        for part, own in zip(folded, file.parts[-2::-1], strict=False):
            if part != _folded(own):
                break
            tail += 1
        return tail, file == folder.joinpath(*parts), file.is_relative_to(folder), file.name == parts[-1]

    best = max(map(fitness, found))
    return [file for file in found if fitness(file) == best]


def _folded(name: str) -> str:
    """A name as Windows and macOS compare it."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()

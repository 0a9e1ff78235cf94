"""A folder as readers see it: its images folder by folder, without what unpacking leaves behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from steeldefectx.data.sources.sample import Problem
from steeldefectx.errors import DataError

IMAGE_ENDINGS = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
TEXT_ENDINGS = frozenset({".json", ".xml"})
IGNORED_FOLDERS = frozenset({"__MACOSX"})


@dataclass
class Tree:
    """Images below a folder, and the files that may annotate them."""

    root: Path
    folders: dict[Path, list[Path]]
    """Folder -> its image files, both sorted."""
    problems: list[Problem]
    """Links that lead out of the folder; readers add what they cannot use."""
    texts: list[Path] = field(default_factory=list)
    """JSON and XML files, sorted."""
    notes: list[str] = field(default_factory=list)
    """Remarks of readers that need no action."""

    def images(self) -> Iterator[Path]:
        """All image files."""
        for files in self.folders.values():
            yield from files


def read_tree(root: Path) -> Tree:
    """List the images below a folder.

    Raises:
        DataError: No such folder.
    """
    if not root.is_dir():
        raise DataError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}.")
    folders: dict[Path, list[Path]] = {}
    problems: list[Problem] = []
    texts: list[Path] = []
    for file in _files(root):
        ending = file.suffix.lower()
        if ending not in IMAGE_ENDINGS | TEXT_ENDINGS:
            continue
        if file.is_symlink() and not file.resolve().is_relative_to(root.resolve()):
            problems.append(Problem(file, "a link that leads out of the data folder"))
        elif ending in TEXT_ENDINGS:
            texts.append(file)
        else:
            folders.setdefault(file.parent, []).append(file)
    return Tree(root, folders, problems, texts)


def _files(root: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if name[0] != "." and name not in IGNORED_FOLDERS)
        for name in sorted(files):
            if name[0] != ".":
                yield Path(folder, name)


def folder_fingerprint(root: Path) -> str:
    """A hash that changes when files come, go or change (by name, size and time of change).

    Raises:
        DataError: No such folder.
    """
    if not root.is_dir():
        raise DataError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}.")
    digest = hashlib.sha256()
    for file in _files(root):
        state = file.lstat()
        digest.update(f"{file.relative_to(root)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode("utf-8", "replace"))
    return digest.hexdigest()

"""A folder as readers see it: its images folder by folder, without what unpacking leaves behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from steeldefectx.data.sources.sample import Problem
from steeldefectx.errors import DataError

IMAGE_ENDINGS = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
IMAGE_FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
"""What Pillow may take a file for, whatever its ending: some of the other formats start programs."""
TEXT_ENDINGS = frozenset({".json", ".xml"})
IGNORED_FOLDERS = frozenset({"__MACOSX"})


@dataclass
class Tree:
    """Images below a folder, and the files that may annotate them."""

    root: Path
    folders: dict[Path, list[Path]]
    """Folder -> its image files, both sorted."""
    problems: list[Problem]
    """Links that lead out of the folder, folders that cannot be listed, names that are not UTF-8; readers add what
    they cannot use."""
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
    _must_be_folder(root)
    tree = Tree(root.absolute(), {}, [])

    def cannot_list(error: OSError) -> None:
        tree.problems.append(Problem(Path(error.filename), f"cannot be listed ({error.strerror})"))

    for path in _files(tree.root, cannot_list):
        link = path.is_symlink()
        is_folder = link and path.is_dir()
        ending = path.suffix.lower()
        if not is_folder and ending not in IMAGE_ENDINGS | TEXT_ENDINGS:
            continue
        if link and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
            tree.problems.append(Problem(path, "a link that leads out of the data folder"))
        elif not _is_utf8(path):
            tree.problems.append(Problem(path, "a name that is not UTF-8"))
        elif ending in TEXT_ENDINGS:
            tree.texts.append(path)
        elif not is_folder:  # what a link to a folder inside leads to is found there
            tree.folders.setdefault(path.parent, []).append(path)
    return tree


def _must_be_folder(root: Path) -> None:
    if not root.is_dir():
        raise DataError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}.")


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _files(root: Path, cannot_list: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """All files below a folder, and the links to folders, which are not followed."""
    for folder, subfolders, files in os.walk(root, onerror=cannot_list):
        subfolders[:] = sorted(name for name in subfolders if name[0] != "." and name not in IGNORED_FOLDERS)
        links = [name for name in subfolders if Path(folder, name).is_symlink()]
        for name in sorted([*files, *links]):
            if name[0] != ".":
                yield Path(folder, name)


def folder_fingerprint(root: Path) -> str:
    """A hash that changes when files come, go or change (by name, size and time of change).

    Raises:
        DataError: No such folder.
    """
    _must_be_folder(root)
    digest = hashlib.sha256()
    for file in _files(root):
        state = file.lstat()
        digest.update(f"{file.relative_to(root)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode("utf-8", "replace"))
    return digest.hexdigest()

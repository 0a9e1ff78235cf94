"""A folder as readers see it: its images folder by folder, without what unpacking leaves behind."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from steeldefectx.data.images import IMAGE_ENDINGS
from steeldefectx.data.sources.archives import OTHER_ENDINGS, unpack
from steeldefectx.data.sources.listing import Problem
from steeldefectx.errors import DataError

TEXT_ENDINGS = frozenset({".json", ".xml"})
ARCHIVE_ENDINGS = frozenset({".zip"}) | OTHER_ENDINGS
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
    masks: list[Path] = field(default_factory=list)
    """Mask files that were taken out of ``folders``, see :mod:`.masks`."""
    notes: list[str] = field(default_factory=list)
    """Remarks of readers that need no action."""
    unpacked: dict[Path, Path] = field(default_factory=dict)
    """Where an archive was unpacked, outside the folder -> the folder that it would have made inside."""

    def images(self) -> Iterator[Path]:
        """All image files."""
        for files in self.folders.values():
            yield from files

    def relative(self, path: Path) -> Path:
        """A path from the root on; what an archive holds counts as lying beside it."""
        for outside, inside in self.unpacked.items():
            if path.is_relative_to(outside):
                return (inside / path.relative_to(outside)).relative_to(self.root)
        return path.relative_to(self.root)


def read_tree(root: Path) -> Tree:
    """List the images below a folder.

    Raises:
        DataError: No such folder.
    """
    _must_be_folder(root)
    tree, archives = Tree(root.absolute(), {}, []), []

    def cannot_list(error: OSError) -> None:
        tree.problems.append(Problem(Path(error.filename), f"cannot be listed ({error.strerror})"))

    for path in list_files(tree.root, cannot_list):
        link = path.is_symlink()
        is_folder = link and path.is_dir()
        ending = path.suffix.lower()
        if not is_folder and ending not in IMAGE_ENDINGS | TEXT_ENDINGS | ARCHIVE_ENDINGS:
            continue
        if link and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
            tree.problems.append(Problem(path, "a link that leads out of the data folder"))
        elif not _is_utf8(path):
            tree.problems.append(Problem(path, "a name that is not UTF-8"))
        elif ending in ARCHIVE_ENDINGS:
            archives.append(path)
        elif not is_folder:  # what a link to a folder inside leads to is found there
            _add(tree, path)
    _add_archives(tree, archives)
    return tree


def _add(tree: Tree, path: Path) -> None:
    if path.suffix.lower() in TEXT_ENDINGS:
        tree.texts.append(path)
    else:
        tree.folders.setdefault(path.parent, []).append(path)


def _add_archives(tree: Tree, archives: list[Path]) -> None:
    """What archives hold, as if they had been unpacked where they lie."""
    beside: dict[str, list[Path]] = defaultdict(list)
    for path in [*tree.images(), *tree.texts]:
        beside[path.name].append(path)
    for archive in archives:
        if archive.suffix.lower() in OTHER_ENDINGS:
            tree.notes.append(f"{archive.name} is not read: unpack it, or pack it as a zip.")
            continue
        try:
            folder = unpack(archive, IMAGE_ENDINGS | TEXT_ENDINGS, beside)
        except ValueError as error:
            tree.problems.append(Problem(archive, f"an archive that {error}"))
            continue
        if folder is not None:
            tree.unpacked[folder] = archive.parent
            for path in list_files(folder):
                _add(tree, path)
    tree.texts.sort()


def _must_be_folder(root: Path) -> None:
    if not root.is_dir():
        raise DataError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}.")


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def list_files(root: Path, cannot_list: Callable[[OSError], None] | None = None) -> Iterator[Path]:
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
    for file in list_files(root):
        state = file.lstat()
        digest.update(f"{file.relative_to(root)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode("utf-8", "replace"))
    return digest.hexdigest()

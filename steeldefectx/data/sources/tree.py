"""A folder as readers see it: its images folder by folder, without what unpacking leaves behind."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from steeldefectx.data.images import IMAGE_ENDINGS
from steeldefectx.data.sources.archives import OTHER_ENDINGS, unpack
from steeldefectx.data.sources.listing import Problem
from steeldefectx.data.sources.walk import Skipped, list_files, walk
from steeldefectx.data.sources.zip_names import check_encoding
from steeldefectx.errors import DataError
from steeldefectx.utils.drives import drive_error
from steeldefectx.utils.printable import printable

TEXT_ENDINGS = frozenset(
    {".csv", ".json", ".jsonl", ".labels", ".names", ".tsv", ".txt", ".xlsx", ".xml", ".yaml", ".yml"}
)
ARCHIVE_ENDINGS = frozenset({".zip"}) | OTHER_ENDINGS
ENDINGS = IMAGE_ENDINGS | TEXT_ENDINGS | ARCHIVE_ENDINGS
NAMES_LISTED = 3


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
    """Files that may annotate images, by :data:`TEXT_ENDINGS`, sorted."""
    masks: list[Path] = field(default_factory=list)
    """Mask files that were taken out of ``folders``, see :mod:`.masks`."""
    notes: list[str] = field(default_factory=list)
    """Remarks of readers that need no action."""
    unpacked: dict[Path, Path] = field(default_factory=dict)
    """Where an archive was unpacked, outside the folder -> the folder that it would have made inside."""
    skipped: Skipped = field(default_factory=Skipped)
    """What is neither an image nor an annotation; said in ``notes`` too."""

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


def read_tree(root: Path, zip_encoding: str | None = None) -> Tree:
    """List the images below a folder.

    Args:
        root: The folder.
        zip_encoding: What names in zips are in that do not say it; None: to be found out.

    Raises:
        DataError: No such folder.
        ConfigError: No such encoding.
        DriveGoneError: The drive went away.
    """
    must_be_folder(root)
    check_encoding(zip_encoding)
    tree, archives = Tree(root.absolute(), {}, []), []
    start = len(os.path.join(tree.root, ""))

    def cannot_list(error: OSError) -> None:
        tree.problems.append(Problem(Path(error.filename), f"cannot be listed ({error.strerror})"))

    for entry in walk(tree.root, tree.skipped, cannot_list):
        link = entry.is_symlink()
        is_folder = link and os.path.isdir(entry.path)
        ending = os.path.splitext(entry.name)[1].lower()
        if not is_folder and ending not in ENDINGS:
            tree.skipped.add_file(entry.path[start : -len(entry.name) - 1], entry.name)
            continue
        path = Path(entry.path)
        if link and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
            tree.problems.append(Problem(path, "a link that leads out of the data folder"))
        elif not entry.path.isascii() and not _is_utf8(entry.path):
            tree.problems.append(Problem(path, "a name that is not UTF-8"))
        elif ending in ARCHIVE_ENDINGS:
            archives.append(path)
        elif not is_folder:  # what a link to a folder inside leads to is found there
            _add(tree, path, ending)
    _add_archives(tree, archives, zip_encoding)
    tree.notes += [*tree.skipped.lines(), *_names_that_collide(tree)]
    return tree


def _names_that_collide(tree: Tree) -> Iterator[str]:
    """A note on names that differ by case alone: where case does not count, they would be one file or folder."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for folder, files in tree.folders.items():
        inside = str(tree.relative(folder))
        spellings[inside.casefold()].add(inside)
        if len({file.name.casefold() for file in files}) < len(files):
            for file in files:
                spellings[os.path.join(inside, file.name).casefold()].add(file.name)
    several = sorted(sorted(names) for names in spellings.values() if len(names) > 1)
    if several:
        listed = ", ".join(" and ".join(map(printable, names)) for names in several[:NAMES_LISTED])
        more = f" and {len(several) - NAMES_LISTED:,} more" if len(several) > NAMES_LISTED else ""
        yield f"Names that differ by case alone, and are one name on Windows and macOS: {listed}{more}."


def _add(tree: Tree, path: Path, ending: str) -> None:
    if ending in TEXT_ENDINGS:
        tree.texts.append(path)
    else:
        tree.folders.setdefault(path.parent, []).append(path)


def _add_archives(tree: Tree, archives: list[Path], zip_encoding: str | None) -> None:
    """What archives hold, as if they had been unpacked where they lie."""
    beside: dict[str, list[Path]] = defaultdict(list)
    for path in [*tree.images(), *tree.texts]:
        beside[path.name].append(path)
    for archive in archives:
        if archive.suffix.lower() in OTHER_ENDINGS:
            tree.notes.append(f"{printable(archive.name)} is not read: unpack it, or pack it as a zip.")
            continue
        try:
            folder, remark = unpack(archive, IMAGE_ENDINGS | TEXT_ENDINGS, beside, tree.skipped, zip_encoding)
        except ValueError as error:
            tree.problems.append(Problem(archive, f"an archive that {error}"))
            continue
        tree.notes += [remark] if remark else []
        if folder is not None:
            tree.unpacked[folder] = archive.parent
            for path in list_files(folder):
                _add(tree, path, path.suffix.lower())
    tree.texts.sort()


def must_be_folder(root: Path) -> None:
    """Refuse what is no folder.

    Raises:
        DataError: It is none, or not there.
        DriveGoneError: The drive went away.
    """
    try:
        if not stat.S_ISDIR(root.stat().st_mode):
            raise DataError(f"{root}: not a folder.")
    except OSError as error:
        if gone := drive_error(error, root):
            raise gone from error
        raise DataError(
            f"{root}: {'no such folder' if isinstance(error, FileNotFoundError) else error.strerror}."
        ) from error


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def folder_fingerprint(root: Path) -> str:
    """A hash that changes when files come, go or change (by name, size and time of change).

    Raises:
        DataError: No such folder.
        DriveGoneError: The drive went away.
    """
    must_be_folder(root)
    digest, start = hashlib.sha256(), len(os.path.join(root, ""))
    for entry in walk(root, cannot_list=lambda error: None):
        try:
            state = entry.stat(follow_symlinks=False)
        except OSError as error:
            if gone := drive_error(error, entry.path):
                raise gone from error
            continue  # it has been removed since
        digest.update(f"{entry.path[start:]}\0{state.st_size}\0{state.st_mtime_ns}\n".encode("utf-8", "replace"))
    return digest.hexdigest()

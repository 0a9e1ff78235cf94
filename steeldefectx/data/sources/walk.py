"""Every file below a folder, by one rule of what is passed over: what storage devices and tools leave there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from steeldefectx.data.images import READ_WITH
from steeldefectx.errors import DataError
from steeldefectx.utils.drives import drive_error
from steeldefectx.utils.printable import printable

TOOL_NAMES = frozenset(
    {
        "#recycle", "#snapshot", "$recycle.bin", "@eadir", "@recently-snapshot", "@recycle", "@sharebin", "@tmp",
        "__macosx", "__pycache__", "desktop.ini", "ehthumbs.db", "found.000", "icon\r", "lost+found", "recycled",
        "recycler", "system volume information", "thumbs.db",
    }
)  # fmt: skip
"""Folders and files that storage devices and tools leave, in lower case, beside all whose names begin with a dot."""
DOCUMENTS = frozenset({".bib", ".css", ".docx", ".htm", ".html", ".ipynb", ".log", ".md", ".pdf", ".py", ".rst", ".sh"})
"""Endings of what nobody takes for images; so are these names, without an ending."""
DOCUMENT_NAMES = frozenset({"changelog", "citation", "copying", "licence", "license", "makefile", "notice", "readme"})
LISTED = 6
"""So many names or endings a line, and half as many folders each."""


@dataclass
class Skipped:
    """What is below a folder and is not read, counted."""

    tools: Counter[str] = field(default_factory=Counter)
    """Name of what storage devices and tools left -> how often; ``._*`` and ``.*`` are files that are hidden."""
    endings: dict[str, Counter[str]] = field(default_factory=dict)
    """Ending of files that are not read, in lower case -> the folder, from the root on -> how many."""

    def add_tool(self, name: str, is_folder: bool) -> None:
        """Count a name that :func:`is_of_a_tool`."""
        if name.startswith(".") and not is_folder and name.lower() != ".ds_store":
            name = "._*" if name.startswith("._") else ".*"
        self.tools[name] += 1

    def add_file(self, folder: str, name: str) -> None:
        """Count a file that is neither an image nor an annotation, unless it is a document."""
        stem, ending = os.path.splitext(name)
        ending = ending.lower()
        if ending not in DOCUMENTS and not (not ending and stem.lower() in DOCUMENT_NAMES):
            self.endings.setdefault(ending, Counter())[folder] += 1

    def lines(self) -> list[str]:
        """What there is to say: at most a line for files that are not read, and one for what tools left."""
        lines = []
        if self.endings:
            by_count = sorted(self.endings.items(), key=lambda entry: (-entry[1].total(), entry[0]))
            said = [f"{_ending(ending)} ({_folders(ending, folders)})" for ending, folders in by_count[:LISTED]]
            lines.append(f"Files that are not read: {', '.join(said)}{_more(by_count)}.")
        if self.tools:
            by_name = sorted(self.tools.items(), key=lambda entry: (-entry[1], entry[0]))
            said = [f"{printable(name)} ({count:,})" for name, count in by_name[:LISTED]]
            lines.append(f"Passed over, as left by storage devices and tools: {', '.join(said)}{_more(by_name)}.")
        return lines


def _ending(ending: str) -> str:
    return printable(ending) if ending else "without an ending"


def _folders(ending: str, folders: Counter[str]) -> str:
    where = [
        f"{count:,} in {printable(folder or 'the folder itself')}" for folder, count in folders.most_common(LISTED // 2)
    ]
    if len(folders) > len(where):
        where.append(f"{folders.total():,} in all")
    return ", ".join(where) + (f"; {READ_WITH[ending]}" if ending in READ_WITH else "")


def _more(entries: Sequence[object]) -> str:
    return f" and {len(entries) - LISTED:,} more kinds" if len(entries) > LISTED else ""


def is_of_a_tool(name: str) -> bool:
    """Whether a file or folder is hidden, or what a storage device or tool leaves, by its name."""
    return name[0] == "." or name.lower() in TOOL_NAMES


def walk(
    root: Path | str, skipped: Skipped | None = None, cannot_list: Callable[[OSError], None] | None = None
) -> Iterator[os.DirEntry[str]]:
    """All files below a folder, and the links to folders, which are not followed; folder by folder, by name.

    Nothing is asked of the file system but lists of folders: on a network drive a question a file takes minutes.

    Args:
        root: The folder.
        skipped: Counts what is passed over.
        cannot_list: Is told of a folder that may not be listed, in place of an error.

    Raises:
        DriveGoneError: The drive went away: half of a list is no list.
        DataError: A folder that may not be listed, if nobody is to be told.
    """
    waiting = [os.fspath(root)]
    bar = tqdm(desc="list files", unit="file", delay=1, mininterval=0.5, leave=False)
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(_counted(found, bar), key=lambda entry: entry.name)
            kinds = [entry.is_dir(follow_symlinks=False) for entry in entries]
        except OSError as error:
            if gone := drive_error(error, folder):
                raise gone from error
            if cannot_list is None:
                raise DataError(f"{printable(folder)}: cannot be listed ({error.strerror}).") from error
            cannot_list(error)
            continue
        folders = []
        for entry, is_folder in zip(entries, kinds, strict=True):
            if is_of_a_tool(entry.name):
                if skipped is not None:
                    skipped.add_tool(entry.name, is_folder)
            elif is_folder:
                folders.append(entry.path)
            else:
                yield entry
        waiting += reversed(folders)
    bar.close()


def _counted(entries: Iterable[os.DirEntry[str]], bar: tqdm) -> Iterator[os.DirEntry[str]]:
    """Entries of a folder, which a drive may give slowly: how many there are by now is shown after a second."""
    for entry in entries:
        bar.update()
        yield entry


def list_files(root: Path) -> Iterator[Path]:
    """:func:`walk`, as paths.

    Raises:
        DriveGoneError: The drive went away.
        DataError: A folder may not be listed.
    """
    return (Path(entry.path) for entry in walk(root))

"""Zip archives in a data folder: unpacked once into the cache, if nothing in them leads out of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from steeldefectx.data.sources.walk import Skipped, is_of_a_tool
from steeldefectx.data.sources.zip_names import decode_names
from steeldefectx.utils.cache import cache_path
from steeldefectx.utils.drives import drive_error
from steeldefectx.utils.printable import printable

MAX_UNPACKED = 50_000_000_000
"""Bytes: more is no data set of images but an archive made to fill the disk."""
MAX_RATIO = 100
"""Unpacked bytes per packed byte of the whole archive; images are packed already."""
ENCRYPTED = 1
"""Bit 0 of a member's flags."""
OTHER_ENDINGS = frozenset({".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz"})
"""Archives that are only named, for the user to unpack."""


def unpack(
    archive: Path,
    endings: frozenset[str],
    beside: Mapping[str, Sequence[Path]],
    skipped: Skipped,
    encoding: str | None = None,
) -> tuple[Path | None, str]:
    """Unpack the files that are of use.

    Args:
        archive: A zip file.
        endings: Endings of the files that are of use, in lower case.
        beside: File name -> files of that name that lie unpacked in the data folder.
        skipped: Counts the others.
        encoding: What names are in that do not say it, see :mod:`.zip_names`; None: to be found out.

    Returns:
        The folder; None where the archive holds nothing of use, or what it holds lies unpacked already. And a remark
        on the names, empty where there is none.

    Raises:
        ValueError: It is no readable zip, or holds a name or sizes that no honest one has.
        DriveGoneError: The drive went away.
    """
    try:
        state = archive.stat()
        with zipfile.ZipFile(archive) as file:
            members = [member for member in file.infolist() if not member.is_dir()]
            found = decode_names(members, encoding)
            folder = _folder(archive, state, members, endings)
            _refuse_tricks(members, state.st_size)
            members = [member for member in members if _of_use(archive, member, endings, skipped)]
            if not members or _is_one_of(members[0], beside):
                return None, ""
            if any(member.flag_bits & ENCRYPTED for member in members):
                raise ValueError("is encrypted: unpack it with its password")
            if not folder.is_dir():
                _extract(file, members, folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(f"cannot be read ({error})") from error
    except OSError as error:
        if gone := drive_error(error, archive):
            raise gone from error
        raise ValueError(f"cannot be unpacked ({error.strerror})") from error
    if found is None:
        return folder, ""
    name = next(member.filename for member in members + file.infolist() if not member.filename.isascii())
    return folder, (
        f"{printable(archive.name)} does not say in which encoding its names are: read as {found} "
        f"({printable(name)}). If that is wrong, give zip_encoding (--zip-encoding)."
    )


def _folder(archive: Path, state: os.stat_result, members: Sequence[zipfile.ZipInfo], endings: frozenset[str]) -> Path:
    """Where an archive is unpacked; under other names, elsewhere."""
    names = [member.filename for member in members]
    key = repr((str(archive), state.st_size, state.st_mtime_ns, sorted(endings), names))
    return cache_path("unpacked", hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:32])


def _of_use(archive: Path, member: zipfile.ZipInfo, endings: frozenset[str], skipped: Skipped) -> bool:
    name = PurePosixPath(member.filename)
    of_tools = [part for part in name.parts if is_of_a_tool(part)]
    if of_tools:
        skipped.add_tool(of_tools[0], of_tools[0] != name.name)
        return False
    if name.suffix.lower() not in endings:
        skipped.add_file(str(PurePosixPath(archive.name) / name.parent), name.name)
        return False
    return True


def _refuse_tricks(members: list[zipfile.ZipInfo], packed: int) -> None:
    for member in members:
        name = PurePosixPath(member.filename)
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            raise ValueError(f"holds a name that leads out of it: {member.filename!r}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"holds a link: {member.filename!r}")
    size = sum(member.file_size for member in members)
    if size > min(MAX_UNPACKED, MAX_RATIO * packed):
        raise ValueError(f"unpacks to {size:,} bytes from {packed:,}")


def _is_one_of(member: zipfile.ZipInfo, beside: Mapping[str, Sequence[Path]]) -> bool:
    """Whether a file has a member's name and content: the user has unpacked the archive, and left it there."""
    files = beside.get(PurePosixPath(member.filename).name, ())
    return any(
        file.stat().st_size == member.file_size and zlib.crc32(file.read_bytes()) == member.CRC for file in files
    )


def _extract(file: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        file.extractall(temporary, members)
        if not folder.is_dir():
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

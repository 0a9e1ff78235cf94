"""The public release, fetched from the Hub into a folder that the release's reader takes.

It is some 15,000 small files, and a request for each is slow. So contents are first looked for where a few requests
bring many: the Hub's Parquet conversion, and archives in the repository. Whatever their names, contents are taken
only if their hash is that of a file of the release. Files that are still missing are fetched one by one.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff
from tqdm.auto import tqdm

from steeldefectx.data.sources.release import DESCRIPTIONS, PARTS
from steeldefectx.errors import DataError

RELEASE = "Zhaosxian/SteelDefectX"
FOLDERS = {name for part in PARTS for name in (part, f"{part}_mask")}
TEXTS = {DESCRIPTIONS, *(f"{part}-text.json" for part in PARTS)}
CONVERSION = "refs/convert/parquet"
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
THREADS = 16
RETRIES = 3
TIMEOUT = 30.0
"""Seconds without an answer before a request is tried again."""
HUB_ERRORS: tuple[type[Exception], ...] = (OSError, *HfHubHTTPError.__bases__)
"""All that a request to the Hub can raise; the bases, because the HTTP client has changed with the library."""
BUNDLE_ERRORS: tuple[type[Exception], ...] = (
    *HUB_ERRORS,
    ValueError,
    RuntimeError,
    EOFError,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
)
"""All that fetching and reading a Parquet file or an archive can raise."""
ADVICE = 'pass data_dir with a copy that you have, or take the config "sample"'

_logger = datasets.logging.get_logger(__name__)


def download_release() -> Path:
    """The folder with the newest public release, ``$HF_HOME/steeldefectx/release/<commit>``, fetched if need be.

    What an earlier call has fetched is kept, also when it was broken off. Without a connection, the copy that was
    completed last is taken.

    Raises:
        DataError: No connection and no complete copy, a download that broke off, or contents that are not what the
            Hub says they are.
    """
    root = Path(constants.HF_HOME) / "steeldefectx" / "release"
    try:
        commit = HfApi().dataset_info(RELEASE, timeout=TIMEOUT).sha
    except HUB_ERRORS as error:
        return _newest_copy(root, error)
    folder, marker = root / str(commit), _marker(root / str(commit))
    if not marker.is_file():
        try:
            _fetch(folder, str(commit))
        except HUB_ERRORS as error:
            raise DataError(
                f"{RELEASE}: the download broke off ({_one_line(error)}). What has arrived is kept in {folder}: "
                f"load it again to go on, or {ADVICE}."
            ) from error
        marker.touch()
    return folder


def _marker(folder: Path) -> Path:
    """Says that a folder is complete; beside it, where no reader finds it."""
    return folder.with_name(f"{folder.name}.complete")


def _newest_copy(root: Path, error: Exception) -> Path:
    complete = sorted(root.glob("*.complete"), key=lambda marker: marker.stat().st_mtime)
    folders = [folder for marker in complete if (folder := marker.with_suffix("")).is_dir()]
    if folders:
        _logger.warning(f"{RELEASE} cannot be asked for ({_one_line(error)}): the copy in {folders[-1]} is used.")
        return folders[-1]
    raise DataError(
        f"{RELEASE} cannot be reached on the Hub ({_one_line(error)}), and there is no complete copy in {root}: "
        f"check the connection, {ADVICE}."
    ) from error


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _fetch(folder: Path, commit: str) -> None:
    tree = list(_files(HfApi().list_repo_tree(RELEASE, recursive=True, revision=commit, repo_type="dataset")))
    wanted = _Wanted(folder, [file for file in tree if _belongs(file.path)])
    if not wanted.total:
        raise DataError(f"{RELEASE} on the Hub is no longer in the layout that is known here: {ADVICE}.")
    with tqdm(total=wanted.total, initial=wanted.total - len(wanted), desc="release", unit="file") as bar:
        for bundle in _bundles(tree, commit) if wanted else ():
            try:
                for content in _contents(bundle, wanted):
                    bar.update(wanted.take(content))
            # A bundle only saves requests: one that cannot be had or read costs nothing but time.
            except BUNDLE_ERRORS as error:
                _logger.warning(f"{RELEASE}: a bundle of files is left aside ({_one_line(error)}).")
        _fetch_one_by_one(wanted, commit, bar)


def _files(entries: Iterable[Any]) -> Iterator[RepoFile]:
    return (entry for entry in entries if isinstance(entry, RepoFile))


def _belongs(path: str) -> bool:
    """Whether the reader looks for it. As only a name in a known folder belongs, no path leads outside."""
    parent, name = str(PurePosixPath(path).parent), PurePosixPath(path).name
    inside = parent in FOLDERS and name != ".." and "\\" not in name and path == f"{parent}/{name}"
    return path in TEXTS or inside


class _Wanted:
    """Files that are not there yet, found by size and hash."""

    def __init__(self, folder: Path, files: list[RepoFile]):
        self._folder, self.total = folder, len(files)
        missing = [file for file in files if not self._is_there(file)]
        self._by_content: dict[tuple[int, str], list[RepoFile]] = {}
        for file in missing:
            self._by_content.setdefault((file.size, _digest(file)), []).append(file)
        self._sizes = {file.size for file in missing}

    def __len__(self) -> int:
        return sum(map(len, self._by_content.values()))

    @property
    def files(self) -> list[RepoFile]:
        return [file for files in self._by_content.values() for file in files]

    def may_have(self, size: int) -> bool:
        """Whether contents of this size are worth reading."""
        return size in self._sizes

    def take(self, content: bytes) -> int:
        """Write the files that have this content; how many."""
        if not self.may_have(len(content)):
            return 0
        for digest in (_git_sha1(content), hashlib.sha256(content).hexdigest()):
            if files := self._by_content.pop((len(content), digest), []):
                for file in files:
                    self.put(file, content)
                return len(files)
        return 0

    def put(self, file: RepoFile, content: bytes) -> None:
        """Under its name only when it is whole, so that what is there need not be read again."""
        target = self._folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent.parent / f".{target.parent.name}.{target.name}.{os.getpid()}"
        temporary.write_bytes(content)
        temporary.replace(target)

    def _is_there(self, file: RepoFile) -> bool:
        try:
            return (self._folder / file.path).stat().st_size == file.size
        except FileNotFoundError:
            return False


def _digest(file: RepoFile) -> str:
    return file.lfs.sha256 if file.lfs else file.blob_id


def _git_sha1(content: bytes) -> str:
    """The name that git gives a file's contents (Pro Git, section 10.2)."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _bundles(tree: list[RepoFile], commit: str) -> list[tuple[str, str]]:
    """Files that hold many: (path, revision) in the repository."""
    archives = [(file.path, commit) for file in tree if file.path.endswith(ARCHIVES)]
    try:
        converts = HfApi().list_repo_refs(RELEASE, repo_type="dataset").converts
        revision = next((convert.target_commit for convert in converts if convert.ref == CONVERSION), None)
        if revision is None:
            return archives
        listed = _files(HfApi().list_repo_tree(RELEASE, recursive=True, revision=revision, repo_type="dataset"))
        return [*((file.path, revision) for file in listed if file.path.endswith(".parquet")), *archives]
    except HUB_ERRORS as error:
        _logger.warning(f"{RELEASE}: no Parquet conversion ({_one_line(error)}).")
        return archives


def _contents(bundle: tuple[str, str], wanted: _Wanted) -> Iterator[bytes]:
    """Contents in a bundle that may be wanted, in memory alone: no name in it is ever written to."""
    if not wanted:
        return
    path, revision = bundle
    # Goes on where an earlier download of it broke off.
    file = Path(hf_hub_download(RELEASE, path, repo_type="dataset", revision=revision))
    if path.endswith(".parquet"):
        yield from _cells(file)
    elif path.endswith(".zip"):
        with zipfile.ZipFile(file) as archive:
            yield from (archive.read(m) for m in archive.infolist() if wanted.may_have(m.file_size))
    else:
        with tarfile.open(file) as tar:
            members = (tar.extractfile(m) for m in tar if m.isreg() and wanted.may_have(m.size))
            yield from (member.read() for member in members if member is not None)


def _cells(file: Path) -> Iterator[bytes]:
    """All binary values of a Parquet file, and those that an image column keeps beside their paths."""
    with pq.ParquetFile(file) as parquet:
        for field in parquet.schema_arrow:
            path = field.name
            if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
                path = f"{field.name}.bytes"
            elif not (pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)):
                continue
            for batch in parquet.iter_batches(64, columns=[path]):
                column = batch.column(0)
                values = column.field("bytes") if pa.types.is_struct(column.type) else column
                yield from (value.as_py() for value in values if value.is_valid)


def _fetch_one_by_one(wanted: _Wanted, commit: str, bar: tqdm[Any]) -> None:
    """Raises: DataError: Contents that are not what the Hub's list of files says."""
    wrong = []
    with ThreadPoolExecutor(THREADS) as pool:
        running = {pool.submit(_content, file, commit): file for file in wanted.files}
        try:
            for done in as_completed(running):
                file = running.pop(done)
                content = done.result()
                if content is None:
                    wrong.append(file.path)
                else:
                    wanted.put(file, content)
                    bar.update()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if wrong:
        listed = ", ".join(sorted(wrong)[:5]) + (" …" if len(wrong) > 5 else "")
        raise DataError(
            f"{RELEASE}: {len(wrong)} of {bar.total} files arrived damaged and were refused: {listed}. "
            f"Load it again to fetch them anew, or {ADVICE}."
        )


def _content(file: RepoFile, commit: str) -> bytes | None:
    """A file's contents; None if they are not those listed."""
    url = hf_hub_url(RELEASE, file.path, repo_type="dataset", revision=commit)
    answer = http_backoff("GET", url, max_retries=RETRIES, headers=build_hf_headers(), timeout=TIMEOUT)
    hf_raise_for_status(answer)
    content: bytes = answer.content
    digest = hashlib.sha256(content).hexdigest() if file.lfs else _git_sha1(content)
    return content if digest == _digest(file) else None

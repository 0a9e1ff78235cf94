"""Pushing to the Hugging Face Hub: a data set folder becomes a repository that ``load_dataset`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.utils import validate_repo_id

from steeldefectx.data.download import HUB_ERRORS
from steeldefectx.errors import ConfigError, DataError, SteelDefectXError


def push_dataset(folder: Path, repo_id: str, *, public: bool = False) -> str:
    """Upload a Hub-ready folder as a data set repository, in one commit.

    The commit is the last request: a push that breaks off leaves the repository as it was, and what had arrived of
    large files is not sent again. Parquet files of an earlier push that the folder no longer has are deleted. A
    folder that equals the repository makes no commit. The token is huggingface_hub's: ``HF_TOKEN``, or
    ``hf auth login``.

    Args:
        folder: ``README.md`` whose YAML header names Parquet files under ``configs``, and these files.
        repo_id: ``OWNER/NAME``; made if it does not exist.
        public: Whether a new repository can be seen by everyone; one that exists stays as it is.

    Returns:
        The repository's address.

    Raises:
        DataError: The folder is not Hub-ready: all that is missing is listed.
        ConfigError: No token, one that may not write there, or a wrong repository id.
        SteelDefectXError: The Hub cannot be reached or refuses.
    """
    files = check_dataset_folder(folder)
    _check_repo_id(repo_id)
    if get_token() is None:
        raise ConfigError("No Hub token: set HF_TOKEN or run `hf auth login`, then push again.")
    api = HfApi()
    try:
        api.create_repo(repo_id, repo_type="dataset", private=not public, exist_ok=True)
        # create_commit, as upload_folder would spread a large folder over several commits.
        head = api.dataset_info(repo_id)
        there = {entry.path for entry in api.list_repo_tree(repo_id, recursive=True, repo_type="dataset")}
        stale = sorted(path for path in there - set(files) if path.endswith(".parquet"))
        api.create_commit(
            repo_id,
            [*(CommitOperationDelete(path) for path in stale), *(CommitOperationAdd(p, f) for p, f in files.items())],
            commit_message=f"Push {len(files)} files with steeldefectx",
            repo_type="dataset",
            parent_commit=head.sha,
        )
    except HUB_ERRORS as error:
        raise _explained(error, repo_id) from error
    except RuntimeError as error:  # around what went wrong while a large file was sent
        if not isinstance(error.__cause__, HUB_ERRORS):
            raise
        raise _explained(error.__cause__, repo_id) from error
    return f"{constants.ENDPOINT}/datasets/{repo_id}"


def check_dataset_folder(folder: Path) -> dict[str, Path]:
    """The files of a Hub-ready folder: path in the repository -> file. Hidden files and folders are left out.

    Raises:
        DataError: No ``README.md`` with ``configs``, or data files that are missing or no Parquet files.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder.")
    patterns = _data_file_patterns(folder / "README.md")
    problems = []
    for pattern in patterns:
        if pattern.startswith("/") or ".." in Path(pattern).parts:
            problems.append(f"{pattern}: not inside the folder")
            continue
        found = sorted(folder.glob(pattern))
        if not found:
            problems.append(f"{pattern}: missing")
        problems += [f"{file.relative_to(folder)}: {why}" for file in found if (why := _parquet_problem(file))]
    if problems:
        listed = "\n  ".join(problems)
        raise DataError(
            f"{folder}: data files that README.md names cannot be used. Build the folder again.\n  {listed}"
        )
    files = {file.relative_to(folder): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {path.as_posix(): file for path, file in files.items() if not any(p.startswith(".") for p in path.parts)}


def _data_file_patterns(readme: Path) -> list[str]:
    """Paths and patterns of data files in a README's YAML header, in the forms that the Hub accepts."""
    advice = "A Hub-ready folder has one whose YAML header names Parquet files under `configs`."
    if not readme.is_file():
        raise DataError(f"{readme}: missing. {advice}")
    parts = readme.read_text(encoding="utf-8", errors="replace").split("---\n", 2)
    try:
        header = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except yaml.YAMLError as error:
        raise DataError(f"{readme}: its header is no YAML ({error}).") from error
    configs = header.get("configs") if isinstance(header, dict) else None
    patterns = [path for config in _listed(configs) if isinstance(config, dict) for path in _paths(config)]
    if not patterns:
        raise DataError(f"{readme}: no data files under `configs`. {advice}")
    return patterns


def _paths(config: dict[str, Any]) -> list[str]:
    base = str(config["data_dir"]).rstrip("/") + "/" if config.get("data_dir") else ""
    entries = _listed(config.get("data_files"))
    paths = [path for e in entries for path in _listed(e.get("path") if isinstance(e, dict) else e)]
    return [f"{base}{path}" for path in paths if isinstance(path, str)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _parquet_problem(file: Path) -> str | None:
    if not file.name.endswith(".parquet"):
        return "not named *.parquet"
    try:
        pq.read_metadata(file)
    except (OSError, ValueError) as error:
        return f"no whole Parquet file ({str(error).splitlines()[0]})"
    return None


def _check_repo_id(repo_id: str) -> None:
    try:
        validate_repo_id(repo_id)
        if repo_id.count("/") != 1:
            raise HFValidationError("it has no owner")
    except HFValidationError as error:
        raise ConfigError(f"{repo_id!r} is no repository id: write OWNER/NAME ({error})") from error


def _explained(error: BaseException, repo_id: str) -> SteelDefectXError:
    """What went wrong in a request, in one line; never with the token, which only headers carry."""
    if isinstance(error, OSError) and error.filename:
        return DataError(f"{error.filename}: cannot be read ({error.strerror}). Nothing was changed.")
    if not isinstance(error, HfHubHTTPError):
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        return SteelDefectXError(
            f"{repo_id}: no connection to {constants.ENDPOINT} ({why}). Nothing was changed; push again."
        )
    status = error.response.status_code
    if status == 401:
        return ConfigError(f"{repo_id}: the Hub does not accept the token. Set HF_TOKEN, or run `hf auth login`.")
    if status == 403:
        return ConfigError(f"{repo_id}: the token may not write there. Take one with write access, or another owner.")
    why = error.server_message or str(error).splitlines()[0]
    return SteelDefectXError(f"{repo_id}: the Hub refused ({status}: {why}). Nothing was changed; push again.")

"""A data set folder becomes a repository on the Hub that ``load_dataset`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from steeldefectx.errors import DataError
from steeldefectx.hub.upload import push_files


def push_dataset(folder: Path, repo_id: str, *, public: bool = False) -> str:
    """Upload a Hub-ready folder as a data set repository, in one commit.

    As :func:`~steeldefectx.hub.upload.push_files` does it; Parquet files of an earlier push that the folder no longer
    has are deleted.

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
    return push_files(files, repo_id, "dataset", lambda path: path.endswith(".parquet"), public=public)


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
        matches = sorted(folder.glob(pattern))
        if not matches:
            problems.append(f"{pattern}: missing")
        problems += [f"{file.relative_to(folder)}: {why}" for file in matches if (why := _parquet_problem(file))]
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
    patterns = [path for config in _as_list(configs) if isinstance(config, dict) for path in _paths(config)]
    if not patterns:
        raise DataError(f"{readme}: no data files under `configs`. {advice}")
    return patterns


def _paths(config: dict[str, Any]) -> list[str]:
    base = str(config["data_dir"]).rstrip("/") + "/" if config.get("data_dir") else ""
    entries = _as_list(config.get("data_files"))
    paths = [path for e in entries for path in _as_list(e.get("path") if isinstance(e, dict) else e)]
    return [f"{base}{path}" for path in paths if isinstance(path, str)]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _parquet_problem(file: Path) -> str | None:
    if not file.name.endswith(".parquet"):
        return "not named *.parquet"
    try:
        pq.read_metadata(file)
    except (OSError, ValueError) as error:
        return f"no whole Parquet file ({str(error).splitlines()[0]})"
    return None

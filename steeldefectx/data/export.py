"""A Hub-ready folder: Parquet shards with embedded images, README.md, plots. ``load_dataset(folder)`` reads it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from steeldefectx.data import sources
from steeldefectx.data.builder import SteelDefectX, resolved_config, rows_hash, texts_read
from steeldefectx.data.card import dataset_card
from steeldefectx.data.dataset_statistics import ROWS_AT_A_TIME, Statistics, of_parquet
from steeldefectx.data.download import download_release
from steeldefectx.data.plots import write_plots
from steeldefectx.errors import ConfigError

MANIFEST = "build.json"
"""What a folder was built from and holds: the sign that it is ours, and whole."""
SHARD_SIZE = "500MB"


@dataclass(frozen=True)
class Build:
    """A built folder."""

    folder: Path
    rows: dict[str, int]
    """Split -> rows."""
    classes: int
    """Classes with images."""
    masks: int
    skipped: list[str]
    """What ``skip_bad`` left out, and why; one line each."""
    skipped_file: Path | None
    """Where that list is, beside the folder."""
    unchanged: bool
    """The folder held this very build already."""


def build(
    out: Path, data_dir: Path | None = None, config: str = "default", *, skip_bad: bool = False, **settings: Any
) -> Build:
    """Write a data set as a folder that the Hub and ``datasets`` know what to do with.

    The folder appears whole or not at all. An unchanged one is left as it is.

    Args:
        out: The folder. One that this function wrote before is replaced, any other that is not empty refused.
        data_dir: Folder with the images; None for ``sample``, and for the public release, which is downloaded.
        config: A config of :mod:`steeldefectx.data.builder`.
        skip_bad: Leave out what cannot be used, and list it in ``<out>.skipped.txt``.
        **settings: Fields of :class:`~steeldefectx.data.builder.SteelDefectXConfig`.

    Raises:
        DataError: Images that cannot be used; all are listed.
        ConfigError: ``out`` is another kind of folder, or settings that make no sense.
    """
    out = out.expanduser().absolute()
    config = resolved_config(config, data_dir, settings.get("zip_encoding"))
    if config == "default" and data_dir is None:
        data_dir = download_release()
    settings["skip_bad"] = skip_bad
    hashed = settings | texts_read(settings)  # what texts say, as a store's URL may have a password
    fingerprint = _fingerprint(data_dir, config, hashed)
    skipped_file = out.with_name(f"{out.name}.skipped.txt")
    manifest = _manifest(out)
    if manifest is not None and manifest["fingerprint"] == fingerprint and _is_whole(out, manifest):
        skipped = skipped_file.read_text("utf-8").splitlines() if manifest["skipped"] and skipped_file.is_file() else []
        return _result(out, manifest, skipped, skipped_file, unchanged=True)
    partial = out.with_name(f".{out.name}.partial")  # of a fixed name, so that a killed build's is found again
    shutil.rmtree(partial, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        builder = SteelDefectX(
            cache_dir=str(partial / "cache"),
            dataset_name="steeldefectx",
            config_name=config,
            hash=rows_hash(),
            data_dir=None if data_dir is None else str(data_dir),
            **settings,
        )
        builder.download_and_prepare(str(partial / "prepared"), file_format="parquet", max_shard_size=SHARD_SIZE)
        folder = partial / "folder"
        files = _take_shards(partial / "prepared", folder / "data", list(builder.info.splits))
        statistics = of_parquet(files, builder.info.features["label"].names)
        plots = write_plots(statistics, _examples(files, builder.info.features["label"].names), folder / "plots")
        builder.info.download_size = sum(file.stat().st_size for shards in files.values() for file in shards)
        card = dataset_card(statistics, builder.info, config=config, plots=plots)
        (folder / "README.md").write_text(card, "utf-8")
        skipped = [_relative(problem, data_dir) for problem in builder.problems]
        manifest = _describe(folder, statistics, fingerprint, config, hashed, len(skipped))
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
        _put_in_place(folder, out, skipped, skipped_file, partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return _result(out, manifest, skipped, skipped_file, unchanged=False)


def _fingerprint(data_dir: Path | None, config: str, settings: Mapping[str, Any]) -> str:
    folder = None if data_dir is None else sources.folder_fingerprint(data_dir)
    return hashlib.sha256(repr((folder, config, sorted(settings.items()), rows_hash())).encode()).hexdigest()


def _manifest(out: Path) -> dict[str, Any] | None:
    """The manifest of a folder that is there.

    Raises:
        ConfigError: It holds other things.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        manifest: dict[str, Any] = json.loads((out / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        message = (
            f"{out} is no folder that `steeldefectx build` wrote: it is left as it is. Name another, or remove it."
        )
        raise ConfigError(message) from error
    return manifest


def _is_whole(out: Path, manifest: Mapping[str, Any]) -> bool:
    files = {name: out / name for name in manifest["files"]}
    return all(file.is_file() and file.stat().st_size == manifest["files"][name] for name, file in files.items())


def _take_shards(prepared: Path, folder: Path, splits: list[str]) -> dict[str, list[Path]]:
    """Move the shards to their names on the Hub: split -> its files."""
    folder.mkdir(parents=True)
    taken = {}
    for split in splits:
        shards = sorted(prepared.glob(f"steeldefectx-{split}*.parquet"))
        names = [f"{split}-{n:05d}-of-{len(shards):05d}.parquet" for n in range(len(shards))]
        taken[split] = [shard.rename(folder / name) for shard, name in zip(shards, names, strict=True)]
    return taken


def _examples(files: Mapping[str, list[Path]], class_names: list[str]) -> dict[str, bytes]:
    """The first image of each class, by class name, as the bytes of its file."""
    examples: dict[str, bytes] = {}
    for shards in files.values():
        for shard in shards:
            with pq.ParquetFile(shard) as parquet:
                for batch in parquet.iter_batches(ROWS_AT_A_TIME, columns=["image", "label"]):
                    for row in batch.to_pylist():
                        examples.setdefault(class_names[row["label"]], row["image"]["bytes"])
    return dict(sorted(examples.items()))


def _relative(problem: sources.Problem, data_dir: Path | None) -> str:
    """A problem, its path from the data folder on: the list may be handed on."""
    if data_dir is None or not problem.path.is_relative_to(data_dir):
        return str(problem)
    return str(sources.Problem(problem.path.relative_to(data_dir), problem.reason))


def _describe(
    folder: Path, statistics: Statistics, fingerprint: str, config: str, settings: Mapping[str, Any], skipped: int
) -> dict[str, Any]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {
        "version": version("steeldefectx"),
        "config": config,
        "settings": dict(settings),
        "rows": statistics.splits(),
        "classes": len(statistics.class_names()),
        "masks": sum(statistics.masks.values()),
        "skipped": skipped,
        "files": {file.relative_to(folder).as_posix(): file.stat().st_size for file in files},
        "fingerprint": fingerprint,
    }


def _put_in_place(folder: Path, out: Path, skipped: list[str], skipped_file: Path, partial: Path) -> None:
    if skipped:
        listed = partial / "skipped.txt"
        listed.write_text("\n".join(skipped) + "\n", "utf-8")
        listed.replace(skipped_file)
    else:
        skipped_file.unlink(missing_ok=True)
    if out.exists():
        out.rename(partial / "old")
    folder.rename(out)


def _result(
    out: Path, manifest: Mapping[str, Any], skipped: list[str], skipped_file: Path, *, unchanged: bool
) -> Build:
    file = skipped_file if manifest["skipped"] else None
    return Build(out, manifest["rows"], manifest["classes"], manifest["masks"], skipped, file, unchanged)

"""The commands for the installation: doctor, cache."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from steeldefectx.cli.extras import EXTRAS
from steeldefectx.utils.cache import cache_path
from steeldefectx.utils.hub_connection import reach

SENTENCE_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
GIGABYTE = 1e9
LOW_DISK = 2 * GIGABYTE
"""Below this much free disk, doctor warns: a checkpoint of a base-sized CLIP alone takes 0.6 GB."""
CACHE_PARTS = {
    "features": "features of frozen towers, by model",
    "pixels": "images decoded and resized",
    "unpacked": "zip archives of sources, unpacked",
    "annotate": "images as they are sent to a model that annotates",
}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs and bug reports.")] = False,
) -> None:
    """Check the installation: versions, extras, devices, caches, the Hub; what is missing and how to get it.

    Exit code: 0 everything that the base installation needs is there; 1 something is not, it is listed last.
    """
    report = examine()
    if as_json:
        typer.echo(json.dumps(report, indent=1))
    else:
        _print(report)
    if report["problems"]:
        raise typer.Exit(1)


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of it; what is needed is made again.")] = False,
) -> None:
    """Show what this package keeps on disk to be faster the next time: sizes and ages; or clear it.

    Data sets and models that are downloaded are kept by `datasets` and `huggingface_hub`: see `hf cache ls`.
    """
    parts = cache_parts()
    console, folder = Console(), cache_path()
    if not parts:
        console.print(f"{folder}: empty.", highlight=False, soft_wrap=True)
        return
    table = Table("part", "holds")
    for column in ("files", "size", "last used", "oldest"):
        table.add_column(column, justify="right")
    for part in parts:
        ages = [_age(part.newest), _age(part.oldest)]
        table.add_row(part.name, CACHE_PARTS.get(part.name, ""), f"{part.files:,}", _size(part.bytes), *ages)
    console.print(table)
    total = _size(sum(part.bytes for part in parts))
    if clear:
        for part in parts:
            shutil.rmtree(folder / part.name)
        console.print(f"Removed {total} from {folder}.", highlight=False, soft_wrap=True)
    else:
        console.print(f"{total} in {folder}; --clear removes it.", highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class CachePart:
    """A folder of the cache."""

    name: str
    files: int
    bytes: int
    newest: float
    """When a file of it was read or written last, in seconds since 1970."""
    oldest: float
    """When the oldest was written."""


def cache_parts() -> list[CachePart]:
    """The folders of ``$HF_HOME/steeldefectx`` that hold something."""
    root = cache_path()
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    parts = []
    for folder in folders:
        files = list(_files(folder))
        if files:
            used = max(max(file.st_atime, file.st_mtime) for file in files)
            written = min(file.st_mtime for file in files)
            parts.append(CachePart(folder.name, len(files), sum(file.st_size for file in files), used, written))
    return parts


def _files(folder: Path) -> Iterator[os.stat_result]:
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:  # another process has just renamed or removed it
            continue
        if path.is_file() and not path.is_symlink():
            yield status


def examine() -> dict[str, Any]:
    """All that ``doctor`` says, as JSON can hold it; ``problems`` is empty where the base installation is whole."""
    packages, problems = _packages()
    disk, caches = _caches()
    if disk["free"] < LOW_DISK:
        problems.append(f"{disk['folder']}: {_size(disk['free'])} are free. `steeldefectx cache --clear` makes room.")
    if not disk["writable"]:
        problems.append(f"{disk['folder']} cannot be written to: set HF_HOME to a folder that can.")
    return {
        "steeldefectx": version("steeldefectx"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": packages,
        "extras": {
            extra.name: {
                "for": extra.purpose,
                "missing": extra.missing,
                "install": f'pip install "steeldefectx[{extra.name}]"',
            }
            for extra in EXTRAS
        },
        "devices": _devices(problems),
        "disk": disk,
        "caches": caches,
        "hub": _hub(),
        "sentence_bert": _sentence_bert(),
        "problems": problems,
    }


def _packages() -> tuple[dict[str, str | None], list[str]]:
    """Name -> version of what the base installation requires, and what is wrong with it."""
    from packaging.requirements import Requirement

    versions: dict[str, str | None] = {}
    problems = []
    for requirement in map(Requirement, requires("steeldefectx") or []):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = versions[requirement.name] = version(requirement.name)
        except PackageNotFoundError:
            versions[requirement.name] = None
            problems.append(f"{requirement.name} is not installed: pip install '{requirement}'")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            problems.append(f"{requirement.name} is {installed}: pip install '{requirement}'")
    return versions, problems


def _devices(problems: list[str]) -> dict[str, Any]:
    try:
        import joblib
        import torch
    except (ImportError, OSError) as error:
        problems.append(f"PyTorch cannot be imported: {error}")
        return {}
    cuda = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return {
        "cpu_cores": joblib.cpu_count(),  # those that this process may use, by affinity and cgroup
        "cpu_cores_of_machine": os.cpu_count(),
        "cpu_bf16": bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()),
        "cuda": [{"name": device.name, "memory": device.total_memory} for device in cuda],
        "cuda_bf16": bool(cuda) and torch.cuda.is_bf16_supported(),
        "mps": torch.backends.mps.is_available(),
    }


def _caches() -> tuple[dict[str, Any], dict[str, int]]:
    """Where the cache is, how much disk is free there, and the bytes in each of its parts."""
    folder = cache_path()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    disk = {"folder": str(folder), "free": shutil.disk_usage(there).free, "writable": os.access(there, os.W_OK)}
    return disk, {part.name: part.bytes for part in cache_parts()}


def _hub() -> dict[str, Any]:
    from huggingface_hub import constants, get_token

    state = "offline, by HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else reach(constants.ENDPOINT)
    return {"endpoint": constants.ENDPOINT, "state": state, "token": get_token() is not None}


def _sentence_bert() -> dict[str, Any]:
    """Whether the model that compares candidates is there, and how to get it by hand."""
    from huggingface_hub import try_to_load_from_cache

    present = isinstance(try_to_load_from_cache(SENTENCE_MODEL, "model.safetensors"), str)
    return {
        "model": SENTENCE_MODEL,
        "present": present,
        "install": f"`hf download {SENTENCE_MODEL} --local-dir FOLDER` elsewhere, bring FOLDER here, and give "
        "`annotate --sentence-model FOLDER`",
    }


def _print(report: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"steeldefectx {report['steeldefectx']}, Python {report['python']}, {report['system']}")
    console.print(", ".join(f"{name} {number or 'missing'}" for name, number in report["packages"].items()))
    extras = Table("extra", "for", "state", title="Extras", title_justify="left")
    for name, extra in report["extras"].items():
        state = f"{', '.join(extra['missing'])} missing: {extra['install']}" if extra["missing"] else "installed"
        extras.add_row(name, extra["for"], state.replace("[", r"\["))
    Console(highlight=False).print(extras)
    if devices := report["devices"]:
        console.print(
            f"CPU: {devices['cpu_cores']} of {devices['cpu_cores_of_machine']} cores usable, "
            f"bf16 {'yes' if devices['cpu_bf16'] else 'slow'}"
        )
        for device in devices["cuda"]:
            console.print(f"GPU: {device['name']}, {_size(device['memory'])}, bf16 {_yes(devices['cuda_bf16'])}")
        console.print(f"CUDA: {_yes(devices['cuda'])}, MPS: {_yes(devices['mps'])}")
    sizes = ", ".join(f"{name} {_size(size)}" for name, size in report["caches"].items()) or "empty"
    console.print(f"Cache: {report['disk']['folder']} ({sizes}); {_size(report['disk']['free'])} of disk are free")
    hub = report["hub"]
    console.print(f"Hub: {hub['endpoint']}, {hub['state']}, token {'set' if hub['token'] else 'not set'}")
    sentence_bert = report["sentence_bert"]
    state = (
        "there"
        if sentence_bert["present"]
        else f"not in the cache; annotate downloads it, or: {sentence_bert['install']}"
    )
    console.print(f"Sentence-BERT ({sentence_bert['model']}): {state}")
    for problem in report["problems"]:
        print(f"problem: {problem}", file=sys.stderr)


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _size(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def _age(seconds: float) -> str:
    days = (time.time() - seconds) / 86400
    return f"{days:.0f} days" if days >= 1 else f"{24 * days:.0f} hours"

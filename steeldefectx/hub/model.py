"""A trained checkpoint becomes a repository on the Hub that ``SteelDefectClassifier.from_pretrained`` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml

from steeldefectx.errors import ModelError
from steeldefectx.hub.model_card import LOCAL, PICTURE, PublishedRun, model_card
from steeldefectx.hub.upload import check_repo_id, push_files
from steeldefectx.models.calibration import CALIBRATION
from steeldefectx.models.checkpoint import (
    ADAPTER_WEIGHTS,
    BASE,
    CLASS_TEXTS,
    MODEL_CONFIG,
    PEFT_TYPE_CLIP_ADAPTER,
    STACKED,
    load_checkpoint,
    save_model,
)
from steeldefectx.models.clip import load_clip
from steeldefectx.models.loading import ADAPTER_CONFIG, read_object
from steeldefectx.models.names import BACKBONES, BUILT_IN
from steeldefectx.utils import figures
from steeldefectx.utils.results import RESULTS, read_results

CARD, RECIPE = "README.md", "recipe.yaml"
MODEL_FILES = (
    *(MODEL_CONFIG, "model*.safetensors", "model.safetensors.index.json"),
    *("preprocessor_config.json", "processor_config.json", "tokenizer_config.json", "tokenizer.json"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "*.model"),
)
"""Names that ``save_pretrained`` gives to a model, its tokenizer and its image processor."""
ADAPTER_FILES = (ADAPTER_CONFIG, ADAPTER_WEIGHTS)
WRITTEN = (CARD, RECIPE, RESULTS, PICTURE, CLASS_TEXTS, CALIBRATION)
NEEDED = {"model_revision", "confusion", "recipe", "per_class", "before_training", "seed"}
"""What a card cannot do without, of the results."""
OURS_ALONE = ("steel-clip", "shufflenet-v2")
"""Model types that ``transformers`` knows only after ``import steeldefectx``."""


def push_model(folder: Path, repo_id: str, *, public: bool = False) -> str:
    """Upload a run's checkpoint with its results, recipe and a card, in one commit.

    As :func:`~steeldefectx.hub.upload.push_files` does it; files of another checkpoint that was there are deleted.
    Nothing else in the folder is uploaded. Paths of this machine are left out of what is published, and a base model
    that is a folder here is uploaded with its adapter.

    Args:
        folder: Output folder of a finished run.
        repo_id: ``OWNER/NAME``; made if it does not exist.
        public: Whether a new repository can be seen by everyone; one that exists stays as it is.

    Returns:
        The repository's address.

    Raises:
        ModelError: No finished run, or a checkpoint that could not be loaded again.
        ConfigError: No token, one that may not write there, or a wrong repository id.
        SteelDefectXError: The Hub cannot be reached or refuses.
    """
    check_repo_id(repo_id)
    folder = folder.expanduser()
    results = _published(_results_of_run(folder))
    load_checkpoint(str(folder))  # nobody is given what cannot be loaded
    with TemporaryDirectory() as temporary:
        files = _checkpoint_files(folder, Path(temporary)) | _written_files(folder, results, repo_id)
        return push_files(files, repo_id, "model", _is_ours, public=public)


def _results_of_run(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder.")
    results = read_results(folder / RESULTS)
    if results is None or results.get("task") != "train":
        raise ModelError(f"{folder}: no {RESULTS} of a run: training has not finished there.")
    if missing := NEEDED - results.keys():
        raise ModelError(
            f"{folder / RESULTS}: {', '.join(sorted(missing))} missing, as an earlier version wrote it. "
            "Train again with --overwrite."
        )
    return results


def _published(results: Mapping[str, Any]) -> dict[str, Any]:
    """Results in which no folder of this machine is named, and so nobody who works on it."""
    model, recipe = results["model"], results["recipe"]
    if not (results["model_revision"] or model in BUILT_IN or model in BACKBONES):
        model = LOCAL
    hidden = {"model": model, "data_dir": LOCAL if recipe["data_dir"] else None}
    return {
        **results,
        "model": model,
        "dataset": hidden["data_dir"] or results["dataset"],
        "recipe": recipe | hidden,
    }


def _checkpoint_files(folder: Path, temporary: Path) -> dict[str, Path | bytes]:
    """The checkpoint's own files: path in the repository -> file, or what takes its place."""
    if not (folder / ADAPTER_CONFIG).is_file():
        return dict(_matching(folder, "", MODEL_FILES))
    settings = read_object(folder / ADAPTER_CONFIG)
    files: dict[str, Path | bytes] = dict(_matching(folder, "", ADAPTER_FILES))
    if settings["peft_type"] != PEFT_TYPE_CLIP_ADAPTER:
        files |= _matching(folder, STACKED, ADAPTER_FILES)
    base = settings["base_model_name_or_path"]
    if base == BASE:
        return files | dict(_matching(folder, BASE, MODEL_FILES))
    if not Path(base).is_absolute():
        return files
    save_model(load_clip(base), temporary / BASE)
    for path in [path for path in files if path.endswith(ADAPTER_CONFIG)]:
        moved = read_object(folder / path) | {"base_model_name_or_path": BASE, "revision": None}
        files[path] = json.dumps(moved, indent=2, sort_keys=True).encode()
    return files | dict(_matching(temporary, BASE, MODEL_FILES))


def _matching(root: Path, part: str, patterns: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for file in sorted((root / part).glob("*")):
        if file.is_file() and any(fnmatchcase(file.name, pattern) for pattern in patterns):
            yield file.relative_to(root).as_posix(), file


def _is_ours(path: str) -> bool:
    """Whether a path in a repository is one that a push writes."""
    part, name = str(PurePosixPath(path).parent), PurePosixPath(path).name
    known = {".": MODEL_FILES + ADAPTER_FILES + WRITTEN, BASE: MODEL_FILES, STACKED: ADAPTER_FILES}
    return any(fnmatchcase(name, pattern) for pattern in known.get(part, ()))


def _written_files(folder: Path, results: dict[str, Any], repo_id: str) -> dict[str, Path | bytes]:
    """Card, picture, results, recipe, and texts of the classes and a temperature if it has them."""
    is_adapter = (folder / ADAPTER_CONFIG).is_file()
    if is_adapter:
        peft_type = read_object(folder / ADAPTER_CONFIG)["peft_type"]
        library = "steeldefectx" if peft_type == PEFT_TYPE_CLIP_ADAPTER or (folder / STACKED).is_dir() else "peft"
    else:
        model_type = read_object(folder / MODEL_CONFIG).get("model_type")
        library = "steeldefectx" if model_type in OURS_ALONE else "transformers"
    return {
        CARD: model_card(PublishedRun(results, repo_id, library, is_adapter)).encode(),
        PICTURE: _confusion(results),
        RESULTS: (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode(),
        RECIPE: yaml.safe_dump(results["recipe"], sort_keys=False, allow_unicode=True).encode(),
        **{name: folder / name for name in (CLASS_TEXTS, CALIBRATION) if (folder / name).is_file()},
    }


def _confusion(results: Mapping[str, Any]) -> bytes:
    """A picture of which classes are taken for which, as PNG."""
    classes = results["classes"]
    counts = np.array([[results["confusion"].get(a, {}).get(b, 0) for b in classes] for a in classes])
    names = [name.replace("$", r"\$") for name in classes]  # which would begin a formula
    return figures.to_png(figures.confusion(names, counts))

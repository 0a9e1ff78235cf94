"""What loading any model by Hub id or folder has in common: fetching it, and refusing what may not be loaded.

No weights but safetensors are read: a pickle runs whatever code it holds. A folder keeps to itself: neither a link nor
an index in it may name a file elsewhere, for it may come from anyone.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import AutoImageProcessor, AutoTokenizer
from transformers.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled

from steeldefectx.errors import ModelError
from steeldefectx.models.names import refuse_misspelt
from steeldefectx.utils.hub_connection import hub_answers

ADAPTER_CONFIG = "adapter_config.json"
FETCHED = [
    *("*.json", "*.txt", "*.model"),  # the last are vocabularies of SentencePiece
    *("model*.safetensors", "adapter_model.safetensors", "*/model*.safetensors", "*/adapter_model.safetensors"),
]
"""What is downloaded of a repository: neither other formats nor the same weights under another name."""
IMAGE_PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
TOKENIZER_FILE = "tokenizer.json"
LFS_POINTER = b"version https://git-lfs"
"""How a file begins that Git LFS has left in place of another."""
PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")
HUB_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError, *HfHubHTTPError.__bases__)
"""All that asking the Hub for a repository can raise."""
LOADING_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError)
"""All that reading a model can raise whose files are not what they should be."""


@contextmanager
def quietly() -> Iterator[None]:
    """While weights are read or written: no bar, over before it is read, and no warning of one library to another.

    Downloads stay outside, for their bars would be hidden too.
    """
    shown = is_progress_bar_enabled()
    if shown:
        disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if shown:
            enable_progress_bar()


def fetch(name: str, revision: str | None = None) -> Path:
    """The folder of a model or checkpoint, downloaded where ``name`` is no folder, and safe to load.

    Raises:
        OSError, ValueError: The Hub does not give it.
        ModelError: It may not be loaded, see :func:`check_folder`.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        check_folder(path)
        return path
    kept_only = not hub_answers()
    folder = Path(snapshot_download(name, revision=revision, allow_patterns=FETCHED, local_files_only=kept_only))
    if not any(folder.glob("*.safetensors")):
        raise ModelError(f"{name}: it has no safetensors. Weights in other formats are not loaded: they can hold code.")
    check_folder(folder)
    return folder


def fetch_model(name: str, revision: str | None, others: str) -> Path:
    """As :func:`fetch`, for a model that stands by itself.

    Args:
        name: Folder or Hub id.
        revision: Commit, branch or tag of a Hub id.
        others: What else can be typed, for the error.

    Raises:
        ModelError: It is not there, may not be loaded, or is an adapter.
    """
    refuse_misspelt(name, "model")
    try:
        folder = fetch(name, revision)
    except HUB_ERRORS as error:
        raise ModelError(why_not_loaded(name, error, others)) from error
    if (folder / ADAPTER_CONFIG).is_file():  # transformers would go wherever it says its base is
        raise ModelError(f"{name}: an adapter ({ADAPTER_CONFIG}), where a whole model is needed. Give its base.")
    return folder


def check_folder(folder: Path) -> None:
    """Refuse a folder whose weights are pickles, or that leads out of itself.

    Raises:
        ModelError: Pickles without safetensors, a link to elsewhere, an index that names a file elsewhere, or what
            Git LFS has left in place of a file.
    """
    entries, home = sorted(folder.iterdir()), _home(folder.resolve())
    for entry in entries:
        if entry.is_symlink() and not entry.resolve().is_relative_to(home):
            raise ModelError(f"{entry}: a link that leads out of its folder, which is not followed. Copy the file.")
        if entry.is_file() and entry.stat().st_size < 1024 and entry.read_bytes().startswith(LFS_POINTER):
            raise ModelError(f"{entry}: a Git LFS pointer and not the file itself. Run `git lfs pull` there.")
    pickles = [entry.name for entry in entries if entry.suffix in PICKLES]
    if pickles and not any(entry.suffix == ".safetensors" for entry in entries):
        raise ModelError(
            f"{folder / pickles[0]}: a pickle, which can run any code when it is loaded. "
            "Only safetensors are loaded: ask whoever made it for these."
        )
    for index in (entry for entry in entries if entry.name.endswith(".safetensors.index.json")):
        weight_map = read_object(index).get("weight_map")
        files = weight_map.values() if isinstance(weight_map, dict) else [weight_map]
        outside = [file for file in files if not isinstance(file, str) or Path(file.replace("\\", "/")).name != file]
        if outside:
            raise ModelError(f"{index}: {outside[0]!r} is no file of its folder. Save the model again.")


def _home(folder: Path) -> Path:
    """What a folder's links may lead to: the folder itself; in the Hub's cache, the repository's part of it."""
    for parent in (folder, *folder.parents):
        if parent.parent.name == "snapshots" and (parent.parent.parent / "blobs").is_dir():
            return parent.parent.parent
    return folder


def read_object(file: Path) -> dict[str, Any]:
    """A JSON object in a file.

    Raises:
        ModelError: It is none.
    """
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file}: no JSON ({str(error).splitlines()[0]}). Save the model again.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{file}: a JSON object is needed. Save the model again.")
    return content


def load_image_processor(folder: Path) -> Any:
    """The image processor in a model's folder.

    Raises:
        ModelError: There is none.
    """
    try:
        return AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)
    except OSError as error:
        if any((folder / file).is_file() for file in IMAGE_PROCESSOR_FILES):
            raise
        raise ModelError(
            f"{folder}: no image processor ({IMAGE_PROCESSOR_FILES[0]} is missing). Save it there."
        ) from error


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in a model's folder.

    Raises:
        ModelError: Its files are not there; ``transformers`` would make one that knows no word.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        if (folder / TOKENIZER_FILE).is_file():
            raise
        raise ModelError(
            f"{folder}: no tokenizer ({TOKENIZER_FILE} is missing). Save the model's own there."
        ) from error
    parts = [file for kind, file in tokenizer.vocab_files_names.items() if kind != "tokenizer_file"]
    if not (folder / TOKENIZER_FILE).is_file() and not (parts and all((folder / file).is_file() for file in parts)):
        needed = f"{TOKENIZER_FILE}{' or ' * bool(parts)}{' and '.join(parts)}"
        raise ModelError(f"{folder}: no tokenizer ({needed} is missing). Save the model's own there.")
    return tokenizer


def refuse_other_weights(name: str, info: Mapping[str, Any]) -> None:
    """Check that a file of weights holds a model's weights, all and no others.

    Args:
        name: What was typed.
        info: What ``from_pretrained`` gives with ``output_loading_info``.

    Raises:
        ModelError: Some are missing, unexpected, or of another shape.
    """
    reshaped = [key[0] if isinstance(key, tuple) else key for key in info["mismatched_keys"]]
    kinds = {"missing": info["missing_keys"], "unexpected": info["unexpected_keys"], "of another shape": reshaped}
    problems = [f"{len(keys)} {kind}: {_some(sorted(keys))}" for kind, keys in kinds.items() if keys]
    if problems:
        raise ModelError(
            f"{name}: no model that can be loaded (its weights are not those of config.json; {'; '.join(problems)}). "
            "Save the model again."
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")


def refuse_not_finite(name: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Check that weights are finite numbers.

    Raises:
        ModelError: Some are not: the run that wrote them has diverged, or the file is damaged.
    """
    with torch.inference_mode():
        broken = [
            key
            for key, tensor in weights.items()
            if tensor.is_floating_point() and not tensor.sum(dtype=torch.float32).isfinite()
        ]
    if broken:
        raise ModelError(
            f"{name}: {len(broken)} of {len(weights)} weights hold values that are no finite numbers "
            f"({_some(broken)}). Train again with a lower --lr, or take another checkpoint."
        )


def commit_of(name: str, folder: Path) -> str | None:
    """The commit that a Hub id was fetched at; None for a folder."""
    return None if Path(name).expanduser().is_dir() else folder.name


def hub_reason(error: Exception) -> str:
    """Why a repository did not come, in one line."""
    if isinstance(error, LocalEntryNotFoundError):
        return "the Hub does not answer, and it is not in the cache"
    return (str(error).splitlines() or [type(error).__name__])[0]


def why_not_loaded(name: str, error: Exception, others: str) -> str:
    """A message for the user.

    Args:
        name: What was typed.
        error: What loading it raised.
        others: What else can be typed, as in ``a Hub id such as openai/clip-vit-base-patch32, or tiny``.
    """
    reason = hub_reason(error)
    if Path(name).expanduser().is_dir():
        return f"{name}: no model that can be loaded ({reason})"
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return (
            f"{name}: neither a folder here nor a model that the Hub gave ({reason}). "
            f"Check the spelling and the connection, or give {others}."
        )
    return f"{name}: no such model folder. Give a folder, {others}."

"""Checkpoints: ``save_pretrained`` folders, written whole or not at all, safetensors only.

``full`` writes a model (``config.json``); ``lora`` and ``clip-adapter`` write an adapter
(``adapter_config.json``) that names its base. Both carry ``class_texts.json``, the classes and the texts
that stand for them, so that a checkpoint alone can predict.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from peft import PeftModel
from safetensors.torch import load_file, save_file

from steeldefectx.errors import ModelError
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.clip import TINY, Clip, load_clip

MODEL_CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
CLASS_TEXTS = "class_texts.json"
CLIP_ADAPTER = "CLIP_ADAPTER"
BASE = "base"
"""Folder inside a checkpoint for a base that has no other home: ``tiny``."""


def save_checkpoint(clip: Clip, classes: dict[str, list[str]], folder: Path) -> None:
    """Write a checkpoint into ``folder``, beside whatever else it holds.

    All is written to a temporary folder first. The configuration file, without which nothing loads, is taken
    away before the first file is moved and put in place after the last, so a run killed at any moment leaves
    the old checkpoint, the new one, or none.

    Args:
        clip: The trained model.
        classes: Class name -> the texts it is recognized by.
        folder: Output folder; made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".checkpoint-", dir=folder))
    try:
        _write(clip, temporary)
        (temporary / CLASS_TEXTS).write_text(json.dumps(classes, indent=1, ensure_ascii=False), "utf-8")
        for name in (MODEL_CONFIG, ADAPTER_CONFIG):
            (folder / name).unlink(missing_ok=True)
        for entry in sorted(temporary.iterdir(), key=lambda e: e.name in (MODEL_CONFIG, ADAPTER_CONFIG)):
            if entry.is_dir():
                shutil.rmtree(folder / entry.name, ignore_errors=True)
            entry.rename(folder / entry.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(clip: Clip, folder: Path) -> None:
    if isinstance(clip.model, PeftModel):
        clip.model.save_pretrained(str(folder), safe_serialization=True)
        settings = json.loads((folder / ADAPTER_CONFIG).read_text())
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty card
    elif clip.adapter is not None:
        save_file({k: v.contiguous() for k, v in clip.adapter.state_dict().items()}, folder / ADAPTER_WEIGHTS)
        width = clip.adapter.bottleneck[0].in_features
        shape = {"width": width, "ratio": clip.adapter.ratio, "reduction": clip.adapter.reduction}
        settings = {"peft_type": CLIP_ADAPTER, **shape}
    else:
        _write_model(clip, folder)
        return
    settings["base_model_name_or_path"] = BASE if clip.name == TINY else _lasting_name(clip.name)
    (folder / ADAPTER_CONFIG).write_text(json.dumps(settings, indent=2, sort_keys=True))
    if clip.name == TINY:
        _write_model(load_clip(TINY), folder / BASE)


def _write_model(clip: Clip, folder: Path) -> None:
    for part in (clip.model, clip.tokenizer, clip.image_processor):
        part.save_pretrained(str(folder))


def _lasting_name(name: str) -> str:
    """A folder as an absolute path, a Hub id as it is."""
    path = Path(name).expanduser()
    return str(path.resolve()) if path.is_dir() else name


def load_checkpoint(name: str) -> tuple[Clip, dict[str, list[str]] | None]:
    """Load what :func:`save_checkpoint` wrote, or any CLIP.

    Args:
        name: Folder, Hub id, or ``tiny``.

    Returns:
        The model in evaluation mode, and its classes with their texts (None for a model that has none).

    Raises:
        ModelError: Nothing there, a half-written checkpoint, or weights that are no safetensors.
    """
    if name == TINY:
        return load_clip(name), None
    folder = _folder(name)
    classes = None
    if (folder / CLASS_TEXTS).is_file():
        classes = json.loads((folder / CLASS_TEXTS).read_text("utf-8"))
    if not (folder / ADAPTER_CONFIG).is_file():
        if not (folder / MODEL_CONFIG).is_file():
            raise ModelError(
                f"{name}: no checkpoint ({MODEL_CONFIG} or {ADAPTER_CONFIG} is missing); "
                "the run that writes it has not finished."
            )
        clip = load_clip(str(folder))
        clip.name = name
        return clip, classes
    return _load_adapter(folder), classes


def _load_adapter(folder: Path) -> Clip:
    settings = json.loads((folder / ADAPTER_CONFIG).read_text())
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelError(f"{folder}: {ADAPTER_WEIGHTS} is missing; other formats are not loaded.")
    base = settings["base_model_name_or_path"]
    clip = load_clip(str(folder / BASE) if base == BASE else base)
    if settings["peft_type"] == CLIP_ADAPTER:
        clip.adapter = ClipAdapter(settings["width"], settings["ratio"], settings["reduction"])
        clip.adapter.load_state_dict(load_file(folder / ADAPTER_WEIGHTS))
        clip.adapter.eval()
    else:
        clip.model = PeftModel.from_pretrained(clip.model, str(folder)).eval()
    return clip


def _folder(name: str) -> Path:
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"{name}: no such checkpoint folder.")
    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.txt"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{name}: neither a folder nor a repository that the Hub gave ({reason}).") from error

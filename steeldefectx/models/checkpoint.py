"""Checkpoints: ``save_pretrained`` folders, written whole or not at all, safetensors only.

``full`` and ``classifier`` write a model (``config.json``); every other method an adapter (``adapter_config.json``,
``adapter_model.safetensors``) that names its base and the base's commit. A CLIP-Adapter behind towers with PEFT
weights has a folder of its own, so that the folder around it is PEFT's and loads by ``PeftModel.from_pretrained``.
All carry the classes, so that a checkpoint alone can predict: an image classifier in its configuration (``id2label``),
others with the texts that stand for them, in ``class_texts.json``.

A checkpoint may come from anyone: what is read is checked, see :mod:`steeldefectx.models.loading`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import nn

from steeldefectx.errors import ModelError
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.clip import EMBEDDED_FOLDER, Clip, feature_width, load_clip
from steeldefectx.models.image_classifier import ImageClassifier, label_problem, load_classifier
from steeldefectx.models.loading import (
    ADAPTER_CONFIG,
    HUB_ERRORS,
    LOADING_ERRORS,
    check_folder,
    commit_of,
    fetch,
    hub_reason,
    quietly,
    read_object,
    refuse_not_finite,
)
from steeldefectx.models.names import BUILT_IN, EMBEDDED, TINY, refuse_misspelt
from steeldefectx.models.peft_adapters import MERGED

MODEL_CONFIG = "config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
CLASS_TEXTS = "class_texts.json"
PEFT_TYPE_CLIP_ADAPTER = "CLIP_ADAPTER"
"""``peft_type`` of a CLIP-Adapter in ``adapter_config.json``; the method's name is ``clip-adapter``."""
BASE = "base"
"""Folder inside a checkpoint for a base that has no lasting home: a built-in one, or merged towers."""
STACKED = "clip_adapter"
"""Folder inside a checkpoint for a CLIP-Adapter behind towers that have an adapter themselves."""


def save_checkpoint(model: Clip | ImageClassifier, classes: dict[str, list[str]] | None, folder: Path) -> None:
    """Write a checkpoint into ``folder``, beside whatever else it holds.

    All is written to a temporary folder first. The configuration file, without which nothing loads, is taken
    away before the first file is moved and put in place after the last, so a run killed at any moment leaves
    the old checkpoint, the new one, or none.

    Args:
        model: The trained model.
        classes: Class name -> the texts it is recognized by; None for an image classifier.
        folder: Output folder; made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".checkpoint-", dir=folder))
    try:
        if isinstance(model, ImageClassifier):
            _write_model((model.model, model.image_processor), temporary)
        else:
            _write(model, temporary)
        if classes is not None:
            (temporary / CLASS_TEXTS).write_text(json.dumps(classes, indent=1, ensure_ascii=False), "utf-8")
        for name in (MODEL_CONFIG, ADAPTER_CONFIG, CLASS_TEXTS):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / STACKED, ignore_errors=True)  # of an earlier checkpoint, beside PEFT's of this one
        for entry in sorted(temporary.iterdir(), key=lambda e: e.name in (MODEL_CONFIG, ADAPTER_CONFIG)):
            if entry.is_dir():
                shutil.rmtree(folder / entry.name, ignore_errors=True)
            entry.rename(folder / entry.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(clip: Clip, folder: Path) -> None:
    has_adapter = clip.adapter is not None or clip.text_adapter is not None
    if not has_adapter and not isinstance(clip.model, PeftModel):
        save_model(clip, folder)
        return
    if isinstance(clip.model, PeftModel):
        with quietly():
            clip.model.save_pretrained(str(folder), safe_serialization=True)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty card
        _write_settings(clip, folder, json.loads((folder / ADAPTER_CONFIG).read_text()))
        if has_adapter:
            _write_clip_adapter(clip, folder / STACKED)
    else:
        _write_clip_adapter(clip, folder)
    if clip.name in (*BUILT_IN, MERGED):
        save_model(load_clip(clip.name) if clip.name in BUILT_IN else clip, folder / BASE)


def _write_clip_adapter(clip: Clip, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    sides = {side: adapter for side, adapter in (("image", clip.adapter), ("text", clip.text_adapter)) if adapter}
    weights = {key: value.contiguous() for key, value in nn.ModuleDict(sides).state_dict().items()}
    save_file(weights, folder / ADAPTER_WEIGHTS)
    first = next(iter(sides.values()))
    shape = {"width": first.width, "ratio": first.ratio, "reduction": first.reduction}
    _write_settings(clip, folder, {"peft_type": PEFT_TYPE_CLIP_ADAPTER, "adapter_on": list(sides), **shape})


def _write_settings(clip: Clip, folder: Path, settings: dict[str, Any]) -> None:
    """``adapter_config.json`` with the base in it: where it is, and for one of the Hub at which commit."""
    settings["base_model_name_or_path"] = BASE if clip.name in (*BUILT_IN, MERGED) else _lasting_name(clip.name)
    settings["revision"] = clip.revision
    (folder / ADAPTER_CONFIG).write_text(json.dumps(settings, indent=2, sort_keys=True))


def save_model(clip: Clip, folder: Path) -> None:
    """Write plain towers with their tokenizer and image processor, in the form that ``from_pretrained`` reads."""
    _write_model((clip.model, clip.tokenizer, clip.image_processor), folder)


def _write_model(parts: tuple[Any, ...], folder: Path) -> None:
    with quietly():
        for part in parts:
            part.save_pretrained(str(folder))


def _lasting_name(name: str) -> str:
    """A folder as an absolute path, a Hub id as it is."""
    path = Path(name).expanduser()
    return str(path.resolve()) if path.is_dir() else name


def load_checkpoint(name: str) -> tuple[Clip | ImageClassifier, dict[str, list[str]] | None]:
    """Load what :func:`save_checkpoint` wrote, or any CLIP or image classifier.

    Args:
        name: Folder, Hub id, ``embedded`` or ``tiny``.

    Returns:
        The model in evaluation mode, and its classes with their texts: None for a CLIP that has none, without texts
        for an image classifier.

    Raises:
        ModelError: Nothing there, a half-written checkpoint, weights that are no safetensors, a label map that does
            not fit, or anything that leads out of the folder.
    """
    if name == TINY:
        return load_clip(name), None
    folder = checkpoint_folder(name)
    classes = _class_texts(folder / CLASS_TEXTS)
    if (folder / ADAPTER_CONFIG).is_file():
        return _load_adapter(folder, from_hub=not Path(name).expanduser().is_dir()), classes
    if not (folder / MODEL_CONFIG).is_file():
        raise ModelError(
            f"{name}: no checkpoint ({MODEL_CONFIG} or {ADAPTER_CONFIG} is missing); "
            "the run that writes it has not finished."
        )
    model: Clip | ImageClassifier
    model = load_classifier(str(folder)) if _is_classifier(folder) else load_clip(str(folder))
    model.name, model.revision = name, None if name == EMBEDDED else commit_of(name, folder)
    if isinstance(model, ImageClassifier):
        if classes is not None and list(classes) != model.classes:
            raise ModelError(f"{folder}: {CLASS_TEXTS} and {MODEL_CONFIG} (id2label) name different classes.")
        classes = {label: [] for label in model.classes}
    return model, classes


def checkpoint_folder(name: str) -> Path:
    """The folder of a checkpoint, downloaded for a Hub id.

    Raises:
        ModelError: Nothing there, or a folder that leads out of itself.
    """
    if name == EMBEDDED:
        return EMBEDDED_FOLDER
    refuse_misspelt(name)
    try:
        return fetch(name)
    except HUB_ERRORS as error:
        reason = hub_reason(error)
        raise ModelError(f"{name}: neither a folder nor a repository that the Hub gave ({reason}).") from error


def _class_texts(file: Path) -> dict[str, list[str]] | None:
    """The classes with their texts, if they are there; JSON itself would take the last of two with the same name."""
    if not file.is_file():
        return None
    try:
        pairs = json.loads(file.read_text("utf-8"), object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: no JSON ({error}). Save the checkpoint again.") from error
    if not isinstance(pairs, tuple):
        raise ModelError(f"{file}: no label map: class names with their texts are needed. Save the checkpoint again.")
    problem = label_problem([name for name, _ in pairs])
    for name, texts in pairs:
        if not (isinstance(texts, list) and texts and all(isinstance(text, str) and text.strip() for text in texts)):
            problem = problem or f"{name!r} has no list of texts"
    if problem:
        raise ModelError(f"{file}: the label map cannot be used: {problem}. Save the checkpoint again.")
    return dict(pairs)


def _is_classifier(folder: Path) -> bool:
    """Whether ``config.json`` names an architecture for image classification."""
    architectures = read_object(folder / MODEL_CONFIG).get("architectures")
    return isinstance(architectures, list) and any(str(n).endswith("ForImageClassification") for n in architectures)


def _load_adapter(folder: Path, *, from_hub: bool) -> Clip:
    settings = _settings(folder)
    clip = load_clip(_base(folder, settings, from_hub=from_hub), settings.get("revision"))
    if settings["peft_type"] == PEFT_TYPE_CLIP_ADAPTER:
        _load_clip_adapter(clip, folder, settings)
        return clip
    try:
        with quietly():
            clip.model = PeftModel.from_pretrained(clip.model, str(folder)).eval()
        expected = get_peft_model_state_dict(clip.model, save_embedding_layers=False).keys()
        weights = load_file(folder / ADAPTER_WEIGHTS)
        unfilled = expected ^ weights.keys()
    except LOADING_ERRORS as error:
        raise _does_not_fit(folder, clip, str(error)) from error
    if unfilled:
        raise _does_not_fit(folder, clip, f"{len(unfilled)} weights are in one of them only, as {min(unfilled)}")
    refuse_not_finite(str(folder), weights)
    if (folder / STACKED).is_dir():
        check_folder(folder / STACKED)
        _load_clip_adapter(clip, folder / STACKED, _settings(folder / STACKED))
    return clip


def _base(folder: Path, settings: dict[str, Any], *, from_hub: bool) -> str:
    """Where an adapter's base is: in its folder, on the Hub, or in a folder of this machine, for one made here."""
    file, base = folder / ADAPTER_CONFIG, settings.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(f"{file}: base_model_name_or_path is missing; put the base model's id there.")
    if base == BASE:
        return str(folder / BASE)
    if Path(base).is_absolute() and not from_hub:
        return base
    try:
        validate_repo_id(base)
    except HFValidationError as error:
        raise ModelError(
            f"{file}: its base is {base!r}, which leads out of the folder. A checkpoint of the Hub names its base by "
            f"Hub id, or brings it in {BASE}/; one of this machine may give an absolute path too."
        ) from error
    return base


def _settings(folder: Path) -> dict[str, Any]:
    """What ``adapter_config.json`` says, once the weights are seen to be there."""
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelError(f"{folder}: {ADAPTER_WEIGHTS} is missing; other formats are not loaded.")
    settings = read_object(folder / ADAPTER_CONFIG)
    if not isinstance(settings.get("peft_type"), str) or not isinstance(settings.get("revision"), str | None):
        raise ModelError(f"{folder / ADAPTER_CONFIG}: not an adapter's configuration; save the adapter again.")
    if settings.get("adapters"):  # X-LoRA's
        raise ModelError(f"{folder / ADAPTER_CONFIG}: made of other adapters elsewhere, which are not loaded.")
    return settings


def _load_clip_adapter(clip: Clip, folder: Path, settings: dict[str, Any]) -> None:
    try:
        shape = settings["width"], settings["ratio"], settings["reduction"]
        sides = nn.ModuleDict({side: ClipAdapter(*shape) for side in settings["adapter_on"]}).eval()
        sides.load_state_dict(load_file(folder / ADAPTER_WEIGHTS))
    except LOADING_ERRORS as error:
        raise ModelError(f"{folder}: not a CLIP-Adapter that can be read ({error}); train it again.") from error
    refuse_not_finite(str(folder), sides.state_dict())
    if (width := feature_width(clip)) != settings["width"]:
        raise _does_not_fit(folder, clip, f"features {width} wide for an adapter {settings['width']} wide")
    parts = dict(sides.items())
    clip.adapter, clip.text_adapter = parts.get("image"), parts.get("text")  # type: ignore[assignment]


def _does_not_fit(folder: Path, clip: Clip, reason: str) -> ModelError:
    return ModelError(
        f"{folder}: the adapter does not fit its base {clip.name} ({' '.join(reason.split())[:300]}). "
        f"Name the model it was trained on in {ADAPTER_CONFIG}, base_model_name_or_path and revision."
    )

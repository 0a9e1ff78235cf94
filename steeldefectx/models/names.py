"""Names that flags have for models and methods, and what stands behind them. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from steeldefectx.errors import ModelError

TINY = "tiny"
EMBEDDED = "embedded"
BUILT_IN = (TINY, EMBEDDED)
"""Models that come with the package, which another version of it may have others of."""
CLIP_ADAPTER = "clip-adapter"
CLASSIFIER = "classifier"
BACKBONES: dict[str, tuple[str, dict[str, Any]]] = {
    "shufflenet-v2": ("shufflenet-v2", {}),
    "resnet-18": ("resnet", {"layer_type": "basic", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512]}),
    "resnet-34": ("resnet", {"layer_type": "basic", "depths": [3, 4, 6, 3], "hidden_sizes": [64, 128, 256, 512]}),
    "resnet-50": ("resnet", {"depths": [3, 4, 6, 3]}),
    "resnet-101": ("resnet", {"depths": [3, 4, 23, 3]}),
    "vit-base-16": ("vit", {}),
    "convnext-tiny": ("convnext", {}),
}
"""Name -> model type in ``transformers``, and what of its configuration differs from the default."""


def refuse_misspelt(name: str, what: str = "checkpoint") -> None:
    """See that a name is a folder, a built-in model, or can be a Hub id, before anyone is asked for it.

    A Hub id is OWNER/NAME. What has no owner, begins as a path does, or lies in a folder that is here, is a path.

    Raises:
        ModelError: It can be none of these. Names that are near are named.
    """
    path = Path(name).expanduser()
    if name in (*BUILT_IN, *BACKBONES) or path.is_dir():
        return
    if path.exists():
        raise ModelError(f"{name}: a file; a {what} is a folder.")
    is_path = name.startswith((".", "/", "~")) or name.count("/") != 1 or path.parent.is_dir()
    if not is_path and not name.endswith("/"):
        return
    parent = next((folder for folder in path.parents if folder.is_dir()), Path())
    here = sorted(entry.name for entry in parent.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    rest = path.relative_to(parent).parts[0] if parent in path.parents else path.name
    near = [] if "/" in name else get_close_matches(name, BUILT_IN, 1)
    near += [str(parent / other) for other in get_close_matches(rest, here, 2)]
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Give a folder, a Hub id (OWNER/NAME), or {EMBEDDED}."
    raise ModelError(f"{name}: no such {what} folder. {hint}")


@dataclass(frozen=True)
class PeftMethod:
    """One method of the PEFT library."""

    config: str
    """Name of its configuration class in ``peft``."""
    layers: tuple[str, ...]
    """Regular expressions for the ends of layers' names; of each tower, those of the first that any layer has."""
    fixed: dict[str, Any] = field(default_factory=dict)
    """Settings of the configuration class that make it this method."""
    flags: dict[str, str] = field(default_factory=dict)
    """Settings of the configuration class -> the training setting that decides them."""


_LORA_FLAGS = {"r": "lora_rank", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout"}
_QKV = (r"self_attn\.[qkv]_proj", "convolution")
PEFT_METHODS = {
    # On q, k and v as CLIP-LoRA (Zanella & Ben Ayed 2024); a tower without attention has its convolutions.
    "lora": PeftMethod("LoraConfig", _QKV, flags=_LORA_FLAGS),
    # Weight-decomposed LoRA (Liu et al. 2024): a trained length for each weight column besides.
    "dora": PeftMethod("LoraConfig", _QKV, {"use_dora": True}, _LORA_FLAGS),
    # Keys, values and the MLP's hidden activations scaled (Liu et al. 2022); fc2's input is those activations.
    "ia3": PeftMethod(
        "IA3Config", (r"self_attn\.[kv]_proj|mlp\.fc2", "convolution"), {"feedforward_modules": r".*\.mlp\.fc2"}
    ),
    # Scales and shifts of all normalization layers (Zhao et al. 2023); in a convolutional tower, of batch norms.
    "ln-tuning": PeftMethod("LNTuningConfig", (r"\w*norm\w*",)),
}

"""Names that flags have for models and methods, and what stands behind them. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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

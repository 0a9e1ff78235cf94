"""PEFT's methods by the name that ``--method`` has for them: what each goes on. Free of torch, for the flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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

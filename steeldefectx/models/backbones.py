"""Image classifiers that are made here with random weights, by the name that ``--model`` has for them.

Free of torch, for the flags.
"""

from __future__ import annotations

from typing import Any

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

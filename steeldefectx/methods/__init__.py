"""Few-shot methods by name: each adapts a model to a few images of each class, see :mod:`.interface`."""

from __future__ import annotations

from collections.abc import Callable

from steeldefectx.methods import clip_lora, coop
from steeldefectx.methods.interface import Predictor, Task

ENCODER_METHODS: dict[str, Callable[[Task], Predictor]] = {"coop": coop.fit, "clip-lora": clip_lora.fit}
"""Methods that send gradients through a tower."""
METHODS = {**ENCODER_METHODS}

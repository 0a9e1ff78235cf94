"""PEFT's adapters, trained inside the towers: put on, merged into the weights, taken off."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import peft
from torch import nn

from steeldefectx.errors import ConfigError
from steeldefectx.models.clip import Clip
from steeldefectx.models.loading import quietly
from steeldefectx.models.names import PEFT_METHODS

TOWERS = {"image": "vision_model", "text": "text_model"}
"""The towers' names in CLIP, SigLIP and SteelCLIP."""
MERGED = "(merged)"
"""``Clip.name`` of towers that are nowhere but in memory."""


def add_peft(clip: Clip, method: str, towers: str, settings: Mapping[str, Any]) -> None:
    """Freeze a model and put a PEFT method's weights into its towers.

    Args:
        clip: The model; its ``model`` is wrapped.
        method: Name in ``PEFT_METHODS``.
        towers: ``image``, ``text`` or ``both``.
        settings: Training settings by name; those that the method's ``flags`` name are read.

    Raises:
        ConfigError: A tower has no layer that the method could go on.
    """
    kind = PEFT_METHODS[method]
    chosen = TOWERS if towers == "both" else {towers: TOWERS[towers]}
    targets = [_targets(clip, method, name, module) for name, module in chosen.items()]
    flags = {theirs: settings[ours] for theirs, ours in kind.flags.items()}
    config = getattr(peft, kind.config)(target_modules="|".join(targets), **kind.fixed, **flags)
    with quietly():
        clip.model = peft.get_peft_model(clip.model, config)


def _targets(clip: Clip, method: str, tower: str, module: str) -> str:
    """Regular expression for the names of a tower's layers that a method goes on."""
    names = [name for name, _ in clip.model.named_modules()]
    for ends in PEFT_METHODS[method].layers:
        pattern = rf"{module}\.(?:.*\.)?(?:{ends})"
        if any(re.fullmatch(pattern, name) for name in names):
            return pattern
    raise ConfigError(
        f"{clip.name}: its {tower} tower has no layers that {method} goes on "
        f"({' or '.join(PEFT_METHODS[method].layers)}). Choose other --towers or another --method."
    )


def keep_batch_statistics(module: nn.Module) -> None:
    """Put batch norms into evaluation mode: they use and keep the base's statistics, which no adapter's file holds."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()


def merge(clip: Clip) -> Clip:
    """The same model with plain towers: PEFT's weights added to those they adapt.

    A CLIP-Adapter stays what it is, a part behind a tower. ``clip`` itself is not changed.
    """
    if not isinstance(clip.model, peft.PeftModel):
        return clip
    return replace(clip, model=copy.deepcopy(clip.model).merge_and_unload(), name=MERGED, revision=None)


def unload(clip: Clip) -> Clip:
    """The base model as it was before any adapter, bit for bit. ``clip`` itself is not changed."""
    model = clip.model
    if isinstance(model, peft.PeftModel):
        model = copy.deepcopy(model).unload()
    return replace(clip, model=model, adapter=None, text_adapter=None)

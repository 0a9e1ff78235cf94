"""Few-shot methods: each adapts a model to a few images of each class, see :mod:`.interface`.

To add one, write its file and name it here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from steeldefectx.errors import ConfigError

if TYPE_CHECKING:
    from steeldefectx.methods.interface import Predictor, Task

FEATURE_METHODS = {
    "zero-shot": "zero_shot:fit",
    "logistic-regression": "logistic_regression:fit",
    "linear-probe": "linear_probe:fit",
    "clip-adapter": "clip_adapter:fit",
    "tip-adapter": "tip_adapter:fit_tip_adapter",
    "tip-adapter-f": "tip_adapter:fit_tip_adapter_f",
    "lp++": "lp_plus_plus:fit",
    "cross-modal": "cross_modal:fit",
    "gaussian": "gaussian:fit",
}
"""Methods that work on features of frozen towers: name -> module and function."""
ENCODER_METHODS = {
    "coop": "coop:fit",
    "clip-lora": "clip_lora:fit",
    "full-rank": "full_rank:fit",
}
"""Methods that send gradients through a tower."""
METHODS = FEATURE_METHODS | ENCODER_METHODS


def load_method(name: str) -> Callable[[Task], Predictor]:
    """A method's ``fit``.

    Raises:
        ConfigError: There is none of this name.
    """
    if name not in METHODS:
        raise ConfigError(f"few-shot method {name!r}: choose one of {', '.join(METHODS)}.")
    module, function = METHODS[name].split(":")
    fit: Callable[[Task], Predictor] = getattr(import_module(f"{__name__}.{module}"), function)
    return fit

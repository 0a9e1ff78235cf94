"""Few-shot methods: each adapts a model to a few images of each class, see :mod:`.interface`.

To add one, write its file and name it here. A method outside the package is named ``FILE.py:FUNCTION``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
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

    Args:
        name: A name in ``METHODS``, or ``FILE.py:FUNCTION`` for one outside the package.

    Raises:
        ConfigError: There is none of this name.
    """
    path, _, function = name.rpartition(":")
    if path.endswith(".py"):
        return _load_from_file(Path(path).expanduser(), function)
    if name not in METHODS:
        raise ConfigError(f"few-shot method {name!r}: choose one of {', '.join(METHODS)}, or name FILE.py:FUNCTION.")
    module, function = METHODS[name].split(":")
    fit: Callable[[Task], Predictor] = getattr(import_module(f"{__name__}.{module}"), function)
    return fit


def _load_from_file(file: Path, function: str) -> Callable[[Task], Predictor]:
    spec = spec_from_file_location(file.stem, file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise ConfigError(f"few-shot method {file}:{function}: there is no such file.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    fit: Callable[[Task], Predictor] | None = getattr(module, function, None)
    if fit is None:
        raise ConfigError(f"few-shot method {file}:{function}: the file has no function {function}.")
    return fit

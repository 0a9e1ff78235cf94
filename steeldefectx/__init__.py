"""SteelDefectX: steel-surface-defect images with texts on four levels, and what is trained on them.

Importing this package makes ``datasets.load_dataset("steeldefectx")`` work, and ``transformers``' Auto classes and
pipelines open its checkpoints. It imports none of the two: they are told once they are imported. The public names
below are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from steeldefectx.errors import AnnotationError, ConfigError, DataError, ModelError, SteelDefectXError
from steeldefectx.utils.after_import import after_import

if TYPE_CHECKING:
    from steeldefectx import metrics
    from steeldefectx.data.builder import load_dataset
    from steeldefectx.hub.dataset import push_dataset
    from steeldefectx.hub.model import push_model
    from steeldefectx.inference.classifier import Prediction, SteelDefectClassifier
    from steeldefectx.inference.localize.inspector import Inspection, SteelDefectInspector

__version__ = "0.1.0"

__all__ = [
    "AnnotationError",
    "ConfigError",
    "DataError",
    "Inspection",
    "ModelError",
    "Prediction",
    "SteelDefectClassifier",
    "SteelDefectInspector",
    "SteelDefectXError",
    "load_dataset",
    "metrics",
    "push_dataset",
    "push_model",
]

_LAZY = {
    "Inspection": "steeldefectx.inference.localize.inspector",
    "Prediction": "steeldefectx.inference.classifier",
    "SteelDefectClassifier": "steeldefectx.inference.classifier",
    "SteelDefectInspector": "steeldefectx.inference.localize.inspector",
    "load_dataset": "steeldefectx.data.builder",
    "push_dataset": "steeldefectx.hub.dataset",
    "push_model": "steeldefectx.hub.model",
}
"""Public name -> the module it is in."""


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("steeldefectx.metrics")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _call(module: str, function: str) -> Any:
    return lambda: getattr(import_module(module), function)()


after_import("datasets", _call("steeldefectx.data.registration", "register"))
after_import("transformers.models.auto.modeling_auto", _call("steeldefectx.models.auto_classes", "register_models"))
after_import(
    "transformers.models.auto.processing_auto", _call("steeldefectx.models.auto_classes", "register_processor")
)

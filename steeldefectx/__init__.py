"""SteelDefectX: steel-surface-defect images with texts on four levels, and what is trained on them.

Importing this package makes ``datasets.load_dataset("steeldefectx")`` work. The public names below are
loaded when they are first used, so that the import stays as fast as that of ``datasets``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from steeldefectx.data.registration import register

if TYPE_CHECKING:
    from steeldefectx.data.builder import load_dataset
    from steeldefectx.inference.classifier import SteelDefectClassifier

__version__ = "0.1.0"

_LAZY = {
    "load_dataset": "steeldefectx.data.builder",
    "SteelDefectClassifier": "steeldefectx.inference.classifier",
}
__all__ = ["SteelDefectClassifier", "load_dataset"]

register()


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])

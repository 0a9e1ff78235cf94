"""What every few-shot method takes and gives.

A method is a function ``fit(task) -> Predictor``. The task holds a few training images with their labels, maybe some
more of the training split to choose settings by, and the classes' texts. It holds no test image: those come
later, without labels, to the predictor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from steeldefectx.errors import ConfigError

if TYPE_CHECKING:  # a method on features needs no transformers
    from _typeshed import DataclassInstance

    from steeldefectx.models.clip import Clip

Config = TypeVar("Config", bound="DataclassInstance")
"""A method's frozen dataclass of settings, with their defaults."""


@dataclass(frozen=True)
class Images:
    """N images, without labels."""

    features: torch.Tensor
    """(N, D) float32 features of the frozen image tower, not normalized."""
    pixels: Callable[[torch.Tensor], torch.Tensor] | None = None
    """Positions (n,) int64 -> uint8 (n, C, H, W), C 1 or 3, for methods that train towers; None: there are none."""

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class Examples:
    """N images with what is known of them."""

    images: Images
    labels: torch.Tensor
    """(N,) int64, 0..C-1."""
    views: torch.Tensor
    """(V, N, D) float32 features of V varied views of each image; V is 0 where there are none."""
    texts: torch.Tensor | None = None
    """(N, D) float32 features of each image's own text (T2, T3), not normalized; None at class level (T0, T1)."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Classes:
    """C classes with the texts that stand for them."""

    names: list[str]
    texts: list[list[str]]
    """Texts of each class."""
    embeddings: torch.Tensor
    """(C, D) unit-length: of each class the mean over its texts. With them alone, a model is zero-shot."""


@dataclass(frozen=True)
class Task:
    """What a method may learn from."""

    shots: Examples
    validation: Examples | None
    """Other images of the training split, to choose settings by. None: the method takes its defaults."""
    classes: Classes
    logit_scale: float
    """Factor on cosines, as the model has learnt it (about 100 for CLIP)."""
    seed: int
    clip: Clip | None = None
    """The model, for methods that train inside its towers. They work on a copy."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The method's settings that are not to be its defaults, by name; see :func:`override`."""


@dataclass(frozen=True)
class Predictor:
    """A fitted method."""

    logits: Callable[[Images], torch.Tensor]
    """N images -> (N, C) float32."""
    chosen: dict[str, Any] = field(default_factory=dict)
    """Settings that were chosen on validation images, or the defaults that were taken."""


def override(defaults: Config, task: Task) -> Config:
    """A method's settings: its defaults, but for those that the task names.

    Args:
        defaults: A dataclass of settings.
        task: Its ``settings`` are taken.

    Raises:
        ConfigError: A name that the method does not have.
    """
    known = [item.name for item in fields(defaults)]
    unknown = [name for name in task.settings if name not in known]
    if unknown:
        raise ConfigError(f"The method has no setting {', '.join(unknown)}. It has: {', '.join(known)}.")
    return replace(defaults, **task.settings)

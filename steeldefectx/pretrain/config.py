"""Settings of pretraining; the defaults are the recipe of the first run of the model that ships."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from steeldefectx.errors import ConfigError
from steeldefectx.models.from_scratch import Sizes
from steeldefectx.taxonomy import CLASS_NAMES
from steeldefectx.training.config import PRECISIONS
from steeldefectx.utils.flag_fields import setting


@dataclass
class PretrainConfig:
    """Flags of ``steeldefectx pretrain``."""

    out: str = setting("runs/pretrain", "Folder of the run: log, snapshot and model.")
    images: int = setting(500_000, "Rendered images to learn from, each seen once.")
    batch_size: int = setting(128, "Images a step.")
    lr: float = setting(1.5e-3, "Highest learning rate; it falls to 0 by half a cosine.")
    warmup: float = setting(0.05, "Share of the steps in which the learning rate rises.")
    weight_decay: float = setting(0.05, "Of AdamW, on matrices.")
    ema: float = setting(0.999, "Decay of the average of the weights, which is what is kept.")
    described: float = setting(0.25, "Share of the images that are also told apart by their own T2 or T3 text.")
    t2: float = setting(0.25, "Share of these texts that are T2 instead of T3.")
    composed: float = setting(0.0, "Share of images that are composed of attributes; the others are of the 25 classes.")
    held_out: str = setting("", "Names that are left out, with commas between, to be known by description alone.")
    class_texts: str = setting("T0,T1", "Levels whose texts images are told apart by class.")
    renderer: str = setting("varied", "varied: any steel, any camera; sample: as the sample configuration.")
    precision: str = setting("auto", "fp32; bf16, twice as fast on processors that multiply it; auto: on GPUs.")
    seed: int = setting(0, "Of the stream of images and texts.")
    workers: int = setting(1, "Processes that render.")
    init: str = setting("", "Folder of an earlier model of the same towers to go on from, or embedded; else a new one.")
    resume: bool = setting(True, "Go on from the folder's snapshot, if there is one.")
    image_size: int = setting(128, "Pixels a side of the images.")
    image_widths: str = setting("40,80,160,320", "Channels of the image tower's stages, one residual block each.")
    text_width: int = setting(192, "Width of the text tower.")
    text_layers: int = setting(2, "Layers of the text tower.")
    projection: int = setting(256, "Width of the common embedding.")
    place: int = setting(0, "Channels that tell places in the image embedding; 0: the mean over the image alone.")
    dense: int = setting(0, "Channels of a map of local features, which learns masks too; 0: none.")

    def __post_init__(self) -> None:
        """Check.

        Raises:
            ConfigError: A setting that makes no sense.
        """
        if self.renderer not in ("varied", "sample"):
            raise ConfigError(f"renderer is varied or sample, not {self.renderer!r}.")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision is one of {', '.join(PRECISIONS)}, not {self.precision!r}.")
        if not self.levels or not set(self.levels) <= {"T0", "T1"}:
            raise ConfigError(f"class_texts names T0, T1 or both, not {self.class_texts!r}.")
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{item.name} has to be a finite number, not {value}.")
        for name in ("images", "batch_size", "image_size", "text_width", "text_layers", "projection"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} has to be 1 or more, not {getattr(self, name)}.")
        if min(self.place, self.dense) < 0:
            raise ConfigError("place and dense are numbers of channels, from 0.")
        for name in ("described", "t2", "warmup", "ema", "composed"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} has to be 0 to 1, not {getattr(self, name)}.")
        try:
            _ = self.sizes
        except ValueError as error:
            raise ConfigError(f"image_widths are numbers with commas between, not {self.image_widths!r}.") from error

    @property
    def levels(self) -> list[str]:
        """The levels of ``class_texts``."""
        return [level.strip() for level in self.class_texts.split(",") if level.strip()]

    @property
    def names_held_out(self) -> tuple[str, ...]:
        """The names of ``held_out``."""
        return tuple(name.strip() for name in self.held_out.split(",") if name.strip())

    @property
    def class_names(self) -> list[str]:
        """The classes of the taxonomy that take part."""
        return [name for name in CLASS_NAMES if name not in self.names_held_out]

    @property
    def composed_pairs(self) -> int:
        """Pairs of composed images a step."""
        return round(self.composed * self.batch_size / 2)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return max(1, self.images // self.batch_size)

    @property
    def sizes(self) -> Sizes:
        """Of the model."""
        return Sizes(
            image_size=self.image_size,
            image_widths=tuple(int(width) for width in self.image_widths.split(",")),
            text_width=self.text_width,
            text_layers=self.text_layers,
            projection=self.projection,
            place=self.place,
            dense=self.dense,
        )

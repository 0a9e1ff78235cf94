"""Settings of pretraining; the defaults are the recipe of the model that ships."""

from __future__ import annotations

from dataclasses import dataclass, field

from steeldefectx.errors import ConfigError
from steeldefectx.models.from_scratch import Sizes
from steeldefectx.training.config import PRECISIONS


@dataclass
class PretrainConfig:
    """Flags of ``steeldefectx pretrain``."""

    out: str = field(default="runs/pretrain", metadata={"help": "Folder of the run: log, snapshot and model."})
    images: int = field(default=500_000, metadata={"help": "Rendered images to learn from, each seen once."})
    batch_size: int = field(default=128, metadata={"help": "Images a step."})
    lr: float = field(default=1.5e-3, metadata={"help": "Highest learning rate; it falls to 0 by half a cosine."})
    warmup: float = field(default=0.05, metadata={"help": "Share of the steps in which the learning rate rises."})
    weight_decay: float = field(default=0.05, metadata={"help": "Of AdamW, on matrices."})
    ema: float = field(default=0.999, metadata={"help": "Decay of the average of the weights, which is what is kept."})
    described: float = field(
        default=0.25, metadata={"help": "Share of the images that are also told apart by their own T2 or T3 text."}
    )
    t2: float = field(default=0.25, metadata={"help": "Share of these texts that are T2 instead of T3."})
    class_texts: str = field(default="T0,T1", metadata={"help": "Levels whose texts images are told apart by class."})
    renderer: str = field(
        default="varied", metadata={"help": "varied: any steel, any camera; sample: as the sample configuration."}
    )
    precision: str = field(
        default="auto", metadata={"help": "fp32; bf16, twice as fast on processors that multiply it; auto: on GPUs."}
    )
    seed: int = field(default=0, metadata={"help": "Of the stream of images and texts."})
    workers: int = field(default=1, metadata={"help": "Processes that render."})
    resume: bool = field(default=True, metadata={"help": "Go on from the folder's snapshot, if there is one."})
    image_size: int = field(default=128, metadata={"help": "Pixels a side of the images."})
    image_widths: str = field(
        default="40,80,160,320", metadata={"help": "Channels of the image tower's stages, one residual block each."}
    )
    text_width: int = field(default=192, metadata={"help": "Width of the text tower."})
    text_layers: int = field(default=2, metadata={"help": "Layers of the text tower."})
    projection: int = field(default=256, metadata={"help": "Width of the common embedding."})

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
        for name in ("images", "batch_size", "image_size", "text_width", "text_layers", "projection"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} has to be 1 or more, not {getattr(self, name)}.")
        for name in ("described", "t2", "warmup", "ema"):
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
        )

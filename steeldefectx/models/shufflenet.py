"""ShuffleNetV2 (Ma et al. 2018), which ``transformers`` does not have, in its form.

Written for images that lie channels-last in memory: joining two branches and shuffling their channels is one copy.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForImageClassification, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import ImageClassifierOutput

WIDTHS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
"""Width multiplier -> channels of the three stages and of the last convolution (the paper's table 5)."""
STEM_WIDTH = 24
DEPTHS = (4, 8, 4)
"""Units of the three stages."""


class ShuffleNetV2Config(PreTrainedConfig):
    """Settings of :class:`ShuffleNetV2ForImageClassification`: the width multiplier, 0.5, 1.0, 1.5 or 2.0."""

    model_type = "shufflenet-v2"

    width: float = 1.0
    num_channels: int = 3

    def __post_init__(self, **kwargs: Any) -> None:
        if self.width not in WIDTHS:
            raise ValueError(f"width {self.width}: ShuffleNetV2 has {', '.join(map(str, WIDTHS))}.")
        super().__post_init__(**kwargs)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, *, relu: bool = True) -> list[nn.Module]:
    """A convolution with its batch norm."""
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return [*layers, nn.ReLU(inplace=True)] if relu else layers


def _depthwise(channels: int, stride: int) -> list[nn.Module]:
    """A 3x3 convolution of each channel by itself, with its batch norm."""
    return [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels)]


class ShuffleUnit(nn.Module):
    """The paper's figure 3: (c) with stride 1, where half of the channels pass as they are, (d) with stride 2."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        half = outputs // 2
        entering = half if stride == 1 else inputs
        self.branch = nn.Sequential(
            *_convolution(entering, half, 1), *_depthwise(half, stride), *_convolution(half, half, 1)
        )
        self.shortcut = (
            nn.Identity() if stride == 1 else nn.Sequential(*_depthwise(inputs, 2), *_convolution(inputs, half, 1))
        )
        self.stride = stride

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        kept, changed = images.chunk(2, dim=1) if self.stride == 1 else (images, images)
        return _joined(self.shortcut(kept), self.branch(changed))


def _joined(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Concatenate two (N, C, H, W) and shuffle their channels in two groups: channels of both in turn."""
    pairs = torch.stack((one.permute(0, 2, 3, 1), other.permute(0, 2, 3, 1)), dim=-1)
    return pairs.flatten(3).permute(0, 3, 1, 2)


class ShuffleNetV2ForImageClassification(PreTrainedModel):
    """ShuffleNetV2 with a linear head."""

    config: ShuffleNetV2Config
    config_class = ShuffleNetV2Config
    base_model_prefix = "shufflenet"
    main_input_name = "pixel_values"
    input_modalities = ("image",)

    def __init__(self, config: ShuffleNetV2Config):
        super().__init__(config)
        *stages, last = WIDTHS[config.width]
        self.stem = nn.Sequential(
            *_convolution(config.num_channels, STEM_WIDTH, 3, 2), nn.MaxPool2d(3, stride=2, padding=1)
        )
        units, entering = [], STEM_WIDTH
        for width, depth in zip(stages, DEPTHS, strict=True):
            units += [ShuffleUnit(width if n else entering, width, 1 if n else 2) for n in range(depth)]
            entering = width
        self.units = nn.Sequential(*units)
        self.last = nn.Sequential(*_convolution(entering, last, 1))
        self.classifier = nn.Linear(last, config.num_labels)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """As the authors do for the head; convolutions by their inputs (He et al. 2015)."""
        super()._init_weights(module)
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            init.normal_(module.weight, std=0.01)

    def forward(
        self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None, **_: Any
    ) -> ImageClassifierOutput:
        """Class logits (N, num_labels) of ``pixel_values`` (N, 3, H, W), with a loss where there are labels (N,).

        ``hidden_states`` holds the last feature map.
        """
        maps = self.last(self.units(self.stem(pixel_values)))
        logits = self.classifier(maps.mean(dim=(2, 3)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return ImageClassifierOutput(loss=loss, logits=logits, hidden_states=(maps,))


AutoConfig.register(ShuffleNetV2Config.model_type, ShuffleNetV2Config)
AutoModelForImageClassification.register(ShuffleNetV2Config, ShuffleNetV2ForImageClassification)

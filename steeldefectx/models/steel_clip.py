"""A small CLIP with a convolutional image tower, for steel.

Stock parts (a ``transformers`` ResNet and CLIP text tower) joined by two projections. Convolutions
because a vision transformer trained from scratch on a few thousand textures underfits; grey images
standardized one by one because lighting and exposure differ between plants and say nothing of the defect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForZeroShotImageClassification,
    CLIPTextConfig,
    CLIPTextModel,
    PreTrainedConfig,
    PreTrainedModel,
    ResNetConfig,
    ResNetModel,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils import ModelOutput

from steeldefectx.models.auto_classes import register_processor

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601, as Pillow's ``convert("L")``)."""
CONTRAST_FLOOR = 0.02
"""Added to an image's standard deviation (of values 0..1), so that a blank image stays blank."""


class SteelCLIPConfig(PreTrainedConfig):
    """Settings of :class:`SteelCLIPModel`: those of its two towers and the width they meet in."""

    model_type = "steel-clip"
    sub_configs = {"text_config": CLIPTextConfig, "vision_config": ResNetConfig}

    text_config: Any = None
    vision_config: Any = None
    projection_dim: int = 128
    logit_scale_init_value: float = 2.6592

    def __post_init__(self, **kwargs: Any) -> None:
        self.text_config = _tower(CLIPTextConfig, self.text_config)
        self.vision_config = _tower(ResNetConfig, self.vision_config)
        super().__post_init__(**kwargs)


def _tower(kind: Any, config: Any) -> Any:
    """A tower's configuration, from itself, from a dict (as JSON gives it) or from nothing (its defaults)."""
    return config if isinstance(config, PreTrainedConfig) else kind(**(config or {}))


@dataclass
class SteelCLIPOutput(ModelOutput):
    """What :meth:`SteelCLIPModel.forward` gives, named as in ``transformers``' CLIP."""

    logits_per_image: torch.Tensor | None = None
    logits_per_text: torch.Tensor | None = None
    text_embeds: torch.Tensor | None = None
    image_embeds: torch.Tensor | None = None


class SteelCLIPModel(PreTrainedModel):
    """ResNet image tower and CLIP text tower with a common embedding, used like ``CLIPModel``."""

    config: SteelCLIPConfig
    config_class = SteelCLIPConfig
    base_model_prefix = "steel_clip"
    input_modalities = ("image", "text")

    def __init__(self, config: SteelCLIPConfig):
        super().__init__(config)
        self.vision_model = ResNetModel(config.vision_config)
        self.text_model = CLIPTextModel(config.text_config)
        self.visual_projection = nn.Linear(config.vision_config.hidden_sizes[-1], config.projection_dim, bias=False)
        self.text_projection = nn.Linear(config.text_config.hidden_size, config.projection_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))
        self.post_init()

    def get_image_features(
        self, pixel_values: torch.Tensor, output_hidden_states: bool = False
    ) -> BaseModelOutputWithPooling:
        """Embed images: ``pixel_values`` (N, 3, H, W) in 0..1; ``.pooler_output`` (N, projection_dim).

        With ``output_hidden_states`` the feature maps of the stem and of each stage too.
        """
        grey = pixel_values.mul(pixel_values.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        deviation, mean = torch.std_mean(grey, dim=(1, 2, 3), keepdim=True)
        standardized = (grey - mean) / (deviation + CONTRAST_FLOOR)
        outputs = self.vision_model(standardized.to(self.dtype), output_hidden_states=output_hidden_states)
        return BaseModelOutputWithPooling(
            last_hidden_state=outputs.last_hidden_state,
            pooler_output=self.visual_projection(outputs.pooler_output.flatten(1)),
            hidden_states=outputs.hidden_states,
        )

    def get_text_features(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> BaseModelOutputWithPooling:
        """Embed token ids (N, L); ``.pooler_output`` (N, projection_dim)."""
        outputs = self.text_model(input_ids=input_ids, attention_mask=attention_mask)
        return BaseModelOutputWithPooling(
            last_hidden_state=outputs.last_hidden_state,
            pooler_output=self.text_projection(outputs.pooler_output),
        )

    def forward(
        self,
        input_ids: torch.Tensor,
        pixel_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
    ) -> SteelCLIPOutput:
        """Similarities of every image with every text, times the logit scale."""
        image = nn.functional.normalize(self.get_image_features(pixel_values).pooler_output, dim=-1)
        text = nn.functional.normalize(self.get_text_features(input_ids, attention_mask).pooler_output, dim=-1)
        logits = self.logit_scale.exp() * image @ text.T
        return SteelCLIPOutput(logits, logits.T, text, image)


AutoConfig.register(SteelCLIPConfig.model_type, SteelCLIPConfig)
AutoModel.register(SteelCLIPConfig, SteelCLIPModel)
AutoModelForZeroShotImageClassification.register(SteelCLIPConfig, SteelCLIPModel)
register_processor()

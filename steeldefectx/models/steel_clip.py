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
from steeldefectx.models.localizer import DefectLocalizer

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601, as Pillow's ``convert("L")``)."""
PLACE_GRID = 4
"""Cells a side of the grid that places are told by."""
SUMMARY_GRID, SUMMARY_WIDTH = 6, 256
"""Cells a side that the map of the defect is summed up in, and units that the summary passes through."""
SMALLEST_AREA = 1e-4
"""Share of the image below which the map of the defect is taken for empty."""
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
    place_dim: int = 0
    """Channels of the last feature map that the image embedding has for each cell of a 4 x 4 grid, beside the mean over
    all of it: the mean alone does not know where anything is. 0: the mean alone."""
    dense_dim: int = 0
    """Channels of the map of local features, a quarter of the image's side; 0: there is none."""
    localizer_width: int = 0
    """Channels of the localizer at the tower's finest stage, see :class:`~.localizer.DefectLocalizer`; 0: there is
    none."""

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


@dataclass
class DenseFeatures:
    """What :meth:`SteelCLIPModel.get_dense_features` gives for N images."""

    image: torch.Tensor
    """(N, projection_dim), as :meth:`SteelCLIPModel.get_image_features` gives."""
    local: torch.Tensor
    """(N, dense_dim, H / 4, W / 4) local features."""
    defect: torch.Tensor
    """(N, H / 4, W / 4) logits: whether there is anything but the surface."""
    marked: torch.Tensor | None = None
    """(N, h, w) logits of the same, the finest that the model has; where they are asked for."""


class LocalFeatures(nn.Module):
    """A feature pyramid (Lin et al. 2017) over the stages of the image tower, read out at the finest of them."""

    def __init__(self, config: SteelCLIPConfig):
        super().__init__()
        width = config.dense_dim
        self.lateral = nn.ModuleList(nn.Conv2d(size, width, 1) for size in config.vision_config.hidden_sizes)
        self.smooth = nn.Sequential(
            *(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False)),
            *(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False)),
            *(nn.BatchNorm2d(width), nn.ReLU()),
        )
        self.defect = nn.Conv2d(width, 1, 1)
        self.text_query = nn.Linear(config.projection_dim, width + 1)

    def forward(self, hidden_states: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        """Feature maps of the stem and of each stage, to local features (N, C, h, w) and defect logits (N, h, w)."""
        stages = hidden_states[-len(self.lateral) :]
        summed = self.lateral[-1](stages[-1])
        for lateral, stage in zip(list(self.lateral)[-2::-1], stages[-2::-1], strict=True):
            summed = lateral(stage) + nn.functional.interpolate(summed, size=stage.shape[-2:], mode="bilinear")
        local = self.smooth(summed)
        return local, self.defect(local)[:, 0]


class DefectSummary(nn.Module):
    """What the map of the defect says of it as a whole, for the image embedding.

    Place, size, direction, tone and number are what texts say and what means over a tower's features have lost. Here
    they are measured on the map, each by a formula that gradients pass through: shares of the area by cell, moments,
    the structure tensor of its edges, their length, and grey levels and local features within and outside.
    """

    def __init__(self, config: SteelCLIPConfig):
        super().__init__()
        measured = 2 * SUMMARY_GRID**2 + 2 * config.dense_dim + 18
        self.norm = nn.BatchNorm1d(measured)
        self.project = nn.Sequential(
            nn.Linear(measured, SUMMARY_WIDTH), nn.GELU(), nn.Linear(SUMMARY_WIDTH, config.projection_dim)
        )

    def forward(self, grey: torch.Tensor, local: torch.Tensor, defect: torch.Tensor) -> torch.Tensor:
        """Standardized images (N, 1, H, W), local features and defect logits, to (N, projection_dim)."""
        return self.project(self.norm(measure_map(grey.float(), local.float(), defect.float()).to(grey.dtype)))


def measure_map(grey: torch.Tensor, local: torch.Tensor, defect: torch.Tensor) -> torch.Tensor:
    """(N, measured) of standardized images (N, 1, H, W), local features (N, C, h, w) and defect logits (N, h, w)."""
    share = defect.sigmoid()
    height, width = share.shape[1:]
    area = share.mean((1, 2)).clamp_min(SMALLEST_AREA)
    weight = share / (area * height * width)[:, None, None]
    rest = (1 - share) / (1 - share).sum((1, 2), keepdim=True).clamp_min(1)
    cells = nn.functional.adaptive_avg_pool2d(share[:, None], SUMMARY_GRID).flatten(1)
    y = torch.linspace(-1, 1, height, device=share.device)[:, None]
    x = torch.linspace(-1, 1, width, device=share.device)
    middle_x, middle_y = ((weight * axis).sum((1, 2)) for axis in (x, y))
    spread_x = (weight * (x - middle_x[:, None, None]) ** 2).sum((1, 2))
    spread_y = (weight * (y - middle_y[:, None, None]) ** 2).sum((1, 2))
    slant = (weight * (x - middle_x[:, None, None]) * (y - middle_y[:, None, None])).sum((1, 2))
    spread = spread_x + spread_y + SMALLEST_AREA
    dx, dy = share[:, 1:, 1:] - share[:, 1:, :-1], share[:, 1:, 1:] - share[:, :-1, 1:]
    edge_x, edge_y, edge_xy = ((a * b).sum((1, 2)) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    edges = edge_x + edge_y + SMALLEST_AREA
    length = (dx.square() + dy.square() + SMALLEST_AREA).sqrt().mean((1, 2))
    small = nn.functional.adaptive_avg_pool2d(grey, (height, width))[:, 0]
    within, outside = (weight * small).sum((1, 2)), (rest * small).sum((1, 2))
    one_by_one = [
        *(area, area.log(), share.amax((1, 2)), middle_x, middle_y, spread.sqrt()),
        *((spread_x - spread_y) / spread, slant / spread, (edge_x - edge_y) / edges, edge_xy / edges),
        *(length, length / area.sqrt(), length / area),
        *(within, outside, within - outside, (within - outside).clamp_min(0), (outside - within).clamp_min(0)),
    ]
    return torch.cat(
        [
            *(cells.sqrt(), cells / (area * SUMMARY_GRID**2)[:, None], torch.stack(one_by_one, 1)),
            *(torch.einsum("nchw,nhw->nc", local, part) for part in (weight, rest)),
        ],
        dim=1,
    )


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
        channels = config.vision_config.hidden_sizes[-1]
        pooled = channels + PLACE_GRID**2 * config.place_dim
        self.place_projection = nn.Conv2d(channels, config.place_dim, 1) if config.place_dim else None
        self.visual_projection = nn.Linear(pooled, config.projection_dim, bias=False)
        self.dense = LocalFeatures(config) if config.dense_dim else None
        self.summary = DefectSummary(config) if config.dense_dim else None
        self.localizer = (
            DefectLocalizer(config.vision_config.hidden_sizes, config.localizer_width)
            if config.localizer_width
            else None
        )
        self.text_projection = nn.Linear(config.text_config.hidden_size, config.projection_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))
        self.post_init()

    def get_image_features(
        self, pixel_values: torch.Tensor, output_hidden_states: bool = False
    ) -> BaseModelOutputWithPooling:
        """Embed images: ``pixel_values`` (N, 3, H, W) in 0..1; ``.pooler_output`` (N, projection_dim).

        With ``output_hidden_states`` the feature maps of the stem and of each stage too.
        """
        grey = self.standardized(pixel_values)
        outputs = self.vision_model(grey, output_hidden_states=output_hidden_states or self.dense is not None)
        projected = self.visual_projection(self._pooled(outputs.last_hidden_state, outputs.pooler_output))
        if self.dense is not None and self.summary is not None:
            projected = projected + self.summary(grey, *self.dense(outputs.hidden_states))
        return BaseModelOutputWithPooling(
            last_hidden_state=outputs.last_hidden_state,
            pooler_output=projected,
            hidden_states=outputs.hidden_states if output_hidden_states else None,
        )

    def standardized(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Grey images (N, 1, H, W) of mean 0 and standard deviation 1, of ``pixel_values`` (N, 3, H, W) in 0..1."""
        grey = pixel_values.mul(pixel_values.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        deviation, mean = torch.std_mean(grey, dim=(1, 2, 3), keepdim=True)
        return ((grey - mean) / (deviation + CONTRAST_FLOOR)).to(self.dtype)

    def _pooled(self, last: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        """(N, pooled) of the last feature map: its mean, and what is where."""
        pooled = mean.flatten(1)
        if self.place_projection is None:
            return pooled
        cells = nn.functional.adaptive_avg_pool2d(self.place_projection(last), PLACE_GRID)
        return torch.cat([pooled, cells.flatten(1)], dim=1)

    def get_dense_features(self, pixel_values: torch.Tensor, marked: bool = False) -> DenseFeatures:
        """Embed images as :meth:`get_image_features` does, and their parts.

        Args:
            pixel_values: (N, 3, H, W) in 0..1.
            marked: Whether to mark defects as finely as the model can. A cell is 2 pixels a side where it has a
                localizer, else 4. With one it is the mean of both maps' probabilities: what the local features say,
                which learnt with the texts, is coarser and surer of *whether*.

        Raises:
            ValueError: The model has no map of local features.
        """
        if self.dense is None or self.summary is None:
            raise ValueError("this model has no map of local features (dense_dim is 0)")
        grey = self.standardized(pixel_values)
        outputs = self.vision_model(grey, output_hidden_states=True)
        image = self.visual_projection(self._pooled(outputs.last_hidden_state, outputs.pooler_output))
        local, defect = self.dense(outputs.hidden_states)
        image = image + self.summary(grey, local, defect)
        return DenseFeatures(image, local, defect, self._mark(grey, outputs.hidden_states, defect) if marked else None)

    def _mark(self, grey: torch.Tensor, stages: tuple[torch.Tensor, ...], coarse: torch.Tensor) -> torch.Tensor:
        if self.localizer is None:
            return coarse
        fine: torch.Tensor = self.localizer(grey, stages[1:])
        coarse = nn.functional.interpolate(coarse[:, None], size=fine.shape[-2:], mode="bilinear")[:, 0]
        return torch.logit((fine.float().sigmoid() + coarse.float().sigmoid()) / 2, eps=1e-6)

    def text_maps(self, local: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Where each image has what its text says: logits (N, h, w).

        Args:
            local: (N, dense_dim, h, w) of :meth:`get_dense_features`.
            text: (N, projection_dim) text features, not normalized.
        """
        assert self.dense is not None
        query = self.dense.text_query(nn.functional.normalize(text, dim=-1))
        weights, bias = query[:, :-1], query[:, -1:]
        return torch.einsum("nchw,nc->nhw", local, weights) + bias[..., None]

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

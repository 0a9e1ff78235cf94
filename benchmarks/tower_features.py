"""What an image tower says, in one form for all towers: an embedding, pooled maps, and the maps themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from steeldefectx.features.augmentation import draw_variation, vary_light, vary_shape
from steeldefectx.features.encoding import Features
from steeldefectx.models.clip import Clip, load_clip
from steeldefectx.models.image_classifier import ImageClassifier, load_classifier

BATCH = 32


@dataclass
class Encoded:
    """N images."""

    embedding: torch.Tensor
    """(N, D), not normalized; of a tower without texts empty."""
    pooled: dict[str, torch.Tensor]
    """(N, D) of some maps."""
    maps: dict[str, torch.Tensor] = field(default_factory=dict)
    """(N, C, h, w)."""


@dataclass
class Tower:
    """An image tower, with the texts of its CLIP if it has one."""

    name: str
    owner: Clip | ImageClassifier
    vision: Any
    """The model whose hidden states are taken."""
    clip: Clip | None

    @property
    def parameters(self) -> int:
        """Of the whole model."""
        return sum(parameter.numel() for parameter in self.owner.model.parameters())

    @property
    def scale(self) -> float:
        """Factor on cosines."""
        return self.clip.model.logit_scale.exp().item() if self.clip else 1.0

    @cached_property
    def features(self) -> Features:
        """Of the CLIP, for data sets."""
        assert self.clip is not None
        return Features(self.clip, torch.device("cpu"))

    @torch.inference_mode()
    def texts(self, groups: list[list[str]]) -> torch.Tensor:
        """(C, D) unit length: the mean of each group's texts."""
        assert self.clip is not None
        flat = list(dict.fromkeys(text for texts in groups for text in texts))
        rows = []
        for start in range(0, len(flat), 4 * BATCH):
            some = self.clip.tokenize(flat[start : start + 4 * BATCH])
            rows.append(self.clip.embed_texts(self.clip.encode_texts(some)))
        by_text = dict(zip(flat, torch.cat(rows), strict=True))
        return F.normalize(torch.stack([torch.stack([by_text[t] for t in texts]).mean(0) for texts in groups]), dim=-1)

    def images(self, images: list[Image.Image], maps: bool = False) -> Encoded:
        """Encode images."""
        return self._encode(self._pixels(images), maps)

    def views(self, images: list[Image.Image], count: int, seed: int) -> list[Encoded]:
        """Encode them that often, each time mirrored, cropped and lit at random."""
        rng, found = np.random.default_rng(seed), []
        for _ in range(count):
            pixels = self._pixels(images).contiguous(memory_format=torch.channels_last)
            variation = draw_variation(len(pixels), "geometric", rng)
            found.append(self._encode(vary_light(vary_shape(pixels, variation), variation), False))
        return found

    def _pixels(self, images: list[Image.Image]) -> torch.Tensor:
        return torch.from_numpy(np.stack([self.owner.to_pixels(image) for image in images]))

    @torch.inference_mode()
    def _encode(self, pixels: torch.Tensor, with_maps: bool) -> Encoded:
        embedding, pooled, maps = [], [], []
        for start in range(0, len(pixels), BATCH):
            normalized = self.owner.normalize(pixels[start : start + BATCH])
            found = self._maps(normalized)
            pooled.append(self._pooled(found))
            if with_maps:
                maps.append({name: values for name, values in found.items() if values.dim() == 4})
            if self.clip:
                embedding.append(self.clip.model.get_image_features(pixel_values=normalized).pooler_output)
        return Encoded(
            torch.cat(embedding) if embedding else torch.empty(len(pixels), 0),
            {name: torch.cat([part[name] for part in pooled]) for name in pooled[0]},
            {name: torch.cat([part[name] for part in maps]) for name in maps[0]} if with_maps else {},
        )

    def _maps(self, normalized: torch.Tensor) -> dict[str, torch.Tensor]:
        if hasattr(self.owner.model, "get_dense_features"):
            model = self.owner.model
            states = model.vision_model(model.standardized(normalized), output_hidden_states=True).hidden_states
            found = {f"stage {n}": state for n, state in enumerate(states[1:], 1)}
            if model.dense is not None:
                found["local"], found["defect"] = model.dense(states)
                found["defect"] = found["defect"][:, None]
            return found
        outputs = self.vision(normalized, output_hidden_states=True)
        side = int((outputs.hidden_states[0].shape[1] - 1) ** 0.5)
        found = {"class token": outputs.hidden_states[-1][:, 0]}
        for layer in (len(outputs.hidden_states) // 3, len(outputs.hidden_states) // 2, -3, -1):
            tokens = outputs.hidden_states[layer][:, 1:].transpose(1, 2)
            found[f"layer {layer % len(outputs.hidden_states)}"] = tokens.unflatten(2, (side, side))
        return found

    @staticmethod
    def _pooled(maps: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        mean = {name: values.mean((2, 3)) if values.dim() == 4 else values for name, values in maps.items()}
        if "local" in maps:
            weight = maps["defect"].flatten(1).softmax(1)
            at_defect = torch.einsum("ncp,np->nc", maps["local"].flatten(2), weight)
            local = [mean["local"], at_defect, maps["defect"].flatten(1).amax(1, keepdim=True)]
            mean["local and two stages"] = torch.cat([mean["stage 4"], mean["stage 3"], *local], 1)
            mean["local"] = torch.cat(local, 1)
            del mean["defect"]
        names = list(mean)
        if "stage 4" in mean:
            mean["last two stages"] = torch.cat([mean["stage 4"], mean["stage 3"]], 1)
        else:
            mean["token and last two layers"] = torch.cat([mean[name] for name in (names[0], names[-2], names[-1])], 1)
        return mean


def load_tower(name: str) -> Tower:
    """A CLIP's."""
    clip = load_clip(name)
    return Tower(Path(name).name, clip, clip.model.vision_model, clip)


def load_vit(name: str) -> Tower:
    """An image classifier's."""
    classifier = load_classifier(name)
    return Tower(Path(name).name, classifier, classifier.model.base_model, None)

"""Where in an image a model sees what a text says: maps of vision transformers and convolutional networks.

Three kinds of map, by what the image tower is:

- with a class token (CLIP, Long-CLIP, ViT): how much more of a patch in the class token's attention would raise the
  logit, summed over heads and layers, after LeGrad, Bousselham et al., 2024, equations 5 to 8. Theirs scores each layer
  by itself and all tokens, and leaves out what would lower the logit head by head; here it counts against the patch,
  and more of the map lies on the defect of training images with masks;
- of the project's own small CLIP: gradient times activation, place by place (HiResCAM, Draelos and Carin, 2020), on
  the deepest feature map that has :data:`FINE` cells a side, as its last one has four. Map and depth were chosen on 180
  images with masks, for the embedded model, where its energy lies on the defect half again as often;
- without one (other convolutional networks, SigLIP): Grad-CAM, Selvaraju et al., ICCV 2017, equations 1 and 2, on the
  last feature map, or on the last patch tokens as a map.

What is explained is a logit: of a CLIP that of image and text, exp(scale) · cosine, through whatever adapters there
are, less the mean of the classes' logits (:func:`class_mean`); of an image classifier that of a class. An image of
steel is near to every text on steel, which says nothing of the defect. With the mean taken off, 0.32 of the embedded
model's maps lie on the defect, before 0.26 (150 training images with masks, T0 or T1). Of a trained general CLIP it is
0.23 for T0, as before, and 0.26 for T1, before 0.29; untrained it fell from 0.24 to 0.17 there: what only says that
something stands out is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain
from math import isqrt
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from steeldefectx.errors import ModelError
from steeldefectx.language.class_sentences import class_sentence
from steeldefectx.models.clip import Clip
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.models.preprocessing import Preprocessing
from steeldefectx.models.steel_clip import SteelCLIPConfig
from steeldefectx.taxonomy import t0_sentence

WITH_CLASS_TOKEN = ("clip", "vit", "deit")
"""Model types whose first token is what the image is told by."""
STEEL_CLIP = SteelCLIPConfig.model_type
FINE = 12
"""Cells a side that a feature map needs to show where a defect is."""
BACKGROUND = 0.75
"""Share of the patches that a transformer's map leaves out, chosen of 0, 0.5 and 0.75 on training images with masks."""


def class_mean(clip: Clip, classes: Sequence[str], level: str) -> torch.Tensor:
    """Mean embedding (D,) of the classes' texts that a text is set against.

    Args:
        clip: The model.
        classes: Names of the classes that it tells apart.
        level: ``T0`` for class names, which a class name is set against; any other for descriptions (T1), or names of
            classes that have none, for texts of the other levels and of one's own.
    """
    texts = [t0_sentence(name) if level == "T0" else class_sentence(name) or t0_sentence(name) for name in classes]
    return _embed(clip, texts).mean(0)


@torch.no_grad()
def _embed(clip: Clip, texts: Sequence[str]) -> torch.Tensor:
    return clip.embed_texts(clip.encode_texts(clip.tokenize(texts).to(clip.model.logit_scale.device)))


def saliency(
    clip: Clip,
    images: Sequence[Image.Image],
    texts: Sequence[Sequence[str]],
    against: Sequence[torch.Tensor],
) -> list[np.ndarray]:
    """Maps of what in each image speaks for each of its texts.

    Args:
        clip: The model, on any device.
        images: N images of any size.
        texts: For each image M texts, the same number for all.
        against: For each of the M texts the :func:`class_mean` that it is set against.

    Returns:
        For each image (M, H, W) float32 of its height and width (upright as its EXIF data say). 0 is the least and 1
        the most relevant place; a map that is the same everywhere, as of a model that ignores the image, is all 0. What
        preprocessing cuts off is 0.
    """
    distinct = list(dict.fromkeys(chain.from_iterable(texts)))
    place = {text: number for number, text in enumerate(distinct)}
    embeddings = _embed(clip, distinct)[torch.tensor([[place[text] for text in asked] for asked in texts])]
    contrasts = embeddings - torch.stack(list(against))
    scale = clip.model.logit_scale.detach().exp()

    def logits(features: torch.Tensor) -> torch.Tensor:
        return scale * torch.einsum("nd,nmd->nm", clip.embed_images(features), contrasts)

    return _maps(clip, images, _clip_parts, logits)


def class_saliency(
    classifier: ImageClassifier, images: Sequence[Image.Image], labels: Sequence[Sequence[int]]
) -> list[np.ndarray]:
    """The same for an image classifier: maps of what in each image speaks for each of M classes, by number.

    Raises:
        ModelError: A transformer whose patches cannot be told from its other tokens.
    """
    chosen = torch.tensor(labels, device=classifier.model.device)
    return _maps(classifier, images, _classifier_parts, lambda logits: logits.gather(1, chosen))


def attention_relevance(gradients: Sequence[torch.Tensor]) -> torch.Tensor:
    """Relevance of every patch for the class token.

    Args:
        gradients: Those of the score by each layer's attention (N, heads, T, T); row: who looks, column: at whom.

    Returns:
        (N, T - 1), at least 0: the positive part of the sum over layers of the mean over heads in the class token's
        row. Only what is above the :data:`BACKGROUND` quantile of an image is left, less that: attention everywhere
        has some gradient, and its sum over a large background would hide the defect.
    """
    relevance = torch.stack([gradient[:, :, 0, 1:].mean(1) for gradient in gradients]).sum(0).clamp(min=0)
    background = relevance.float().quantile(BACKGROUND, dim=1, keepdim=True).to(relevance.dtype)
    return (relevance - background).clamp(min=0)


def grad_cam(features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Feature maps (N, C, h, w) summed with their mean gradients as weights; (N, h, w), what is negative set to 0."""
    weights = gradients.mean((2, 3), keepdim=True)
    return (weights * features).sum(1).clamp(min=0)


def hires_cam(features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Feature maps (N, C, h, w) times their gradients, summed over channels; (N, h, w), what is negative set to 0."""
    return (gradients * features).sum(1).clamp(min=0)


def _maps(
    model: Clip | ImageClassifier,
    images: Sequence[Image.Image],
    parts: Callable[..., tuple[torch.Tensor, list[torch.Tensor]]],
    scores: Callable[[torch.Tensor], torch.Tensor],
) -> list[np.ndarray]:
    """One pass forward, and one back for each of the M scores (N, M) that are made of the model's output."""
    upright = [model.to_rgb(image) for image in images]
    pixels = torch.from_numpy(np.stack([model.to_pixels(image) for image in upright]))
    inputs = model.normalize(pixels.to(model.model.device)).to(model.model.dtype)
    class_token = model.model.config.model_type in WITH_CLASS_TOKEN
    with torch.enable_grad(), _eager_attention(model.model) if class_token else nullcontext():
        # Frozen weights ask for no gradients: the pixels do, so that there are some inside.
        output, inner = parts(model, inputs.requires_grad_())
        maps = []
        for score in scores(output).sum(0):
            gradients = torch.autograd.grad(score, inner, retain_graph=True)
            if class_token:
                maps.append(_as_grid(attention_relevance(gradients)[..., None])[:, 0])
            elif model.model.config.model_type == STEEL_CLIP:
                maps.append(hires_cam(inner[0].detach(), gradients[0]))
            else:
                maps.append(_feature_map(inner[0].detach(), gradients[0]))
    grids = torch.stack(maps, dim=1).cpu()
    size = (pixels.shape[-2], pixels.shape[-1])
    return [_at_image_size(grid, model, image.size, size) for grid, image in zip(grids, upright, strict=True)]


@contextmanager
def _eager_attention(model: Any) -> Iterator[None]:
    """Attention computed in steps, as fused kernels do not show it."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def _clip_parts(clip: Clip, inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Features (N, D), and what the map is made of: attentions of all layers, or a feature map."""
    if clip.model.config.model_type == STEEL_CLIP:
        outputs = clip.model.get_image_features(pixel_values=inputs, output_hidden_states=True)
        fine = [maps for maps in outputs.hidden_states if min(maps.shape[2:]) >= FINE]
        return outputs.pooler_output, [fine[-1] if fine else outputs.hidden_states[0]]
    if clip.model.config.model_type in WITH_CLASS_TOKEN:
        outputs = clip.model.get_image_features(pixel_values=inputs, output_attentions=True)
        return outputs.pooler_output, list(outputs.attentions)
    outputs = clip.model.get_image_features(pixel_values=inputs)
    return outputs.pooler_output, [outputs.last_hidden_state]


def _classifier_parts(classifier: ImageClassifier, inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Logits (N, C), and attentions of all layers or the last feature map."""
    model = classifier.model
    if model.config.model_type in WITH_CLASS_TOKEN:
        outputs = model(pixel_values=inputs, output_attentions=True)
        return outputs.logits, list(outputs.attentions)
    outputs = model(pixel_values=inputs, output_hidden_states=True)
    features = outputs.hidden_states[-1]
    if features.ndim == 3 and isqrt(features.shape[1]) ** 2 != features.shape[1]:
        raise ModelError(
            f"{classifier.name}: its patches make no square, so it cannot be explained. Convolutional networks can, "
            f"and of transformers {', '.join(WITH_CLASS_TOKEN)}."
        )
    return outputs.logits, [features]


def _feature_map(features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Grad-CAM (N, h, w) of a feature map, or of patch tokens (N, T, C)."""
    if features.ndim == 3:
        features, gradients = _as_grid(features), _as_grid(gradients)
    return grad_cam(features, gradients)


def _as_grid(tokens: torch.Tensor) -> torch.Tensor:
    """Tokens (N, T, C) of a square grid of patches, row by row, to a map (N, C, h, w)."""
    side = isqrt(tokens.shape[1])
    return tokens.mT.unflatten(2, (side, side))


def _at_image_size(
    grids: torch.Tensor, model: Preprocessing, image_size: tuple[int, int], input_size: tuple[int, int]
) -> np.ndarray:
    """Maps (M, h, w) stretched between 0 and 1 and laid over the part of the image that the model saw: (M, H, W)."""
    low, high = (grids.amin((1, 2), keepdim=True), grids.amax((1, 2), keepdim=True))
    grids = (grids - low) / (high - low).clamp(min=torch.finfo(grids.dtype).tiny)
    left, top, right, bottom = model.seen(image_size)
    placed = np.zeros((len(grids), image_size[1], image_size[0]), np.float32)
    resized = F.interpolate(grids[None].float(), (bottom - top, right - left), mode="bilinear", align_corners=False)
    placed[:, top:bottom, left:right] = resized[0].numpy()
    return placed

"""CLIP, Long-CLIP, SigLIP or SigLIP 2 by Hub id or folder, behind one small interface: images and texts to features."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoModel, BatchEncoding

from steeldefectx.errors import ModelError
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.loading import (
    LOADING_ERRORS,
    commit_of,
    fetch_model,
    load_image_processor,
    load_tokenizer,
    quietly,
    refuse_not_finite,
    refuse_other_weights,
    why_not_loaded,
)
from steeldefectx.models.names import BUILT_IN, EMBEDDED, TINY
from steeldefectx.models.preprocessing import Preprocessing
from steeldefectx.models.tiny import tiny_clip  # with it AutoModel learns the steel-clip type

logger = logging.getLogger(__name__)

EMBEDDED_FOLDER = Path(__file__).parents[1] / "embedded"
"""The small CLIP that comes with the package; a checkpoint with the 25 classes, which needs no training to be used."""
OTHERS = "a Hub id such as openai/clip-vit-base-patch32, or embedded, which needs no connection"
"""What may be typed in place of a name that was not found."""
SIGLIP = "siglip"
"""Model type of SigLIP, and of SigLIP 2 at a fixed resolution."""


@dataclass
class Clip(Preprocessing):
    """A model with an image and a text tower, its preprocessing, and what has been put on it."""

    model: Any
    """The towers; may be wrapped by PEFT."""
    tokenizer: Any
    image_processor: Any
    name: str
    """Hub id, folder, ``embedded`` or ``tiny``: what the user typed."""
    adapter: ClipAdapter | None = None
    """On the image features."""
    text_adapter: ClipAdapter | None = None
    """On the text features."""
    revision: str | None = None
    """Commit of a model of the Hub; None for any other."""

    @property
    def context_length(self) -> int:
        """Tokens that a text may have."""
        return int(self.model.config.text_config.max_position_embeddings)

    def to(self, device: torch.device) -> None:
        """Move all weights to a device."""
        self.model.to(device)
        for adapter in (self.adapter, self.text_adapter):
            if adapter is not None:
                adapter.to(device)

    @property
    def logit_bias(self) -> torch.Tensor | float:
        """What is added to the scaled cosines: SigLIP has learnt a bias, CLIP has none."""
        return getattr(self.model, "logit_bias", 0.0)

    def tokenize(self, texts: Sequence[str], room: int = 0) -> BatchEncoding:
        """Token ids (N, L) int64 and attention mask, cut at the context length less ``room``.

        Padded to the longest text. SigLIP was trained on texts padded to the context length, whose padding its
        text tower reads: they have no attention mask (Zhai et al. 2023, and ``SiglipModel``'s own examples).
        """
        siglip = self.model.config.model_type == SIGLIP
        return self.tokenizer(
            list(texts),
            padding="max_length" if siglip else True,
            truncation=True,
            max_length=self.context_length - room,
            return_attention_mask=not siglip,
            return_tensors="pt",
        )

    def count_cut(self, texts: Sequence[str]) -> int:
        """How many texts have more tokens than the context length and will be cut."""
        ids = self.tokenizer(list(texts), verbose=False)["input_ids"] if texts else []
        return sum(len(row) > self.context_length for row in ids)

    def report_cut(self, texts: Sequence[str], kind: str) -> None:
        """Warn of texts that will be cut; ``kind`` says which texts they are, as in ``T3 training``."""
        distinct = list(dict.fromkeys(texts))
        cut = self.count_cut(distinct)
        if cut:
            logger.warning(
                "%d of %d distinct %s texts are longer than the model's %d tokens and are cut.",
                cut,
                len(distinct),
                kind,
                self.context_length,
            )

    def in_dtype(self, dtype: torch.dtype) -> Clip:
        """This model, or a copy whose towers compute in another number format; the adapter stays as it is."""
        if dtype == self.model.dtype:
            return self
        return replace(self, model=copy.deepcopy(self.model).to(dtype))

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels 0..255 (N, 3, H, W) to image features (N, D), neither adapted nor normalized."""
        return self.model.get_image_features(pixel_values=self.normalize(pixels).to(self.model.dtype)).pooler_output

    def encode_texts(self, tokens: BatchEncoding | dict[str, torch.Tensor]) -> torch.Tensor:
        """Tokens of N texts to text features (N, D), not normalized."""
        return self.model.get_text_features(
            input_ids=tokens["input_ids"], attention_mask=tokens.get("attention_mask")
        ).pooler_output

    def embed_images(self, features: torch.Tensor) -> torch.Tensor:
        """Image features to unit-length embeddings, through the adapter where there is one."""
        adapted = features if self.adapter is None else self.adapter(features)
        return nn.functional.normalize(adapted, dim=-1)

    def embed_texts(self, features: torch.Tensor) -> torch.Tensor:
        """Text features to unit-length embeddings, through the text adapter where there is one."""
        adapted = features if self.text_adapter is None else self.text_adapter(features)
        return nn.functional.normalize(adapted, dim=-1)

    def logits(self, image_features: torch.Tensor, text_embeddings: torch.Tensor) -> torch.Tensor:
        """exp(scale) · cosine + bias (N images, M texts); ``text_embeddings`` have unit length."""
        cosines = self.embed_images(image_features) @ text_embeddings.T
        return self.model.logit_scale.exp() * cosines + self.logit_bias

    def fingerprint(self) -> str:
        """Hash of weights, architecture, preprocessing and vocabulary: what features depend on."""
        config = self.model.config.to_dict()
        settings = {k: v for k, v in config.items() if k not in ("_name_or_path", "transformers_version")}
        settings["peft"] = {k: v.to_dict() for k, v in getattr(self.model, "peft_config", {}).items()}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        digest.update(self.image_processor.to_json_string().encode())
        digest.update(self.tokenizer.backend_tokenizer.to_str().encode())
        return digest.hexdigest()


def load_clip(name: str, revision: str | None = None) -> Clip:
    """Load a model in fp32: safetensors only, and no code that comes with it.

    Args:
        name: ``embedded``, ``tiny``, a folder written by ``save_pretrained``, or a Hub id.
        revision: Commit, branch or tag of a Hub id; the newest by default.

    Raises:
        ModelError: Nothing loadable there, not a model with an image and a text tower, no tokenizer or image
            processor, or weights that are missing, unexpected, of another shape or no finite numbers.
    """
    if name == TINY:
        model, tokenizer, processor = tiny_clip()
        return Clip(model, tokenizer, processor, name)
    folder = EMBEDDED_FOLDER if name == EMBEDDED else fetch_model(name, revision, OTHERS)
    try:
        with quietly():
            model, info = AutoModel.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # to be named with the others
                output_loading_info=True,
            )
        tokenizer = load_tokenizer(folder)
        processor = load_image_processor(folder)
    except LOADING_ERRORS as error:
        raise ModelError(why_not_loaded(name, error, OTHERS)) from error
    if model.config.model_type == "siglip2":
        raise ModelError(
            f"{name} takes images of any resolution (NaFlex). Take a SigLIP 2 of fixed resolution, "
            "such as google/siglip2-base-patch16-224."
        )
    if not (hasattr(model, "get_image_features") and hasattr(model, "get_text_features")):
        raise ModelError(f"{name} is a {type(model).__name__}: a model with an image and a text tower is needed.")
    refuse_other_weights(name, info)
    refuse_not_finite(name, model.state_dict())
    revision = None if name in BUILT_IN else commit_of(name, folder)
    clip = Clip(model.eval(), tokenizer, processor, name, revision=revision)
    clip.check_preprocessing(name)
    return clip


@torch.inference_mode()
def feature_width(clip: Clip) -> int:
    """Width of the features of both towers; asked of a text, which is the cheaper one."""
    tokens = clip.tokenize(["a"]).to(clip.model.logit_scale.device)
    return clip.encode_texts(tokens).shape[1]


def class_embeddings(texts: torch.Tensor, counts: list[int]) -> torch.Tensor:
    """Unit-length class embeddings (C, D): of each class the mean over its texts.

    Args:
        texts: (M, D) unit-length embeddings of the classes' texts, one class after the other.
        counts: How many texts each of the C classes has; M together.
    """
    return F.normalize(torch.stack([part.mean(0) for part in texts.split(counts)]), dim=-1)

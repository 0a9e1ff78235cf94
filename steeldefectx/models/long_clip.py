"""Long-CLIP (Zhang et al. 2024): CLIP's text positions stretched, and its published checkpoints converted."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoImageProcessor, AutoTokenizer, CLIPConfig, CLIPModel

from steeldefectx.errors import ModelError
from steeldefectx.models.clip import load_clip
from steeldefectx.models.loading import quietly

KEPT = 20
"""First positions, which CLIP has learnt well: they stay as they are."""
HEAD_WIDTH = 64
PROCESSORS = {768: "openai/clip-vit-base-patch16", 1024: "openai/clip-vit-large-patch14"}
"""Where tokenizer and image processor come from, by the width of the image tower."""
BLOCK_PARTS = {
    "ln_1": "layer_norm1",
    "attn.out_proj": "self_attn.out_proj",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
"""Parts of a transformer block: OpenAI's name -> that in transformers."""

Weights = dict[str, torch.Tensor]


def stretch_positions(model: CLIPModel, factor: int = 4, keep: int = KEPT) -> CLIPModel:
    """Give a CLIP room for longer texts, in place: 77 positions become 20 + 57 · 4 = 248.

    The rule of Long-CLIP's code (``load_from_clip``): position ``keep + factor·i + j`` is
    ``(1 - j/factor)·p[keep + i] + (j/factor)·p[keep + i + 1]`` for j in 0..factor-1; where ``p`` ends, its last
    step is carried on: ``p[-1] + (j/factor)·(p[-1] - p[-2])``. Texts of at most ``keep`` tokens keep their features.

    Raises:
        ModelError: No CLIPModel, or one with too few positions.
    """
    if not isinstance(model, CLIPModel):
        raise ModelError(f"A {type(model).__name__} cannot be stretched: give a CLIP (CLIPModel) that is not adapted.")
    text = model.text_model
    old = text.embeddings.position_embedding.weight.data
    if factor < 1 or not 0 <= keep <= len(old) - 2:
        raise ModelError(f"{len(old)} text positions cannot be stretched by {factor} with {keep} kept: keep fewer.")
    tail = old[keep:].float()
    steps = torch.cat([tail[1:] - tail[:-1], tail[-1:] - tail[-2:-1]])
    parts = torch.arange(factor, device=old.device).view(1, -1, 1) / factor
    stretched = (tail.unsqueeze(1) + parts * steps.unsqueeze(1)).flatten(0, 1).to(old.dtype)
    table = torch.cat([old[:keep], stretched])
    text.embeddings.position_embedding = nn.Embedding.from_pretrained(table, freeze=False)
    text.embeddings.register_buffer("position_ids", torch.arange(len(table), device=old.device)[None], persistent=False)
    model.config.text_config.max_position_embeddings = len(table)
    text.config.max_position_embeddings = len(table)
    return model


def stretch_clip(name: str, out: Path) -> None:
    """Write a stretched CLIP, with tokenizer and image processor, to a folder that ``--model`` takes.

    Raises:
        ModelError: No CLIP that can be loaded or stretched, or ``out`` exists.
    """
    clip = load_clip(name)
    _write(stretch_positions(clip.model), clip.tokenizer, clip.image_processor, out)


def convert_long_clip(checkpoint: Path, out: Path, processor: str | None = None) -> None:
    """Convert a published Long-CLIP ``.pt`` (B/16 or L/14) to a folder that ``--model`` takes.

    Args:
        checkpoint: State dict with OpenAI's names, of any float dtype; float32 is written.
        out: Folder to write; must not exist.
        processor: CLIP (Hub id or folder) that tokenizer and image processor are taken from; by size when None.

    Raises:
        ModelError: A file that is no such state dict or holds more than weights, or ``out`` exists.
    """
    weights = _read(checkpoint)
    config = _config(weights, checkpoint)
    model = CLIPModel(config).eval()
    converted = _converted(weights, config, checkpoint)
    try:
        model.load_state_dict(converted)
    except RuntimeError as error:
        raise ModelError(f"{checkpoint}: no Long-CLIP state dict. {error}") from error
    source = processor or PROCESSORS.get(config.vision_config.hidden_size)
    if source is None:
        raise ModelError(f"{checkpoint}: neither B/16 nor L/14: name a CLIP with its preprocessing by --processor.")
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        images = AutoImageProcessor.from_pretrained(source, backend="pil", trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{source}: no tokenizer and image processor ({reason}). Give --processor.") from error
    for settings in (model.config, model.config.text_config, model.text_model.config):
        settings.bos_token_id, settings.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
        settings.pad_token_id = tokenizer.pad_token_id
    _write(model, tokenizer, images, out)


def _read(checkpoint: Path) -> Weights:
    try:
        weights = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{checkpoint}: no file of weights alone ({reason}). Give a published state dict.") from error
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ModelError(f"{checkpoint}: holds more than named weights. Give a published Long-CLIP state dict.")
    return {name: value.float() for name, value in weights.items()}


def _config(weights: Weights, checkpoint: Path) -> CLIPConfig:
    """Sizes, read from the shapes of the weights."""
    needed = (
        "visual.conv1.weight",
        "visual.positional_embedding",
        "visual.transformer.resblocks.0.mlp.c_fc.weight",
        "transformer.resblocks.0.mlp.c_fc.weight",
        "token_embedding.weight",
        "positional_embedding",
        "positional_embedding_res",
        "text_projection",
    )
    missing = [name for name in needed if name not in weights]
    if missing:
        raise ModelError(f"{checkpoint}: no Long-CLIP state dict, missing {', '.join(missing)}.")
    width, _, patch, _ = weights["visual.conv1.weight"].shape
    text_width, projection = weights["text_projection"].shape
    side = round((len(weights["visual.positional_embedding"]) - 1) ** 0.5)

    def tower(prefix: str, width: int) -> dict[str, int]:
        blocks = {name.split(".resblocks.")[1].split(".")[0] for name in weights if name.startswith(prefix)}
        return {
            "hidden_size": width,
            "num_hidden_layers": len(blocks),
            "num_attention_heads": max(1, width // HEAD_WIDTH),
            "intermediate_size": len(weights[f"{prefix}.0.mlp.c_fc.weight"]),
        }

    text = tower("transformer.resblocks", text_width) | {
        "vocab_size": len(weights["token_embedding.weight"]),
        "max_position_embeddings": len(weights["positional_embedding"]),
    }
    vision = tower("visual.transformer.resblocks", width) | {"image_size": side * patch, "patch_size": patch}
    return CLIPConfig(text_config=text, vision_config=vision, projection_dim=projection)


def _converted(weights: Weights, config: CLIPConfig, checkpoint: Path) -> Weights:
    """The state dict under the names of transformers' CLIPModel; names every key that is missing or left over."""
    left, missing, converted = dict(weights), [], {}

    def take(name: str) -> torch.Tensor:
        if name not in left:
            missing.append(name)
        return left.pop(name, torch.zeros(0))

    def both(theirs: str, ours: str) -> None:
        for part in ("weight", "bias"):
            converted[f"{ours}.{part}"] = take(f"{theirs}.{part}")

    for tower, theirs in (("text", "transformer"), ("vision", "visual.transformer")):
        for layer in range(getattr(config, f"{tower}_config").num_hidden_layers):
            old, new = f"{theirs}.resblocks.{layer}", f"{tower}_model.encoder.layers.{layer}"
            for part, name in BLOCK_PARTS.items():
                both(f"{old}.{part}", f"{new}.{name}")
            for kind in ("weight", "bias"):
                for letter, third in zip("qkv", take(f"{old}.attn.in_proj_{kind}").chunk(3), strict=False):
                    converted[f"{new}.self_attn.{letter}_proj.{kind}"] = third
    both("ln_final", "text_model.final_layer_norm")
    both("visual.ln_pre", "vision_model.pre_layrnorm")  # transformers' own spelling
    both("visual.ln_post", "vision_model.post_layernorm")
    table, rest = take("positional_embedding"), take("positional_embedding_res")
    converted |= {
        "text_model.embeddings.token_embedding.weight": take("token_embedding.weight"),
        "text_model.embeddings.position_embedding.weight": torch.cat([table[:KEPT], rest[KEPT:]]),
        "text_projection.weight": take("text_projection").T,
        "vision_model.embeddings.patch_embedding.weight": take("visual.conv1.weight"),
        "vision_model.embeddings.class_embedding": take("visual.class_embedding"),
        "vision_model.embeddings.position_embedding.weight": take("visual.positional_embedding"),
        "visual_projection.weight": take("visual.proj").T if "visual.proj" in left else take("visual.proj"),
        "logit_scale": take("logit_scale"),
    }
    if missing or left:
        raise ModelError(
            f"{checkpoint}: no Long-CLIP state dict; "
            f"missing: {', '.join(missing) or 'none'}; unexpected: {', '.join(sorted(left)) or 'none'}."
        )
    return {name: value.contiguous() for name, value in converted.items()}


def _write(model: CLIPModel, tokenizer: Any, image_processor: Any, out: Path) -> None:
    """Save all three to a folder that appears when it is complete; longer texts are told to the tokenizer."""
    if out.exists():
        raise ModelError(f"{out} exists: name a new folder, or remove it.")
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    tokenizer.model_max_length = model.config.text_config.max_position_embeddings
    try:
        with quietly():
            for part in (model, tokenizer, image_processor):
                part.save_pretrained(temporary)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

"""New small CLIPs with a tokenizer of their own, from the sizes of their towers; they know nothing until trained.

Or what an earlier one knows, where the two have the same parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPImageProcessorPil, PreTrainedTokenizerFast

from steeldefectx.models.steel_clip import SteelCLIPConfig, SteelCLIPModel

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
INITIALIZATION_SEED = 0


@dataclass(frozen=True)
class Sizes:
    """Of a :class:`~steeldefectx.models.steel_clip.SteelCLIPModel`."""

    image_size: int = 96
    """Pixels a side that images are resized and cropped to."""
    image_widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of the image tower's stages, one residual block each."""
    text_width: int = 192
    text_layers: int = 2
    text_heads: int = 3
    context_length: int = 128
    """Tokens a text may have; a T3 of the sample has about 70."""
    projection: int = 128
    """Of both towers' common embedding."""
    place: int = 0
    """Channels that tell places, see :class:`~steeldefectx.models.steel_clip.SteelCLIPConfig`."""
    dense: int = 0
    """Channels of local features, see there."""


def learn_tokenizer(corpus: Iterable[str], vocabulary: int, context_length: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer in CLIP's form (start and end tokens, lower case), learnt in milliseconds.

    Args:
        corpus: Texts to learn from.
        vocabulary: Tokens at most; a small corpus gives fewer.
        context_length: Tokens a text may have.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[BOS, EOS], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    ids = {token: tokenizer.token_to_id(token) for token in (BOS, EOS)}
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A {EOS}", special_tokens=list(ids.items()))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS, pad_token=EOS, model_max_length=context_length
    )


def new_model(tokenizer: PreTrainedTokenizerFast, sizes: Sizes) -> SteelCLIPModel:
    """A model with random weights, always the same."""
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": sizes.text_width,
        "intermediate_size": 4 * sizes.text_width,
        "num_hidden_layers": sizes.text_layers,
        "num_attention_heads": sizes.text_heads,
        "max_position_embeddings": sizes.context_length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "num_channels": 1,
        "embedding_size": sizes.image_widths[0],
        "hidden_sizes": list(sizes.image_widths),
        "depths": [1] * len(sizes.image_widths),
        "layer_type": "basic",
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(INITIALIZATION_SEED)
        config = SteelCLIPConfig(
            text_config=text,
            vision_config=vision,
            projection_dim=sizes.projection,
            place_dim=sizes.place,
            dense_dim=sizes.dense,
        )
        return SteelCLIPModel(config).eval()


def take_over(
    model: SteelCLIPModel,
    tokenizer: PreTrainedTokenizerFast,
    earlier: SteelCLIPModel,
    earlier_tokenizer: PreTrainedTokenizerFast,
) -> None:
    """Give a new model the weights of an earlier one, in place, as far as it has the same parts.

    Tokens are matched by their text. Of a matrix that became wider (a projection that reads places too) the earlier
    columns come first.

    Raises:
        ValueError: The towers have other sizes.
    """
    weights, known = model.state_dict(), earlier.state_dict()
    for name, value in known.items():
        own = weights.get(name)
        if own is None:
            continue
        if name.endswith("token_embedding.weight"):
            numbers, theirs = tokenizer.get_vocab(), earlier_tokenizer.get_vocab()
            both = [(numbers[token], theirs[token]) for token in numbers if token in theirs]
            own[[new for new, _ in both]] = value[[old for _, old in both]].to(own.dtype)
        elif own.dim() == 2 and own.shape[0] == value.shape[0] and own.shape[1] > value.shape[1]:
            own[:, : value.shape[1]] = value
        elif own.shape == value.shape:
            own.copy_(value)
        else:
            raise ValueError(f"{name} is {tuple(value.shape)}, not {tuple(own.shape)}")


def new_processor(sizes: Sizes) -> CLIPImageProcessorPil:
    """What makes an image a square of the model's size."""
    return CLIPImageProcessorPil(
        size={"shortest_edge": sizes.image_size},
        crop_size={"height": sizes.image_size, "width": sizes.image_size},
        do_normalize=False,  # the model standardizes each image itself
    )

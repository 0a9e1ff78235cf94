"""``tiny``: a small CLIP with random weights and a tokenizer of its own, so that everything runs offline.

A :class:`~steeldefectx.models.steel_clip.SteelCLIPModel` whose size, initialization seed and vocabulary are
decided here. It knows nothing until it is trained (``--method full``).
"""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPImageProcessorPil, PreTrainedTokenizerFast

from steeldefectx.models.steel_clip import SteelCLIPConfig, SteelCLIPModel
from steeldefectx.taxonomy import CLASS_NAMES, T0_TEMPLATE_SHORT, t0_sentence, t1_sentence

VOCAB_SIZE = 2048
"""At most; the texts it is learnt from give fewer."""
CONTEXT_LENGTH = 128
"""Tokens a text may have; a T3 of the sample has about 70."""
IMAGE_SIZE = 96
IMAGE_WIDTHS = [32, 64, 128, 256]
"""Channels of the image tower's four stages, one residual block each."""
TEXT_WIDTH = 192
INITIALIZATION_SEED = 0

DESCRIPTION_WORDS = """
the a an is are it its they their this that there one two three four five single several multiple many few some all
of in on at to from with without and or but as by over across along near around within between mainly nearly about
visible seen shows show appears appear covers lies runs stands out extends spreads forms occupies reaches
upper lower left right top bottom middle center edge corner side half third part area areas region regions surface
horizontal vertical diagonal direction height width whole entire full isolated clustered scattered spread
thin thick long short narrow wide straight curved round circular irregular irregularly elongated linear ragged compact
shaped shape line lines mark marks spot spots dot dots patch patches streak streaks pattern traces pieces fragments
tiny small medium large extensive size share slightly moderately very quite rather clearly
shallow deep moderate depth flat raised
dark darker bright brighter light grey neutral contrast low high strong weak background surroundings steel image
defect defects scratch crack pit hole fold stain scale rust inclusion
"""
"""Words that descriptions of defects are made of, so that each is one token."""

BOS, EOS = "<|startoftext|>", "<|endoftext|>"


def _corpus() -> list[str]:
    """The project's own texts: what the vocabulary is learnt from."""
    t1 = [t1_sentence(name) or "" for name in CLASS_NAMES]
    return [*t1, *(t0_sentence(name, T0_TEMPLATE_SHORT) for name in CLASS_NAMES), DESCRIPTION_WORDS]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer in CLIP's form (start and end tokens, lower case), learnt in milliseconds."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE, special_tokens=[BOS, EOS], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    ids = {token: tokenizer.token_to_id(token) for token in (BOS, EOS)}
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A {EOS}", special_tokens=list(ids.items()))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=EOS,
        model_max_length=CONTEXT_LENGTH,
    )


def tiny_clip() -> tuple[SteelCLIPModel, PreTrainedTokenizerFast, CLIPImageProcessorPil]:
    """A new ``tiny``: always the same weights."""
    tokenizer = tiny_tokenizer()
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": 4 * TEXT_WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "max_position_embeddings": CONTEXT_LENGTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "num_channels": 1,
        "embedding_size": IMAGE_WIDTHS[0],
        "hidden_sizes": IMAGE_WIDTHS,
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(INITIALIZATION_SEED)
        model = SteelCLIPModel(SteelCLIPConfig(text_config=text, vision_config=vision))
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": IMAGE_SIZE},
        crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        do_normalize=False,  # the model standardizes each image itself
    )
    return model.eval(), tokenizer, processor

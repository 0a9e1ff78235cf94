"""``tiny``: a small CLIP with random weights and a tokenizer of its own, so that everything runs offline.

A :class:`~steeldefectx.models.steel_clip.SteelCLIPModel` whose size and vocabulary are decided here. It knows nothing
until it is trained (``--method full``).
"""

from __future__ import annotations

from transformers import CLIPImageProcessorPil, PreTrainedTokenizerFast

from steeldefectx.models.from_scratch import Sizes, learn_tokenizer, new_model, new_processor
from steeldefectx.models.steel_clip import SteelCLIPModel
from steeldefectx.taxonomy import CLASS_NAMES, T0_TEMPLATE_SHORT, t0_sentence, t1_sentence

VOCABULARY = 2048
"""Tokens at most; the texts they are learnt from give fewer."""
SIZES = Sizes()

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


def _corpus() -> list[str]:
    """The project's own texts: what the vocabulary is learnt from."""
    t1 = [t1_sentence(name) or "" for name in CLASS_NAMES]
    return [*t1, *(t0_sentence(name, T0_TEMPLATE_SHORT) for name in CLASS_NAMES), DESCRIPTION_WORDS]


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of ``tiny``."""
    return learn_tokenizer(_corpus(), VOCABULARY, SIZES.context_length)


def tiny_clip() -> tuple[SteelCLIPModel, PreTrainedTokenizerFast, CLIPImageProcessorPil]:
    """A new ``tiny``: always the same weights."""
    tokenizer = tiny_tokenizer()
    return new_model(tokenizer, SIZES), tokenizer, new_processor(SIZES)

"""A new model with local features and a localizer, which knows nothing: for what does not depend on weights."""

from steeldefectx.models.clip import Clip
from steeldefectx.models.from_scratch import Sizes, learn_tokenizer, new_model, new_processor
from steeldefectx.pretrain.localizer import with_localizer

SIZES = Sizes(64, (8, 12, 16, 16), 12, 1, 3, 128, 8, dense=8)


def new_clip():
    tokenizer = learn_tokenizer(["dark spot"], 300, 128)
    clip = Clip(new_model(tokenizer, SIZES).eval(), tokenizer, new_processor(SIZES), "new")
    clip.model = with_localizer(clip, 8)
    return clip

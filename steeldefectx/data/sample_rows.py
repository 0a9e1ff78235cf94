"""What a row of the dataset says of a sample: its image and mask, texts and attributes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from steeldefectx.data.images import reads_alike
from steeldefectx.data.sources import Sample, sample_pixels
from steeldefectx.language.attributes import Attributes, attributes_from_mask, template_sentence
from steeldefectx.language.class_sentences import class_sentence
from steeldefectx.taxonomy import T0_TEMPLATE, t0_sentence
from steeldefectx.utils.grey_levels import to_grey


def sample_texts(sample: Sample, t0_template: str = T0_TEMPLATE) -> dict[str, str | None]:
    """The texts of a sample by level; a source's own where it has some."""
    texts = {"T0": t0_sentence(sample.class_name, t0_template), "T1": class_sentence(sample.class_name, t0_template)}
    given = sample.texts or {}
    return texts | {"T2": None, "T3": None} | {level: given[level] for level in ("T1", "T3") if level in given}


def contents(
    sample: Sample,
) -> tuple[Image.Image | None, np.ndarray | None, Attributes | None, str | None]:
    """Image and mask of a sample, cut to its box; attributes and template.

    No image where the file holds the same for everyone who opens it: then rows name the file.
    """
    attributes, template = sample.attributes, (sample.texts or {}).get("template")
    as_it_lies = sample.box is None and sample.page == 0 and reads_alike(sample.path)
    if as_it_lies and sample.mask is None:
        return None, None, attributes, template
    image, mask = sample_pixels(sample)
    if mask is not None and attributes is None:
        attributes = attributes_from_mask(np.asarray(to_grey(image)), mask)
        template = template or template_sentence(sample.class_name, attributes)
    return None if as_it_lies else image, mask, attributes, template

"""The ``sample`` configuration: rendered images of all 25 classes with masks, attributes and texts.

Everything in it is synthetic and says so (``source``, ``image_id``, the file names). Images are deterministic
in ``(seed, index)``: a row does not depend on how many rows there are.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from steeldefectx.errors import DataError
from steeldefectx.language.attributes import attributes_from_mask, template_sentence
from steeldefectx.language.descriptions import write_texts
from steeldefectx.render.sample_image import render
from steeldefectx.taxonomy import CLASS_NAMES, t0_sentence, t1_sentence

SOURCE = "synthetic"
"""What the ``source`` column says of these images."""

PNG_COMPRESSION = 3
"""zlib level: noise hardly compresses, higher levels only take longer."""


def class_of(index: int) -> str:
    """The class of a synthetic image: the 25 in turn."""
    return CLASS_NAMES[index % len(CLASS_NAMES)]


def id_of(index: int) -> str:
    """The id of a synthetic image."""
    return f"{SOURCE}/{index:05d}"


def sample_row(index: int, n: int, size: int, seed: int) -> dict[str, Any]:
    """One row of the synthetic dataset.

    Args:
        index: Which of the ``n`` rows, from 0.
        n: How many rows the dataset has.
        size: Pixels a side.
        seed: Another seed gives other images.

    Returns:
        ``image`` (8-bit grey PNG) and ``mask`` (PNG, 0 or 255) as ``{"bytes", "path"}``, ``label`` (the
        class's name), ``source``, ``image_id``, ``T0`` to ``T3``, ``attributes`` and ``template``.

    Raises:
        DataError: No such row, or a size too small to draw in.
    """
    if not 0 <= index < n:
        raise DataError(f"The synthetic dataset has rows 0 to {n - 1}, not {index}.")
    rng = np.random.default_rng([seed, index])
    class_name = class_of(index)
    drawn = render(class_name, rng, size)
    attributes = attributes_from_mask(drawn.image, drawn.mask)
    texts = write_texts(class_name, attributes, drawn.depth, rng)
    return {
        "image": {"bytes": _png(drawn.image), "path": f"sample_{index:05d}.png"},
        "mask": {"bytes": _png(drawn.mask.astype(np.uint8) * 255), "path": f"sample_{index:05d}_mask.png"},
        "label": class_name,
        "source": SOURCE,
        "image_id": id_of(index),
        "T0": t0_sentence(class_name),
        "T1": t1_sentence(class_name),
        "T2": texts.t2,
        "T3": texts.t3,
        "attributes": attributes,
        "template": template_sentence(class_name, attributes),
    }


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=PNG_COMPRESSION)
    return buffer.getvalue()

"""The ``sample`` configuration: rendered images of all 25 classes with masks, attributes and texts.

Everything in it is synthetic and says so (``source``, ``image_id``, the file names); nothing of a real image takes
part. Clean steel is drawn alike for all classes, so that only the defect tells the class. Images are deterministic in
``(seed, index)``: a row does not depend on how many rows there are.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from steeldefectx.errors import DataError
from steeldefectx.language.attributes import attributes_from_mask, template_sentence
from steeldefectx.language.descriptions import write_texts
from steeldefectx.render.canvas import Rng
from steeldefectx.render.defects import STRENGTH, check_drawable, depths, draw_defect
from steeldefectx.render.scenes import Scene
from steeldefectx.render.surfaces import sample_surface
from steeldefectx.taxonomy import CLASS_NAMES, t0_sentence, t1_sentence

SOURCE = "synthetic"
"""What the ``source`` column says of these images."""

SENSOR_NOISE = (1.5, 4.5)
"""Range of the standard deviation of the noise added last, in grey levels."""

PNG_COMPRESSION = 3
"""zlib level: noise hardly compresses, higher levels only take longer."""


def class_of(index: int) -> str:
    """The class of a synthetic image: the 25 in turn."""
    return CLASS_NAMES[index % len(CLASS_NAMES)]


def id_of(index: int) -> str:
    """The id of a synthetic image."""
    return f"{SOURCE}/{index:05d}"


def render_sample(class_name: str, rng: Rng, size: int = 128) -> Scene:
    """Draw one image of the sample.

    Args:
        class_name: One of the 25 classes, spelled as in the taxonomy.
        rng: All that varies is drawn from it: the same generator state gives the same image.
        size: Pixels a side, from 32.

    Raises:
        DataError: Unknown class, or a size too small to draw in.
    """
    check_drawable(class_name, size)
    canvas = sample_surface(rng, size)
    depth = str(rng.choice(depths(class_name)))
    layer = draw_defect(class_name, canvas, rng, rng.uniform(*STRENGTH[depth]), varied=False)
    sensor = rng.standard_normal((size, size), dtype=np.float32) * np.float32(rng.uniform(*SENSOR_NOISE))
    image = np.clip(canvas.pixels + layer.change + sensor, 0, 255).round().astype(np.uint8)
    return Scene(image, layer.mask, class_name, depth)


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
    scene = render_sample(class_name, rng, size)
    attributes = attributes_from_mask(scene.image, scene.mask)
    texts = write_texts(class_name, attributes, scene.depth, rng)
    return {
        "image": {"bytes": _png(scene.image), "path": f"sample_{index:05d}.png"},
        "mask": {"bytes": _png(scene.mask.astype(np.uint8) * 255), "path": f"sample_{index:05d}_mask.png"},
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

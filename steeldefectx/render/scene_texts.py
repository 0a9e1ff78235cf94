"""Texts of all four levels for a rendered scene, worded differently each time."""

from __future__ import annotations

from steeldefectx.language.attributes import attributes_from_mask
from steeldefectx.language.class_wordings import clean_wording, t0_wording, t1_wording
from steeldefectx.language.descriptions import write_texts
from steeldefectx.render.canvas import Rng
from steeldefectx.render.scenes import Scene


def write_scene_texts(scene: Scene, rng: Rng) -> dict[str, str]:
    """Texts of a scene.

    Args:
        scene: Rendered; of clean steel all four texts say that nothing is there.
        rng: Chooses the wording.

    Returns:
        Level, ``T0`` to ``T3``, -> text. T3 is true in all it states of shape, size, depth, location and contrast;
        T2 is its draft, with faults.
    """
    if scene.class_name is None:
        return {level: clean_wording(rng) for level in ("T0", "T1", "T2", "T3")}
    texts = write_texts(scene.class_name, attributes_from_mask(scene.image, scene.mask), scene.depth, rng)
    return {
        "T0": t0_wording(scene.class_name, rng),
        "T1": t1_wording(scene.class_name, rng),
        "T2": texts.t2,
        "T3": texts.t3,
    }

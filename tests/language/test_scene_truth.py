"""Texts of one scene, judged of others: by their facts, and never against what is known."""

import numpy as np
import pytest

from steeldefectx.language.scene_facts import SWAPS
from steeldefectx.language.scene_texts import describe, swapped
from steeldefectx.language.scene_truth import FALSE, TRUE, UNKNOWN, code_scene, code_text, code_texts, verdicts
from steeldefectx.render.composed.compose import compose

SPOT = {
    "kind": "defect", "surface": "cast", "form": "spot", "tone": "dark", "number": "one", "scale": "small",
    "location": "top-left", "extent": "all", "held": "top-left top-center", "polarity": "dark", "components": "one",
    "plural": "no", "reach": "0.1", "shape": "circular",
}  # fmt: skip


class Stated:
    """A text by what it states."""

    kind, text = "short", ""

    def __init__(self, facts, *stated):
        self.facts, self.stated = facts, stated


def verdict(stated, scene=SPOT, **changed):
    text = Stated({**SPOT, **stated}, *stated)
    return verdicts(code_text(text)[None], code_scene({**scene, **changed})[None])[0, 0]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"tone": "dark"}, TRUE),
        ({"tone": "bright"}, FALSE),
        ({"tone": "two-toned"}, UNKNOWN),
        ({"form": "pit"}, UNKNOWN),  # of the same family
        ({"form": "net"}, FALSE),
        ({"number": "multiple"}, FALSE),
        ({"number": "two"}, UNKNOWN),
        ({"scale": "tiny"}, UNKNOWN),  # next to small
        ({"scale": "large"}, FALSE),
        ({"location": "top-left"}, TRUE),
        ({"location": "top-center"}, UNKNOWN),  # some of it is there
        ({"location": "bottom-right"}, FALSE),
        ({"location": "spread"}, FALSE),
        ({"relief": "raised"}, UNKNOWN),  # nothing is known of it
        ({"tone": "dark", "location": "bottom-right"}, FALSE),
        ({"tone": "dark", "scale": "tiny"}, UNKNOWN),
    ],
)
def test_statements_are_true_false_or_not_to_be_told(stated, expected):
    assert verdict(stated) == expected


def test_a_defect_is_false_of_sound_metal_and_sound_metal_of_a_defect():
    sound = {"kind": "sound", "surface": "cast"}
    assert verdict({"tone": "dark"}, sound) == FALSE
    text = Stated(sound, "kind")
    assert list(verdicts(code_texts([text]), np.stack([code_scene(sound), code_scene(SPOT)]))[0]) == [TRUE, FALSE]


def test_texts_of_rendered_scenes_are_true_of_them_and_swapped_ones_are_not():
    rngs = [np.random.default_rng(number) for number in range(40)]
    scenes = [compose(rng, 64) for rng in rngs]
    texts = [describe(scene.facts, rng) for scene, rng in zip(scenes, rngs, strict=True)]
    judged = verdicts(code_texts(texts), np.stack([code_scene(scene.facts) for scene in scenes]))
    assert (judged.diagonal() == TRUE).all()
    assert 0.6 < (judged == FALSE).mean() < 0.95
    for scene, text, rng in zip(scenes, texts, rngs, strict=True):
        for attribute in SWAPS:
            false = swapped(text, attribute, rng)
            if false is not None and (attribute, scene.facts["surface"]) != ("surface", "plain"):
                assert verdicts(code_texts([false]), code_scene(scene.facts)[None])[0, 0] == FALSE, false.text

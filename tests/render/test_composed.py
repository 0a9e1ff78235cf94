"""Composed scenes: what texts say of them is what their masks show, and what is swapped in either is what changes."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from steeldefectx.errors import DataError
from steeldefectx.language.appearance import FORMS, SIZES, SURFACES, Appearance
from steeldefectx.language.attributes import CELLS
from steeldefectx.language.claim_check import check
from steeldefectx.language.evidence import evidence_from_mask
from steeldefectx.language.lexicon.reading import lexicon, names_without
from steeldefectx.language.scene_facts import SWAPS, swap
from steeldefectx.language.scene_texts import describe, every_phrase, retold, reworded, swapped
from steeldefectx.render.composed.compose import NAMELESS, OF_TAXONOMY, REDRAWN, SOUND, compose, redraw
from steeldefectx.render.composed.forms import FORM_DRAWINGS
from steeldefectx.render.composed.scene import Plan, picture
from steeldefectx.render.composed.surfaces import SURFACE_DRAWINGS
from steeldefectx.taxonomy import CLASS_NAMES

COUNT = 500


def rng_of(index):
    return np.random.default_rng([11, index])


@cache
def scenes():
    return [compose(rng_of(i), 96) for i in range(COUNT)]


@cache
def evidence(index):
    scene = scenes()[index]
    return evidence_from_mask(scene.image, scene.mask, scene.entry.name if scene.entry else "defect")


def faults(text, index):
    """Kinds of claims that the mask contradicts; which class it is, is not the mask's to say."""
    return {wrong.kind for wrong in check(text, evidence(index)).contradictions if wrong.kind != "class"}


def defects():
    return [index for index, scene in enumerate(scenes()) if scene.mask.any()]


def test_what_texts_say_is_what_the_mask_shows():
    texts = {index: describe(scenes()[index].facts, rng_of(index)).text for index in defects()}
    wrong = {index: text for index, text in texts.items() if faults(text, index)}
    assert len(wrong) <= 0.01 * len(texts), wrong


def test_a_text_with_one_fact_swapped_is_false():
    checked = Counter()
    false = Counter()
    for index in defects():
        rng = rng_of(index)
        text = describe(scenes()[index].facts, rng, "description")
        for attribute, kind in (("tone", "polarity"), ("location", "location"), ("scale", "size")):
            other = swapped(text, attribute, rng)
            if other is not None and other.text != text.text:
                checked[attribute] += 1
                false[attribute] += kind in faults(other.text, index)
    assert all(checked[attribute] > 40 for attribute in ("tone", "location", "scale")), checked
    # The checker is tolerant where language is: of a defect of several marks, each may be meant.
    assert false["tone"] >= 0.98 * checked["tone"], false
    assert false["location"] >= 0.95 * checked["location"], false
    assert false["scale"] >= 0.85 * checked["scale"], false


def test_a_swapped_text_differs_in_the_words_of_one_fact_and_a_reworded_one_states_the_same_facts():
    seen = Counter()
    for index in defects()[:150]:
        rng = rng_of(index)
        text = describe(scenes()[index].facts, rng)
        again = reworded(text, rng)
        assert (again.stated, again.facts) == (text.stated, text.facts)
        for attribute in SWAPS:
            other = swapped(text, attribute, rng)
            if other is None:
                assert attribute not in text.stated or swap(text.facts, attribute, rng) is None
                continue
            seen[attribute] += 1
            assert other.text != text.text
            assert other.style == text.style
            changed = {key for key in text.facts if text.facts[key] != other.facts.get(key)}
            assert attribute in changed
            assert changed <= {attribute, "plural", "shape", "extent"}
    assert set(seen) == set(SWAPS)


def test_a_text_retold_of_the_scene_drawn_again_is_true_of_it():
    told = 0
    for index in defects()[140:260]:
        scene, rng = scenes()[index], rng_of(index)
        other = redraw(scene, ("tone", "location", "number")[index % 3], rng)
        text = describe(scene.facts, rng, "description")
        again = retold(text, other.facts) if other is not None else None
        if other is None or again is None:
            continue
        told += 1
        assert (again.style, again.stated) == (text.style, text.stated)
        shown = evidence_from_mask(other.image, other.mask, "defect")
        assert {wrong.kind for wrong in check(again.text, shown).contradictions} <= {"class"}, again.text
    assert told > 15
    sound = retold(text, {"kind": "sound", "surface": "cast"})
    assert sound is not None
    assert sound.kind == "sound"


def test_the_same_generator_gives_the_same_scene_and_another_another():
    for index in range(12):
        first, again = compose(rng_of(index), 64), compose(rng_of(index), 64)
        np.testing.assert_array_equal(first.image, again.image)
        np.testing.assert_array_equal(first.mask, again.mask)
        assert first.facts == again.facts
    assert (compose(rng_of(0)).image != compose(rng_of(1)).image).any()


@pytest.mark.parametrize("size", [64, 128])
def test_every_entry_of_the_lexicon_is_drawn(size):
    for number, name in enumerate(lexicon()):
        scene = compose(np.random.default_rng([size, number]), size, name=name)
        assert scene.entry is not None
        assert scene.entry.name == scene.facts["name"] == name
        assert scene.image.shape == scene.mask.shape == (size, size)
        assert (scene.image.dtype, scene.mask.dtype) == (np.uint8, bool)
        assert 0 < scene.mask.mean() <= 0.8


def test_every_form_and_surface_is_drawn():
    assert set(FORM_DRAWINGS) == set(FORMS)
    assert set(SURFACE_DRAWINGS) == set(SURFACES)
    for number, surface in enumerate(SURFACES):
        sound = picture(Plan(64, number, surface))
        assert not sound.mask.any()
        assert sound.attributes is None
        assert sound.image.std() > 0.3
    for number, form in enumerate(FORMS):
        drawn = picture(Plan(96, number + 1, "cold-rolled", Appearance(form, strength="strong")))
        assert drawn.mask.any(), form
        sound = picture(Plan(96, number + 1, "cold-rolled"))
        changed = np.abs(drawn.pixels - sound.pixels)
        assert changed[drawn.mask].mean() > 5, form


def test_sound_metal_is_a_fifth_and_nothing_is_drawn_on_it():
    sound = [scene for scene in scenes() if not scene.mask.any()]
    assert abs(len(sound) / COUNT - SOUND) < 0.06
    assert all(scene.facts.keys() == {"kind", "surface"} and scene.entry is None for scene in sound)
    for number, scene in enumerate(sound):
        text = describe(scene.facts, rng_of(number))
        assert text.kind == "sound"
        wrong = swapped(text, "kind", rng_of(number))
        assert wrong is not None
        assert wrong.text != text.text


def test_what_sound_metal_is_said_to_lack_is_what_the_false_text_says_is_there():
    sound = {"kind": "sound", "surface": "cast"}
    lacks = 0
    for number in range(60):
        text = describe(sound, rng_of(number))
        wrong = swapped(text, "kind", rng_of(number))
        nouns = [one for pairs in FORMS.values() for one, _ in pairs if one in text.text]
        lacks += bool(nouns)
        assert all(noun in wrong.text for noun in nouns)
    assert 10 < lacks < 45
    for index in defects()[:60]:  # that a scene with a spot has no crack would be true
        facts = scenes()[index].facts
        wrong = swapped(describe(facts, rng_of(index)), "kind", rng_of(index))
        own = [one for one, _ in FORMS.get(facts.get("form"), ())]
        others = [one for pairs in FORMS.values() for one, _ in pairs if one not in " ".join(own)]
        lacked = wrong.text.removesuffix(".").lower()
        assert not any(f"{word} {other}" in lacked for word in ("no", "any", "single") for other in others), wrong.text


def test_every_word_of_texts_is_among_the_phrases_for_a_vocabulary():
    words = {word for phrase in every_phrase() for word in re.findall(r"[a-z]+", phrase.lower())}
    for index, scene in enumerate(scenes()[:200]):
        text = describe(scene.facts, rng_of(index)).text
        assert set(re.findall(r"[a-z]+", text.lower())) <= words | {"a", "an", "and", "the"}, text


def test_classes_names_and_nameless_defects_have_their_shares():
    names = [scene.entry.name if scene.entry else None for scene in scenes() if scene.mask.any()]
    assert abs(sum(name in CLASS_NAMES for name in names) / len(names) - OF_TAXONOMY) < 0.08
    assert abs(names.count(None) / len(names) - NAMELESS) < 0.08
    assert len(set(names)) > 120


def test_names_that_are_left_out_are_not_drawn():
    held_out = [name for number, name in enumerate(lexicon()) if number % 3 == 0]
    names = names_without(held_out)
    assert not set(names) & set(held_out)
    rng = np.random.default_rng(0)
    drawn = {scene.entry.name for scene in (compose(rng, 32, names=names) for _ in range(120)) if scene.entry}
    assert drawn
    assert not drawn & set(held_out)


@pytest.mark.parametrize("attribute", REDRAWN)
def test_a_scene_drawn_again_differs_in_one_attribute_and_where_its_defects_are(attribute):
    done = 0
    for index in defects()[:100]:
        scene = scenes()[index]
        other = redraw(scene, attribute, rng_of(index))
        if other is None:
            continue
        done += 1
        assert other.plan.seed == scene.plan.seed
        assert attribute == "kind" or scene.facts[attribute] != other.facts.get(attribute) or attribute == "form"
        if attribute == "surface":
            assert other.plan.look == scene.plan.look
            continue
        # A soft edge reaches a few pixels over the outline, and so does the shadow of a relief.
        near = binary_dilation(scene.mask | other.mask, iterations=10)
        frames = scene.plan.class_name is not None  # drawings of the 25 classes change what is around them, too
        if not near.all() and not frames:
            hidden = scene.pixels != other.pixels
            assert not (hidden & ~near).mean() > 0.02
        if attribute == "softness":
            assert (scene.mask == other.mask).mean() > 0.97
        if attribute == "kind":
            assert not other.mask.any()
        if attribute == "location":
            assert other.facts["location"] != scene.facts["location"]
        if done == 8:
            break
    assert done >= 4


def test_the_camera_is_the_same_when_a_scene_is_drawn_again():
    apart = []
    for index in defects()[:60]:
        scene = scenes()[index]
        sound = redraw(scene, "kind", rng_of(index))
        assert sound is not None
        far = ~binary_dilation(scene.mask, iterations=14)
        if far.mean() > 0.3 and scene.plan.class_name is None:
            apart.append(np.abs(scene.image[far].astype(int) - sound.image[far]).mean())
    assert len(apart) > 20
    assert np.quantile(apart, 0.9) < 0.5


def test_what_is_said_of_a_scene_is_false_of_the_one_drawn_again():
    wrong = Counter()
    for index in defects()[:140]:
        scene, rng = scenes()[index], rng_of(index)
        for attribute, kind in (("tone", "polarity"), ("location", "location")):
            other = redraw(scene, attribute, rng)
            if other is None:
                continue
            text = describe(scene.facts, rng, "description")
            if attribute in text.stated:
                shown = evidence_from_mask(other.image, other.mask, "defect")
                wrong[attribute, kind in {c.kind for c in check(text.text, shown).contradictions}] += 1
    for attribute in ("tone", "location"):
        assert wrong[attribute, True] > 20 * wrong[attribute, False], wrong


@pytest.mark.parametrize(("options", "message"), [({"name": "Moon dust"}, "Moon dust"), ({"size": 16}, "32 pixels")])
def test_what_cannot_be_drawn_is_said(options, message):
    with pytest.raises(DataError, match=message):
        compose(np.random.default_rng(0), **options)


def drawn(form, seed=1, **attributes):
    look = Appearance(form, **{"strength": "strong", "softness": "sharp", "place": "center", **attributes})
    return picture(Plan(96, seed, "cold-rolled", look)), picture(Plan(96, seed, "cold-rolled"))


def measured(key, **options):
    """The commonest value of an attribute over a few seeds."""
    return Counter(drawn(seed=seed, **options)[0].attributes[key] for seed in range(9)).most_common(1)[0][0]


@pytest.mark.parametrize(("tone", "sign"), [("dark", -1), ("bright", 1)])
def test_a_tone_is_drawn_as_it_is_called(tone, sign):
    for form in ("line", "spot", "patch", "crack", "island"):
        with_defect, sound = drawn(form, tone=tone)
        change = with_defect.pixels - sound.pixels
        assert sign * change[with_defect.mask].mean() > 10, form
        assert sign * with_defect.local > 5, form


def test_light_falls_on_the_other_side_of_what_is_raised_than_of_what_is_sunk():
    for form in ("dent", "blister", "patch"):
        (raised, sound), (sunk, _) = (
            drawn(form, tone="none", relief=relief, size="large") for relief in ("raised", "sunk")
        )
        up, down = raised.pixels - sound.pixels, sunk.pixels - sound.pixels
        assert up.min() < -5 < 5 < up.max(), form
        assert np.corrcoef(up.ravel(), down.ravel())[0, 1] < -0.8, form


def test_the_mask_is_all_of_what_is_drawn_and_nothing_else():
    for form in ("spot", "patch", "hole", "band", "island", "groove", "stain"):
        with_defect, sound = drawn(form, size="large")
        changed = np.abs(with_defect.pixels - sound.pixels)
        seen = changed > 0.5 * np.median(changed[with_defect.mask])
        assert (seen & with_defect.mask).sum() > 0.85 * (seen | with_defect.mask).sum(), form


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
@pytest.mark.parametrize("form", ["line", "groove", "crack", "band"])
def test_a_direction_is_measured_as_it_is_called(form, direction):
    assert measured("direction", form=form, direction=direction, size="large") == direction


def test_falling_and_rising_lie_from_left_to_right():
    for direction, sign in (("falling", 1), ("rising", -1)):
        rows, columns = np.nonzero(drawn("line", direction=direction, size="large")[0].mask)
        assert sign * np.corrcoef(rows, columns)[0, 1] > 0.8


@pytest.mark.parametrize(("number", "values"), [("one", {"one"}), ("two", {"two"}), ("many", {"multiple"})])
def test_a_number_is_measured_as_it_is_called(number, values):
    assert measured("number", form="spot", number=number, size="tiny", place="any") in values


@pytest.mark.parametrize("cell", CELLS)
def test_a_place_is_measured_as_it_is_called(cell):
    position = drawn("spot", size="small", place=cell)[0].attributes["position"]
    assert position[0]["cell"] == cell


def test_sizes_rise_and_a_soft_edge_is_wider_than_a_sharp_one():
    areas = [np.mean([drawn("patch", seed, size=size)[0].mask.mean() for seed in range(4)]) for size in SIZES]
    assert areas == sorted(areas)
    assert areas[-1] > 30 * areas[0]
    sharp, soft = (steepest(softness) for softness in ("sharp", "soft"))
    assert sharp > 1.7 * soft


def steepest(softness):
    """Median over a few drawings of the largest step from a pixel to the next."""
    pairs = (drawn("patch", seed, size="large", softness=softness) for seed in range(7))
    return np.median([np.abs(np.diff(shown.pixels - sound.pixels, axis=1)).max() for shown, sound in pairs])

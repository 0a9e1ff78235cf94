"""The domain-randomized renderer: deterministic, varied, with masks that lie on what they claim."""

from __future__ import annotations

import numpy as np
import pytest

from steeldefectx.errors import DataError
from steeldefectx.language.attributes import attributes_from_mask
from steeldefectx.language.claim_check import check
from steeldefectx.language.class_wordings import LOOKS, NAMES, clean_wording, every_wording, t0_wording, t1_wording
from steeldefectx.language.descriptions import write_texts
from steeldefectx.language.evidence import evidence_from_mask
from steeldefectx.render.scenes import render_scene
from steeldefectx.taxonomy import CLASS_NAMES, t0_sentence, t1_sentence


def scenes(class_name, count, size=128):
    return [render_scene(np.random.default_rng([1, i]), size, class_name) for i in range(count)]


def t3_of(scene, rng):
    return write_texts(scene.class_name, attributes_from_mask(scene.image, scene.mask), scene.depth, rng).t3


def stands_out(image, mask):
    """Grey levels by which a defect is darker, brighter or, as a fold, more uneven than the steel around it."""
    far = np.abs(image - image[~mask].mean())
    return max(abs(image[mask].mean() - image[~mask].mean()), far[mask].mean() - far[~mask].mean())


@pytest.mark.parametrize("class_name", CLASS_NAMES)
def test_a_class_differs_from_clean_steel_where_its_mask_is(class_name):
    drawn = scenes(class_name, 24)
    for scene in drawn:
        assert scene.image.shape == scene.mask.shape == (128, 128)
        assert (scene.image.dtype, scene.mask.dtype) == (np.uint8, bool)
        assert 0 < scene.mask.mean() < 0.9
    assert np.median([stands_out(s.image.astype(float), s.mask) for s in drawn]) > 4


def test_the_same_generator_gives_the_same_image_and_another_another():
    first, again, other = (render_scene(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.image, again.image)
    assert (first.image != other.image).any()


def test_any_class_comes_about_as_often_as_any_other_and_clean_steel_now_and_then():
    rng = np.random.default_rng(0)
    names = [render_scene(rng, 32).class_name for _ in range(1500)]
    counts = [names.count(name) for name in CLASS_NAMES]
    assert min(counts) > 30
    assert max(counts) < 95
    assert 10 < names.count(None) < 60


def test_images_differ_in_light_contrast_and_sharpness():
    images = np.stack([s.image for s in scenes("Oil spot", 60)]).astype(float)
    assert np.std(images.mean(axis=(1, 2))) > 20
    assert np.ptp(np.log(images.std(axis=(1, 2)))) > 1
    sharpness = np.abs(np.diff(images, axis=2)).mean(axis=(1, 2))
    assert sharpness.max() > 4 * sharpness.min()


@pytest.mark.parametrize(("class_name", "size", "message"), [("Dent", 128, "Dent"), ("Crazing", 16, "32 pixels")])
def test_what_cannot_be_drawn_is_said(class_name, size, message):
    with pytest.raises(DataError, match=message):
        render_scene(np.random.default_rng(0), size, class_name)


def test_every_class_has_other_names_and_looks_and_none_is_shared():
    assert set(NAMES) == set(LOOKS) == set(CLASS_NAMES)
    for table in (NAMES, LOOKS):
        phrases = [phrase for of_class in table.values() for phrase in of_class]
        assert len(phrases) == len(set(phrases))
    assert {t1_sentence(name) for name in CLASS_NAMES} <= set(every_wording())


def test_texts_are_worded_in_many_ways_and_the_usual_ones_are_among_them():
    rng = np.random.default_rng(0)
    scene = render_scene(rng, class_name="Crazing")
    t0, t1, t3 = ({write(rng) for _ in range(200)} for write in (
        lambda rng: t0_wording("Crazing", rng), lambda rng: t1_wording("Crazing", rng), lambda rng: t3_of(scene, rng)
    ))  # fmt: skip
    assert t0_sentence("Crazing") in t0
    assert t1_sentence("Crazing") in t1
    assert min(len(t0), len(t1), len(t3)) > 10


def test_clean_steel_is_called_by_no_class():
    rng = np.random.default_rng(0)
    clean = next(s for s in (render_scene(rng, 32) for _ in range(500)) if s.class_name is None)
    assert not clean.mask.any()
    texts = [clean_wording(rng) for _ in range(50)]
    assert not any(name.lower() in text.lower() for text in texts for name in CLASS_NAMES)


def test_what_t3_claims_is_what_claim_checking_measures():
    rng = np.random.default_rng(0)
    drawn = [s for s in (render_scene(rng) for _ in range(120)) if s.class_name]
    checked = [check(t3_of(s, rng), evidence_from_mask(s.image, s.mask, s.class_name)) for s in drawn]
    assert np.mean([len(c.claims) for c in checked]) > 4
    assert sum(bool(c.contradictions) for c in checked) <= 1

"""The rendered stream: what a row and a batch are depends on the seed and their number, on nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from steeldefectx.errors import ConfigError
from steeldefectx.language.attributes import attributes_from_mask
from steeldefectx.language.descriptions import write_texts
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.pretrain.stream import Scenes, batches, class_texts, corpus, describe
from steeldefectx.render.scenes import render_scene
from steeldefectx.taxonomy import CLASS_NAMES

CLEAN_LABEL = 25
CONFIG = PretrainConfig(images=160, batch_size=16, image_size=32, workers=0)


def same(one, other):
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.labels, other.labels)
    assert one.texts == other.texts
    assert torch.equal(one.described, other.described)


def test_descriptions_are_t3_but_for_the_share_that_is_t2():
    scene = render_scene(np.random.default_rng(1), 64, "Punching")
    attributes = attributes_from_mask(scene.image, scene.mask)
    texts = write_texts("Punching", attributes, scene.depth, np.random.default_rng(5))
    assert texts.t2 != texts.t3
    assert describe(scene, np.random.default_rng(5), 0.0) == texts.t3
    assert describe(scene, np.random.default_rng(5), 1.0) == texts.t2


def test_batches_do_not_depend_on_how_many_processes_render():
    alone = list(islice(batches(CONFIG), 4))
    for one, other in zip(alone, batches(replace(CONFIG, workers=2)), strict=False):
        same(one, other)


def test_a_run_that_goes_on_sees_what_the_whole_run_would_have_seen():
    whole, rest = list(batches(CONFIG)), list(batches(CONFIG, first=7))
    assert len(whole) == 10
    for one, other in zip(whole[7:], rest, strict=True):
        same(one, other)


def test_no_image_comes_twice_and_another_seed_draws_others():
    images = torch.cat([batch.images for batch in batches(CONFIG)]).flatten(1)
    assert len(images.unique(dim=0)) == len(images)
    other = next(batches(replace(CONFIG, seed=1))).images.flatten(1)
    assert not (other[:, None] == images[:16]).all(-1).any()


def test_a_quarter_of_each_batch_is_described_in_words_that_fit_its_class():
    for batch in batches(CONFIG):
        assert 3 <= len(batch.texts) <= 4  # clean steel has no description
        for row, text in zip(batch.described, batch.texts, strict=True):
            assert batch.labels[row] != CLEAN_LABEL
            assert CLASS_NAMES[batch.labels[row]].lower() in text


def test_each_step_words_each_class_anew():
    first, second = class_texts(CONFIG, 0), class_texts(CONFIG, 1)
    assert set(first) == {"T0", "T1"}
    assert all(len(texts) == CLEAN_LABEL + 1 for texts in first.values())
    assert first == class_texts(CONFIG, 0)
    assert first != second
    assert set(class_texts(replace(CONFIG, class_texts="T1"), 0)) == {"T1"}


def test_the_vocabulary_is_learnt_from_texts_of_every_class():
    texts = " ".join(corpus(CONFIG)).lower()
    assert all(name.lower() in texts for name in CLASS_NAMES)


def test_the_sample_s_renderer_can_be_learnt_from_instead():
    plain = Scenes(replace(CONFIG, renderer="sample"))
    assert (plain[3].image != Scenes(CONFIG)[3].image).any()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("renderer", "real"),
        ("precision", "fp8"),
        ("class_texts", "T3"),
        ("image_widths", "32,wide"),
        ("described", 1.5),
        ("batch_size", 0),
    ],
)
def test_settings_that_make_no_sense_are_named(setting, value):
    with pytest.raises(ConfigError, match=setting):
        replace(CONFIG, **{setting: value})

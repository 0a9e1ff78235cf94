"""What a frame shows beside metal."""

import numpy as np

from steeldefectx.render.composed.compose import compose
from steeldefectx.render.composed.settings import draw_setting


def test_settings_cover_shade_and_shine_within_their_ranges():
    covered, shaded, shone = 0, 0, 0
    for seed in range(60):
        setting = draw_setting(np.random.default_rng(seed), 64)
        for part in (setting.cover, setting.pixels, setting.light, setting.shine):
            assert part.shape == (64, 64)
            assert part.dtype == np.float32
            assert np.isfinite(part).all()
        assert 0 <= setting.cover.min() <= setting.cover.max() <= 1
        assert 0 < setting.light.min() <= setting.light.max() <= 1
        assert setting.shine.min() >= 0
        covered += setting.cover.max() > 0.5
        shaded += setting.light.min() < 0.9
        shone += setting.shine.max() > 20
    assert min(covered, shaded, shone) > 5, "each kind is drawn"


def test_what_is_hidden_is_not_in_the_mask_and_the_defect_is_drawn_alike():
    hidden = 0
    for seed in range(40):
        plain, framed = (compose(np.random.default_rng(seed), 96, framed=share) for share in (1e-12, 1.0))
        if plain.plan.seed != framed.plan.seed:
            continue  # nothing was left to be seen of the first
        assert plain.plan.surface == framed.plan.surface
        assert not (framed.mask & ~plain.mask).any()
        hidden += framed.mask.sum() < plain.mask.sum()
        assert (framed.image != plain.image).any()
    assert hidden > 3


def test_scenes_without_a_setting_are_as_they_were():
    a, b = (compose(np.random.default_rng(7), 96, **share) for share in ({}, {"framed": 0.0}))
    assert (a.image == b.image).all()

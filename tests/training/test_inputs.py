import numpy as np
import torch

from steeldefectx.taxonomy import t0_sentence, t1_sentence
from steeldefectx.training.images import augment
from steeldefectx.training.inputs import TextBank, clauses


def test_clauses_are_beginnings_of_the_text():
    text = "Two dark spots, near the center. They are 0.5 mm wide; shallow!"
    assert clauses(text) == [
        text,
        "Two dark spots",
        "Two dark spots, near the center.",
        "Two dark spots, near the center. They are 0.5 mm wide",
    ]
    assert clauses("Crazing.") == ["Crazing."]


def test_the_first_clause_of_t1_is_t0():
    assert clauses(t1_sentence("Crazing"))[1] + "." == t0_sentence("Crazing")


def test_without_cropping_a_text_is_itself():
    bank = TextBank(["b, c", "a", "b, c"], crop=0.0)
    assert bank.forms == ["b, c", "a"]
    assert bank.of_image.tolist() == [0, 1, 0]
    assert bank.draw(np.array([0, 1]), np.random.default_rng(0)).tolist() == [0, 1]


def test_cropping_draws_every_form_of_the_right_text_and_no_other():
    texts = ["one, two, three", "alone", "four. five"]
    bank = TextBank(texts, crop=0.5)
    rng = np.random.default_rng(0)
    drawn = [bank.draw(np.arange(3), rng) for _ in range(400)]
    for number, text in enumerate(texts):
        forms = [bank.forms[row[number]] for row in drawn]
        assert set(forms) == set(clauses(text))
        if len(clauses(text)) > 1:
            assert 0.4 < np.mean([form == text for form in forms]) < 0.6


def pixels():
    ramp = torch.arange(64, dtype=torch.uint8)
    return torch.stack([ramp.repeat(64, 1) + 90] * 3).expand(16, 3, 64, 64).clone()


def test_photometric_variation_keeps_every_place_where_it_is():
    varied = augment(pixels(), "photometric", torch.Generator().manual_seed(0))
    assert varied.shape == (16, 3, 64, 64)
    assert varied.min() >= 0
    assert varied.max() <= 255
    assert varied.mean(dim=(1, 2, 3)).std() > 5, "images get different exposures"
    inside = (varied > 0) & (varied < 255)
    steps = varied.diff(dim=3)[(inside[..., 1:] & inside[..., :-1])]
    assert (steps > 0).all(), "brighter stays brighter, on the same side"


def test_geometric_variation_mirrors_some():
    varied = augment(pixels(), "geometric", torch.Generator().manual_seed(0))
    rising = (varied[..., -1] > varied[..., 0]).float().mean(dim=(1, 2))
    assert 0 < rising.round().sum() < 16


def test_no_variation_and_determinism():
    assert torch.equal(augment(pixels(), "none", torch.Generator()), pixels().float())
    first, second = (augment(pixels(), "geometric", torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)

import numpy as np

from steeldefectx.taxonomy import t0_sentence, t1_sentence
from steeldefectx.training.text_bank import TextBank, clauses


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

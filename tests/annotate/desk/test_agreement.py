"""Agreement of annotators, progress and time left."""

import random

import pytest

from steeldefectx.annotate.desk.agreement import agreement, progress
from tests.annotate.desk.review_store import reference_kappa, review


def test_kappa_is_that_of_the_definition():
    draw = random.Random(0)
    for _ in range(20):
        first = draw.choices(["right", "wrong", "not stated"], [5, 2, 1], k=50)
        second = [word if draw.random() < 0.7 else draw.choice(first) for word in first]
        found = agreement("shape", first, second)
        assert found.kappa == pytest.approx(reference_kappa(first, second))
        assert found.images == 50
    assert agreement("shape", ["right", "wrong"], ["wrong", "right"]).kappa == pytest.approx(-1)
    assert agreement("shape", ["right"] * 3, ["right"] * 3).kappa is None
    assert agreement("shape", ["right"] * 3, ["right"] * 3).same == 1
    assert agreement("shape", [], []).kappa is None


def test_an_interval_of_kappa_is_that_of_its_standard_error_with_many_images():
    draw = random.Random(1)
    first = draw.choices(["right", "wrong"], [3, 1], k=2000)
    second = [word if draw.random() < 0.9 else draw.choice(first) for word in first]
    found = agreement("shape", first, second)
    observed, chance = found.same, (found.same - found.kappa) / (1 - found.kappa)
    error = 1.96 * (observed * (1 - observed) / 2000) ** 0.5 / (1 - chance)  # Cohen 1960
    assert found.interval == pytest.approx((found.kappa - error, found.kappa + error), abs=0.01)
    assert not found.few


def test_an_interval_of_kappa_with_few_images_is_wide():
    for first, second in ((["right", "wrong"] * 3, ["right", "wrong"] * 3), (["right"] * 4 + ["wrong"], ["right"] * 5)):
        found = agreement("shape", first, second)
        low, high = found.interval
        assert high - low > 0.5
        assert -1 <= low < high <= 1
        assert found.few
    assert agreement("shape", ["right"] * 3, ["right"] * 3).interval is None


def test_who_decides_on_their_own_review_is_counted(desk, store):
    for image, by in ((0, "ben"), (1, "carl")):
        review(desk, "anna", image, text="One.")
        review(desk, "ben", image, text="Two.")
        store.adjudicate(f"steel/{image}", by, "edit", "Two.")
    assert (progress(store).adjudicated, progress(store).self_adjudicated) == (2, 1)


def test_progress(desk, store):
    for image, seconds in ((0, 30.0), (1, 60.0), (3, 90.0)):
        review(desk, "anna", image, seconds=seconds, shape="right", size="wrong")
    review(desk, "ben", 0, seconds=20.0, shape="right", size="wrong")
    review(desk, "ben", 1, "reject", seconds=20.0, shape="wrong", size="right")
    found = progress(store)
    assert (found.images, found.finished, found.texts, found.waiting, found.adjudicated) == (4, 1, 1, 1, 0)
    anna, ben = found.annotators
    assert (anna.done, anna.left, anna.images_an_hour) == (3, 1, 60)
    assert anna.hours_left == pytest.approx(1 * 60 / 3600)
    assert (ben.done, ben.left, ben.images_an_hour) == (2, 2, 180)
    # Three reviews are missing (one of steel/3, two of steel/2) and one decision, at 44 s each so far.
    assert found.hours_left == pytest.approx(4 * 44 / 3600)
    (pair,) = found.pairs
    assert pair.annotators == ("anna", "ben")
    rows = {row.what: row for row in pair.rows}
    assert (rows["verdict"].images, rows["verdict"].same) == (2, 0.5)
    assert (rows["size"].same, rows["size"].kappa, rows["depth"].images) == (0.5, 0, 0)


def test_progress_of_nothing(store):
    found = progress(store)
    assert (found.finished, found.hours_left, found.annotators, found.pairs) == (0, None, [], [])

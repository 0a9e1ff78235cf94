import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steeldefectx.data.splits import stratified_split, train_size, validation_split

# Class sizes of the public release: (train, test).
RELEASE = [
    (301, 128), (210, 90), (53, 22), (172, 73), (234, 100), (143, 60), (557, 238), (140, 60), (86, 36), (349, 149),
    (45, 18), (143, 60), (210, 90), (210, 90), (280, 119), (278, 119), (210, 90), (35, 15), (139, 59), (405, 173),
    (167, 71), (139, 59), (490, 210), (350, 150), (108, 45),
]  # fmt: skip


def test_the_rule_reproduces_every_class_of_the_release():
    assert sum(train for train, _ in RELEASE) == 5454
    assert sum(test for _, test in RELEASE) == 2324
    for train, test in RELEASE:
        assert train_size(train + test) == train


@given(st.integers(0, 10**6))
def test_train_is_the_smallest_whole_number_that_is_not_below_seven_tenths(n):
    assert 10 * train_size(n) >= 7 * n > 10 * (train_size(n) - 1)


@given(st.lists(st.tuples(st.text(), st.sampled_from("abc")), unique_by=lambda item: item[0]), st.randoms())
def test_the_order_of_samples_does_not_matter(items, shuffle):
    def assigned(pairs):
        return dict(zip([i for i, _ in pairs], stratified_split(*zip(*pairs, strict=True)), strict=True))

    if items:
        shuffled = items.copy()
        shuffle.shuffle(shuffled)
        assert assigned(items) == assigned(shuffled)


def test_each_class_is_split_by_the_rule():
    classes = random.Random(0).choices(["rare", "common", "usual"], weights=[1, 20, 5], k=500)
    parts = stratified_split([f"id{n}" for n in range(500)], classes)
    for name in set(classes):
        members = [part for part, c in zip(parts, classes, strict=True) if c == name]
        assert members.count("train") == train_size(len(members))


def test_adding_a_class_moves_nothing_in_the_others():
    ids = [f"a/{n}" for n in range(50)]
    alone = stratified_split(ids, ["a"] * 50)
    both = stratified_split([*ids, "b/1", "b/2"], ["a"] * 50 + ["b"] * 2)
    assert both[:50] == alone


def test_validation_leaves_every_class_something_to_train_on():
    classes = np.array(["a"] * 100 + ["b"] * 10 + ["c"])
    held_out = validation_split(classes, 0.2, seed=0)
    assert {c: int(held_out[classes == c].sum()) for c in "abc"} == {"a": 20, "b": 2, "c": 0}
    assert np.array_equal(held_out, validation_split(classes, 0.2, seed=0))
    assert not np.array_equal(held_out, validation_split(classes, 0.2, seed=1))
    assert validation_split(classes, 0.99, seed=0).sum() <= 99 + 9


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_extreme_shares(fraction):
    classes = ["a", "a", "b", "b"]
    assert validation_split(classes, fraction, 0).sum() == (0 if fraction == 0 else 2)

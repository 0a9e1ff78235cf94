import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steeldefectx.data.splits import few_shot_draw, grouped_split, stratified_split, train_size, validation_split

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


GROUPED = st.lists(
    st.tuples(st.text(max_size=4), st.sampled_from("abc"), st.integers(0, 8)), unique_by=lambda item: item[0]
)


def _groups(items):
    members = {}
    for n, (_, name, group) in enumerate(items):
        members.setdefault((name, group), []).append(n)
    return [group for group in members.values() if len(group) > 1]


@given(GROUPED)
def test_groups_are_never_parted(items):
    groups = _groups(items)
    parts = grouped_split([i for i, _, _ in items], [c for _, c, _ in items], groups)
    assert set(parts) <= {"train", "test"}
    assert all(len({parts[n] for n in group}) == 1 for group in groups)


@given(GROUPED)
def test_without_groups_the_grouped_split_is_the_rule(items):
    ids, classes = [i for i, _, _ in items], [c for _, c, _ in items]
    assert grouped_split(ids, classes, []) == stratified_split(ids, classes)


def test_grouped_sizes_are_the_rules_where_single_images_can_fill_them():
    ids, classes = [str(n) for n in range(200)], ["a"] * 120 + ["b"] * 80
    parts = grouped_split(ids, classes, [[0, 1, 2], [3, 4], [118, 119, 120], [130, 140], [150, 160, 170, 180]])
    assert parts[:120].count("train") == 84
    assert parts[120:].count("train") == 56
    assert parts[118] == parts[119] == parts[120]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 6), st.integers(0, 3))
def test_few_shots_are_that_many_a_class_and_validation_is_apart(labels, shots, seed):
    labels = np.array(labels)
    drawn, validation = few_shot_draw(labels, shots, seed)
    together = np.concatenate([drawn, validation])
    assert len(set(together.tolist())) == len(together)
    for label, size in zip(*np.unique(labels, return_counts=True), strict=True):
        assert (labels[drawn] == label).sum() == min(shots, size)
        assert (labels[validation] == label).sum() == min(shots, 4, max(0, size - shots))


def test_draws_of_a_seed_are_nested_and_of_another_seed_different():
    labels = np.repeat(np.arange(5), 40)
    draws = [few_shot_draw(labels, shots, seed=3) for shots in (1, 2, 4, 8, 16)]
    for fewer, more in pairwise(draws):
        assert set(fewer[0]) <= set(more[0])
        assert set(fewer[1]) <= set(more[1])
    other = few_shot_draw(labels, 16, seed=4)
    assert set(other[0]) != set(draws[-1][0])
    assert [part.tolist() for part in draws[-1]] == [part.tolist() for part in few_shot_draw(labels, 16, 3)]


def test_no_validation_image_is_of_a_photograph_that_a_shot_is_of():
    labels = np.repeat([0, 1], 30)
    groups = [[n, n + 1, n + 30] for n in range(0, 30, 2)]  # two of a class and one of the other
    for seed in range(5):
        drawn, validation = few_shot_draw(labels, 3, seed, groups)
        assert drawn.tolist() == few_shot_draw(labels, 3, seed)[0].tolist(), "the shots are the same"
        shown = {position for group in groups if set(group) & set(drawn.tolist()) for position in group}
        assert not shown & set(validation.tolist())
        assert np.bincount(labels[validation]).tolist() == [3, 3]


def test_a_class_more_does_not_change_the_draw_of_the_others():
    few = few_shot_draw(np.repeat([0, 1], 30), 4, 0)
    more = few_shot_draw(np.repeat([0, 1, 2], 30), 4, 0)
    assert [part.tolist() for part in few] == [part[: len(part) * 2 // 3].tolist() for part in more]


def test_a_class_without_groups_is_split_by_the_rule_beside_classes_with_some():
    ids, classes = [str(n) for n in range(200)], ["a"] * 120 + ["b"] * 80
    parts = grouped_split(ids, classes, [[0, 1, 2], [3, 4]])
    assert parts[120:] == stratified_split(ids, classes)[120:]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 8))), st.floats(0, 1), st.integers(0, 3))
def test_a_validation_draw_parts_no_group_and_leaves_every_class_something_to_train_on(items, fraction, seed):
    members = {}
    for position, (_, group) in enumerate(items):
        members.setdefault(group, []).append(position)
    groups = [group for group in members.values() if len(group) > 1]
    classes = np.array([name for name, _ in items])
    held_out = validation_split(classes, fraction, seed, groups)
    assert all(len({bool(held_out[n]) for n in group}) == 1 for group in groups)
    assert set(classes[~held_out]) == set(classes)


def test_samples_on_their_own_are_held_out_as_if_there_were_no_groups():
    classes = np.array(["a"] * 40 + ["b"] * 20)
    alone, together = (validation_split(classes, 0.3, 0, groups) for groups in ((), [[0, 1, 2], [39, 41]]))
    single = [n for n in range(60) if n not in (0, 1, 2, 39, 41)]
    assert np.array_equal(alone[single], together[single])

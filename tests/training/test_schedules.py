"""Learning rates: published ones to the bit, and no step above the peak however many steps there are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steeldefectx.methods import clip_lora, coop, full_rank
from steeldefectx.pretrain.trainer import schedule
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.schedules import half_cosine, learning_rate, warmup_steps

SHARES = st.floats(0, 1) | st.sampled_from([0.05, 0.06, 0.07, 0.1, 1 / 3])


@given(SHARES, st.integers(1, 30), st.integers(1, 60), st.sampled_from(["constant", "cosine", "step"]))
def test_no_step_of_a_run_is_above_the_peak_and_the_warm_up_reaches_it(warmup, per_epoch, epochs, kind):
    config = TrainConfig(lr=0.3, warmup=warmup, epochs=epochs, schedule=kind, step_epochs=1000)
    rates = [learning_rate(step, per_epoch, config) for step in range(epochs * per_epoch)]
    assert max(rates) == 0.3
    assert min(rates) > 0
    rising = rates[: warmup_steps(warmup, len(rates))]
    assert rising == sorted(rising)


@given(SHARES, st.integers(1, 300))
def test_nor_is_one_of_pretraining_or_of_full_rank_tuning(warmup, steps):
    assert max(schedule(step, steps, warmup) for step in range(steps)) == 1
    assert max(full_rank._share_of_peak(step, steps) for step in range(steps + 1)) <= 1


@pytest.mark.parametrize(("share", "steps", "expected"), [(0.1, 9, 1), (0.05, 5, 1), (0.1, 45, 5), (0.07, 100, 7),
                                                          (0.0, 9, 0), (1.0, 9, 9)])  # fmt: skip
def test_a_broken_step_of_warm_up_is_a_whole_one(share, steps, expected):
    assert warmup_steps(share, steps) == expected


@pytest.mark.parametrize(("warmup", "epochs", "per_epoch"), [(0.1, 20, 55), (0.1, 100, 7), (0.06, 20, 50), (0.0, 4, 3)])
def test_where_the_warm_up_is_whole_steps_rates_are_those_of_the_formula_to_the_bit(warmup, epochs, per_epoch):
    config = TrainConfig(lr=3e-4, schedule="cosine", warmup=warmup, epochs=epochs)
    steps = epochs * per_epoch
    rising = warmup * steps
    assert rising == round(rising)
    for step in range(steps):
        cosine = 3e-4 * 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))
        assert learning_rate(step, per_epoch, config) == (3e-4 * (step + 1) / rising if step < rising else cosine)


def test_the_methods_have_their_published_rates_to_the_bit():
    for step in range(100):
        cosine = 0.5 * (1 + math.cos(math.pi * (step - 10) / 90))
        assert full_rank._share_of_peak(step, 100) == ((step + 1) / 11 if step < 10 else cosine)
    lr, last = clip_lora.ClipLoraConfig().lr, clip_lora.LAST_LR
    for step in range(500):
        published = last + (lr - last) * 0.5 * (1 + math.cos(math.pi * step / 500))
        assert last + (lr - last) * half_cosine(step, 500) == published
    for epoch in range(1, 50):
        assert coop.learning_rate(epoch, 50, 2e-3) == 2e-3 * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / 50))
    assert coop.learning_rate(0, 50, 2e-3) == 1e-5


def test_learning_rate_rises_then_falls_to_zero():
    config = TrainConfig(lr=1.0, schedule="cosine", warmup=0.1, epochs=4)
    rates = [learning_rate(step, 25, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == 1.0
    assert rates[100] == pytest.approx(0.0)
    assert rates[55] == pytest.approx(0.5)
    assert {learning_rate(s, 5, TrainConfig(lr=2.0)) for s in range(100)} == {2.0}


def test_the_step_schedule_is_the_published_one_of_task_1():
    config = TrainConfig(lr=0.1, schedule="step", step_epochs=30, epochs=100)
    rates = [learning_rate(epoch * 7, 7, config) for epoch in range(100)]
    assert rates == pytest.approx([0.1] * 30 + [0.01] * 30 + [0.001] * 30 + [0.0001] * 10)

"""What holds for every method on frozen features."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from steeldefectx.errors import ConfigError
from steeldefectx.methods import FEATURE_METHODS, load_method
from steeldefectx.methods.interface import Examples, Images
from tests.methods.toy import share_right, toy_task


def task_for(name, *arguments, **options):
    """A toy task; CLIP-Adapter takes few steps, which is enough here."""
    return toy_task(*arguments, **options, **({"steps": 30} if name == "clip-adapter" else {}))


LEARNING = [name for name in FEATURE_METHODS if name != "zero-shot"]
NEVER_ABSENT = ("logistic-regression", "gaussian")
"""Those that never predict a class without shots."""


@pytest.mark.parametrize("name", FEATURE_METHODS)
@pytest.mark.parametrize("validation", [True, False])
def test_the_same_task_gives_the_same_logits(name, validation):
    task, test, _ = task_for(name, validation=validation)
    first = load_method(name)(task)
    torch.rand(3)
    again = load_method(name)(task)
    assert first.chosen == again.chosen
    assert torch.equal(first.logits(test), again.logits(test))
    assert first.logits(test).dtype == torch.float32
    assert not first.logits(test).requires_grad


@pytest.mark.parametrize("name", FEATURE_METHODS)
def test_an_image_gets_its_logits_whatever_images_it_comes_with(name):
    task, test, _ = task_for(name)
    logits = load_method(name)(task).logits
    some = torch.tensor([3, 77, 150])
    torch.testing.assert_close(logits(Images(test.features[some])), logits(test)[some])


@pytest.mark.parametrize("name", LEARNING)
def test_more_shots_help_and_all_beat_chance(name):
    scores = []
    for shots in (1, 8):
        results = [task_for(name, shots, seed=seed) for seed in range(3)]
        scores.append(sum(share_right(load_method(name)(t).logits(x), y) for t, x, y in results) / 3)
    assert 0.4 < scores[0] < scores[1]
    assert scores[1] > 0.8


@pytest.mark.parametrize("name", FEATURE_METHODS)
def test_classes_without_shots_images_without_views_and_one_shot_give_finite_logits(name):
    task, test, _ = task_for(name, counts=[1, 0, 1, 3, 0], views=0)
    logits = load_method(name)(task).logits(test)
    assert logits.shape == (200, 5)
    present = logits[:, [0, 2, 3]]
    assert present.isfinite().all()
    assert not logits.isnan().any()
    if name in NEVER_ABSENT:
        assert set(logits.argmax(1).tolist()) <= {0, 2, 3}


@pytest.mark.parametrize("name", FEATURE_METHODS)
def test_features_that_lie_in_a_subspace_or_are_many_times_as_long(name):
    task, test, labels = task_for(name, 8, views=1)

    def flat(features):
        return 100 * (features - features.mean(-1, keepdim=True))  # as a last layer norm leaves them

    def bent(examples):
        return replace(examples, images=Images(flat(examples.images.features)), views=flat(examples.views))

    bent_task = replace(task, shots=bent(task.shots), validation=bent(task.validation))
    logits = load_method(name)(bent_task).logits(Images(flat(test.features)))
    assert logits.isfinite().all()
    if name != "zero-shot":
        assert share_right(logits, labels) > 0.5


@pytest.mark.parametrize("name", LEARNING)
def test_validation_images_are_chosen_by_and_not_learnt_from(name):
    """With labels of validation images permuted, only the chosen settings may change."""
    task, test, _ = task_for(name)
    chosen = load_method(name)(task)
    fixed = replace(task, validation=None, settings=chosen.chosen)
    if name != "tip-adapter-f":  # its keys are trained with what a first search chose
        torch.testing.assert_close(load_method(name)(fixed).logits(test), chosen.logits(test))


@pytest.mark.parametrize("name", [n for n in LEARNING if n not in ("logistic-regression", "lp++")])
def test_settings_chosen_on_validation_are_no_worse_there_than_the_defaults(name):
    differed = False
    for seed in range(4):
        task, _, _ = task_for(name, 1, seed=seed)
        chosen, default = load_method(name)(task), load_method(name)(replace(task, validation=None))
        held = task.validation
        assert share_right(chosen.logits(held.images), held.labels) >= share_right(
            default.logits(held.images), held.labels
        )
        differed |= chosen.chosen != default.chosen
    assert differed


@pytest.mark.parametrize("name", FEATURE_METHODS)
def test_a_setting_that_a_method_does_not_have_is_named(name):
    task, _, _ = toy_task(colour="red")
    with pytest.raises(ConfigError, match="colour"):
        load_method(name)(task)


def test_a_setting_that_is_given_is_not_chosen():
    task, _, _ = toy_task(shrinkage=0.3)
    assert load_method("linear-probe")(task).chosen["shrinkage"] == 0.3
    task, _, _ = toy_task(alpha=2.0)
    chosen = load_method("tip-adapter")(task).chosen
    assert chosen["alpha"] == 2.0
    assert chosen["beta"] != 5.5


@pytest.mark.parametrize("name", FEATURE_METHODS)
def test_an_empty_validation_draw_is_none(name):
    task, test, _ = task_for(name)
    nothing = Examples(Images(test.features[:0]), torch.zeros(0, dtype=torch.int64), test.features[None, :0])
    fit = load_method(name)
    assert fit(replace(task, validation=nothing)).chosen == fit(replace(task, validation=None)).chosen


def test_the_table_of_methods_loads_none_of_them():
    code = "import sys, steeldefectx.methods; print(sorted({'torch', 'sklearn', 'peft'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

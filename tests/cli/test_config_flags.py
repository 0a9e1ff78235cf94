"""The flags of train, eval and pretrain: groups, spellings, defaults, typing errors."""

from dataclasses import fields

import pytest

from steeldefectx.cli import training
from steeldefectx.cli.config_flags import EVAL_GROUPS, PRETRAIN_GROUPS, TRAIN_GROUPS, FlagParser
from steeldefectx.inference.eval_config import EvalConfig
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.training.config import TrainConfig

CONFIGS = [(TrainConfig, TRAIN_GROUPS), (EvalConfig, EVAL_GROUPS), (PretrainConfig, PRETRAIN_GROUPS)]


def train_parser():
    return FlagParser(TrainConfig, "steeldefectx train", "", TRAIN_GROUPS)


def help_of(run, capsys, *words):
    with pytest.raises(SystemExit) as left:
        run([*words, "--help"], "steeldefectx train")
    assert left.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("config", "groups"), CONFIGS)
def test_every_setting_stands_in_one_group(config, groups):
    assert sorted(name for names in groups.values() for name in names) == sorted(f.name for f in fields(config))


@pytest.mark.parametrize("flag", ["--data-dir", "--data_dir"])
def test_a_flag_has_two_spellings_of_which_help_shows_one(flag, capsys):
    assert train_parser().parse([flag, "raw"])["data_dir"] == "raw"
    assert train_parser().parse([f"{flag}=raw_images"])["data_dir"] == "raw_images"
    shown = help_of(training.run_train, capsys)
    assert "--data-dir" in shown
    assert "--data_dir" not in shown


def test_defaults_are_the_configs():
    assert TrainConfig(**train_parser().parse([])) == TrainConfig()
    assert PretrainConfig(**FlagParser(PretrainConfig, "p", "", PRETRAIN_GROUPS).parse(["--no-resume"])).resume is False


def test_help_shows_what_the_recipe_decides(capsys):
    shown = help_of(training.run_train, capsys, "--recipe", "quickstart", "--lr", "1")
    assert "Data: default" in shown
    assert "(by recipe quickstart: sample)" in shown
    assert "(default: None)" not in shown
    assert "(default: 0)" in shown, "the seed"
    for title in TRAIN_GROUPS:
        assert f"{title}: --" in shown


def test_what_is_typed_wins_over_the_recipe():
    values = train_parser().parse(["--epochs", "3"], {"epochs": 7, "lr": 0.5}, "mine")
    assert (values["epochs"], values["lr"]) == (3, 0.5)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("--epoch", "--epochs"), ("--ouput-dir", "--output-dir"), ("--batchsize", "--batch-size"),
     ("--data_dri=x", "--data-dir")],
)  # fmt: skip
def test_a_mistyped_flag_is_answered_with_the_nearest(typed, meant, capsys):
    with pytest.raises(SystemExit) as left:
        train_parser().parse([typed, "3"])
    assert left.value.code == 2
    assert f"did you mean {meant}?" in capsys.readouterr().err


def test_a_value_of_the_wrong_type_is_one_line(capsys):
    with pytest.raises(SystemExit):
        train_parser().parse(["--epochs", "many"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("steeldefectx train: argument --epochs: invalid int value")

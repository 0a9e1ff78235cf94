"""A few-shot method outside the package, named by its file."""

import pytest

from steeldefectx.errors import ConfigError
from steeldefectx.methods import load_method
from tests.methods.toy import toy_task

METHOD = """
import torch
from steeldefectx.methods.interface import Predictor

def always_second(task):
    second = torch.eye(len(task.classes.names))[1]
    return Predictor(lambda images: second.expand(len(images), -1))
"""


def test_it_is_called_as_those_of_the_package_are(tmp_path):
    (tmp_path / "mine.py").write_text(METHOD)
    task, test, _ = toy_task()
    predictor = load_method(f"{tmp_path / 'mine.py'}:always_second")(task)
    assert set(predictor.logits(test).argmax(1).tolist()) == {1}


def test_a_name_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text(METHOD)
    for name in (f"{tmp_path / 'other.py'}:fit", f"{tmp_path / 'mine.py'}:fit", "mine"):
        with pytest.raises(ConfigError, match="few-shot method"):
            load_method(name)

"""An error at the command line: one message and exit code 2, or with --debug the traceback."""

import pytest
from typer.testing import CliRunner

from steeldefectx.cli.app import app
from steeldefectx.cli.error_messages import errors_as_messages
from steeldefectx.errors import DataError

PUSH = "steeldefectx.hub.dataset.push_dataset"


def invoke(monkeypatch, error, *words):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(PUSH, fail)
    return CliRunner().invoke(app, [*words, "push-dataset", ".", "a/b"])


@pytest.mark.parametrize(
    ("module", "extra"),
    [("onnxruntime", "onnx"), ("fastapi.routing", "demo"), ("psycopg", "postgres"), ("openai", "annotate"),
     ("gradio.themes", "annotate"), ("sqlalchemy.orm", "annotate")],
)  # fmt: skip
def test_a_missing_package_is_named_with_the_extra_that_brings_it(module, extra, capsys):
    with pytest.raises(SystemExit) as left, errors_as_messages("steeldefectx"):
        raise ModuleNotFoundError(name=module)
    package = module.partition(".")[0]
    assert left.value.code == 2
    assert (
        capsys.readouterr().err == f"steeldefectx: {package} is not installed: pip install 'steeldefectx[{extra}]'.\n"
    )


def test_a_fault_of_our_own_is_no_missing_package():
    with pytest.raises(ModuleNotFoundError), errors_as_messages("steeldefectx"):
        raise ModuleNotFoundError(name="steeldefectx.nowhere")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [(DataError("no image there"), 2, "steeldefectx: no image there\n"),
     (PermissionError("not yours"), 2, "steeldefectx: not yours\n"),
     (KeyboardInterrupt(), 130, "steeldefectx: interrupted\n")],
)  # fmt: skip
def test_an_error_ends_in_one_message(error, code, message, monkeypatch):
    done = invoke(monkeypatch, error)
    assert (done.exit_code, done.stderr) == (code, message)


def test_a_bug_is_no_message(monkeypatch):
    assert isinstance(invoke(monkeypatch, ZeroDivisionError()).exception, ZeroDivisionError)


@pytest.mark.parametrize("words", [["--debug", "push-dataset", ".", "a/b"], ["push-dataset", ".", "a/b", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(words, monkeypatch):
    def fail(*_, **__):
        raise DataError("no image there")

    monkeypatch.setattr(PUSH, fail)
    assert isinstance(CliRunner().invoke(app, words).exception, DataError)


def test_a_mistyped_command_or_option_is_answered_with_the_nearest():
    assert "push-model" in CliRunner().invoke(app, ["push-modle"]).stderr
    assert "--public" in CliRunner().invoke(app, ["push-model", "a", "b/c", "--publik"]).stderr

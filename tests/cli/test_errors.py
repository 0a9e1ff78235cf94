"""What a user is told who lacks a package."""

import pytest
import typer

from steeldefectx.cli.errors import errors_told


@pytest.mark.parametrize(
    ("module", "extra"),
    [("onnxruntime", "onnx"), ("gradio.themes", "demo"), ("psycopg", "postgres"), ("openai", "annotate")],
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(module, extra, capsys):
    with pytest.raises(typer.Exit), errors_told():
        raise ModuleNotFoundError(name=module)
    package = module.partition(".")[0]
    assert (
        capsys.readouterr().err == f"steeldefectx: {package} is not installed: pip install 'steeldefectx[{extra}]'.\n"
    )


def test_a_fault_of_our_own_is_no_missing_package():
    with pytest.raises(ModuleNotFoundError), errors_told():
        raise ModuleNotFoundError(name="steeldefectx.nowhere")

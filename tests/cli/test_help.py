"""What --help and --version show, and that they show it at once."""

import inspect
import re
import subprocess
import sys
from itertools import pairwise
from typing import get_args, get_type_hints

import pytest
import typer
from typer import rich_utils
from typer.testing import CliRunner

from steeldefectx import __version__
from steeldefectx.cli.app import COMMANDS, NAMES, app, help_text

ALL = [NAMES.get(function) or function.__name__.replace("_", "-") for group in COMMANDS.values() for function in group]
FUNCTIONS = {NAMES.get(f) or f.__name__.replace("_", "-"): f for group in COMMANDS.values() for f in group}
FAMILIES = {
    "Data": ["look", "build", "audit", "verify"],
    "Texts": ["annotate", "describe-classes", "review", "import-annotations", "export-annotations"],
    "Train": ["train", "eval", "pretrain", "stretch-clip", "convert-long-clip"],
    "Use": ["predict", "inspect", "explain", "search", "demo", "calibrate", "export-onnx"],
    "Benchmark": ["benchmark", "report"],
    "Share": ["push-model", "push-dataset"],
    "Installation": ["doctor", "cache"],
}


def shown(*words, columns):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rich_utils, "MAX_WIDTH", columns)  # read from the environment when it is imported
        done = CliRunner().invoke(app, list(words), env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    return done.output


def test_the_commands_stand_in_groups():
    output = shown("--help", columns=120)
    groups = re.findall(r"─ (\w+) ─.*?╰", output, re.DOTALL)
    assert groups == ["Options", *FAMILIES]
    for title, names in FAMILIES.items():
        panel = output[output.index(f"─ {title} ─") :].partition("╰")[0]
        assert re.findall(r"^│ (\S+)", panel, re.MULTILINE) == names


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", [name for name in ALL if name not in ("train", "eval", "pretrain")])
def test_help_fits_its_width_and_its_examples_stay_whole(command, columns):
    output = shown(command, "--help", columns=columns)
    assert all(len(line) <= columns for line in output.splitlines())
    prose = [line.strip() for line in output.split("\n╭")[0].splitlines()[3:]]
    # A paragraph breaks where the line is full, not where the source's lines end.
    for line, following in pairwise(prose):
        if line and following and not line.startswith("steeldefectx"):
            assert len(line) + 1 + len(following.split()[0]) > columns - 4
    examples = re.findall(r"^ *(steeldefectx .+)$", inspect.getdoc(FUNCTIONS[command]), re.MULTILINE)
    assert examples or command in ("doctor", "cache")
    assert set(examples) <= set(prose), "whole, to be copied"
    assert "<bool>" not in output


@pytest.mark.parametrize("command", ALL)
def test_what_is_written_is_named_by_out_and_what_is_used_by_checkpoint(command):
    names = inspect.signature(FUNCTIONS[command]).parameters
    assert not {"output", "folder_out", "target"} & set(names)
    for name in {"out", "checkpoint", "store"} & set(names):
        option = get_args(get_type_hints(FUNCTIONS[command], include_extras=True)[name])[1]
        assert isinstance(option, typer.models.OptionInfo) or command == "convert-long-clip"


def test_what_brackets_hold_is_shown():
    def function():
        """Needs pip install "steeldefectx[demo]"."""

    assert help_text(function) == r'Needs pip install "steeldefectx\[demo]".'


def test_the_version():
    assert CliRunner().invoke(app, ["--version"]).output == f"steeldefectx {__version__}\n"


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from steeldefectx.cli.app import app; app(['--help'], standalone_mode=False);"
        "print([name for name in ('torch', 'datasets', 'transformers', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_m_is_the_command():
    done = subprocess.run([sys.executable, "-m", "steeldefectx", "--version"], capture_output=True, text=True)
    assert done.stdout == f"steeldefectx {__version__}\n"


def test_completion_can_be_installed():
    assert "--install-completion" in shown("--help", columns=80)

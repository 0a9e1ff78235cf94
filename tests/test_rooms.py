"""The plan of the house: who may import whom, and that a module is small and says what it is for."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "steeldefectx"
MODULES = sorted(PACKAGE.rglob("*.py"))
SAY_LITTLE = {"commands", "evidence", "helpers", "images", "results", "rows", "settings", "tables", "utils"}
"""Names that say what a file is only by its room: one of each is enough."""


def test_no_arrow_climbs_and_none_runs_in_a_circle():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=PACKAGE.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_top_level_is_small():
    modules = [path.name for path in PACKAGE.glob("*.py")]
    assert len(modules) <= 8, modules


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_of_a_size_to_read_and_says_what_it_is_for(module):
    text = module.read_text("utf-8")
    assert len(text.splitlines()) <= 400
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    assert text.lstrip("r").startswith('"""'), "in its first line"


def test_names_that_say_little_are_not_taken_twice():
    names = Counter(path.stem for path in MODULES if path.stem in SAY_LITTLE)
    assert [name for name, number in names.items() if number > 1] == []

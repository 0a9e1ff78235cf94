"""The hash of a run's code: documentation does not count, all that results depend on does."""

import ast
import shutil
from pathlib import Path

import pytest

import steeldefectx
from steeldefectx.data.builder import ROWS_CODE
from steeldefectx.utils import fingerprint
from steeldefectx.utils.results import RUN_CODE, versions


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that may be changed."""
    copy = Path(shutil.copytree(fingerprint.PACKAGE, tmp_path / "package"))
    monkeypatch.setattr(fingerprint, "PACKAGE", copy)
    fingerprint.code_hash.cache_clear()
    yield copy
    fingerprint.code_hash.cache_clear()


def ours():
    fingerprint.code_hash.cache_clear()
    return versions()["steeldefectx"]


def edit(file, old, new):
    source = file.read_text()
    assert source.count(old) == 1
    file.write_text(source.replace(old, new))


def test_documentation_and_layout_change_no_hash(package):
    before = ours()
    losses = package / "training" / "losses.py"
    edit(losses, '"""Losses over a batch of image-text pairs, gathered from all processes."""', '"""Losses."""')
    edit(
        losses,
        "    logits = scale * image @ text.T + bias\n",
        "    # Said otherwise.\n\n    logits = (scale * image @ text.T + bias)\n",
    )
    edit(package / "training" / "trainable.py", '    """m."""\n', '    """How many."""\n')
    edit(package / "training" / "loop.py", '\n"""Of SGD."""', "")
    assert ours() == before


def test_each_byte_of_the_embedded_weights_counts(package):
    before, weights = ours(), package / "embedded" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert ours() != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("training/losses.py", "F.cross_entropy(logits.T, targets)) / 2", "F.cross_entropy(logits.T, targets)) / 3"),
        ("training/weight_average.py", "(10 + step)", "(11 + step)"),
        ("training/schedules.py", "0.5 * (1", "0.4 * (1"),
        ("features/augmentation.py", "CONTRAST = 0.3", "CONTRAST = 0.31"),
        ("models/adapters.py", "reduction: int = 4", "reduction: int = 8"),
        ("taxonomy.py", '"Crazing"', '"Crazings"'),
    ],
)
def test_each_change_of_what_a_run_does_is_another_hash(package, file, old, new):
    before = ours()
    source = (package / file).read_text()
    assert old in source
    (package / file).write_text(source.replace(old, new))
    assert ours() != before


@pytest.mark.parametrize("file", ["cli/training.py", "inference/demo.py", "benchmark/grid.py", "render/scenes.py"])
def test_what_a_run_does_not_depend_on_does_not_count(package, file):
    before = ours()
    (package / file).write_text("changed = True\n")
    assert ours() == before


def test_a_pattern_without_files_is_an_error():
    with pytest.raises(FileNotFoundError, match="training/gone"):
        fingerprint.code_hash("training/gone.py")


def test_all_that_a_run_imports_is_hashed_but_for_what_makes_rows():
    """Rows have a hash of their own, ``data_fingerprint``; utilities decide no number."""
    root = Path(steeldefectx.__file__).parent
    hashed = {file for pattern in RUN_CODE for file in root.glob(pattern)}
    of_rows = {file for pattern in ROWS_CODE for file in root.glob(pattern)} - hashed
    pending, seen = [root / "training" / "run.py"], set()
    while pending:
        file = pending.pop()
        if file in seen or file in of_rows or file == root / "__init__.py":
            continue
        seen.add(file)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("steeldefectx"):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                paths = [root.parent / name.replace(".", "/") for name in names]
                pending += [path for base in paths for path in (base.with_suffix(".py"), base / "__init__.py")
                            if path.is_file()]  # fmt: skip
    not_hashed = {file.relative_to(root).as_posix() for file in seen - hashed}
    decide_nothing = {"errors.py", "data/__init__.py", "utils/__init__.py"}
    assert {name for name in not_hashed - decide_nothing if not name.startswith("utils/")} == set()

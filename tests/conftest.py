"""Shared by all tests: everything is offline, and caches are the test run's own."""

import gc
import os
import sys
import tempfile
from pathlib import Path

import pytest

# Before any Hugging Face library is imported: they read these once.
if "STEELDEFECTX_TESTS" not in os.environ:  # else this is one of several processes, which share what they cache
    _HOME = tempfile.TemporaryDirectory(prefix="steeldefectx-tests-")
    os.environ.update(
        STEELDEFECTX_TESTS=_HOME.name,
        HF_HOME=_HOME.name,
        HF_HUB_OFFLINE="1",
        HF_DATASETS_DISABLE_PROGRESS_BARS="1",
        TOKENIZERS_PARALLELISM="false",
    )

gc.disable()  # until all is imported: no garbage, but a million objects to look at over and over

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"
REAL_MORE = ROOT.parent / "shared" / "more"
REAL_CLIP = ROOT.parent / "shared" / "models" / "general-clip-tiny"


@pytest.fixture(scope="session")
def real_data() -> Path:
    if not REAL_DATA.is_dir():
        pytest.skip("real images not present")
    return REAL_DATA


@pytest.fixture(scope="session")
def real_clip() -> Path:
    if not REAL_CLIP.is_dir():
        pytest.skip("real pretrained weights not present")
    return REAL_CLIP


@pytest.fixture(scope="session")
def real_gc10() -> Path:
    if not (REAL_MORE / "GC10-DET").is_dir():
        pytest.skip("real GC10-DET files not present")
    return REAL_MORE / "GC10-DET"


@pytest.fixture(scope="session")
def real_descriptions() -> Path:
    file = REAL_MORE / "release-sample" / "class_descriptions.json"
    if not file.is_file():
        pytest.skip("real class descriptions not present")
    return file


@pytest.fixture(scope="module")
def browser():
    """Chromium, one for a file of tests: while it runs, nothing else in the process can use asyncio."""
    from tests.browser import chromium

    with chromium() as launched:
        yield launched


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no process is left with it when the others are done."""
    items.sort(key=lambda item: ("test_every_command_runs" not in item.name, "end_to_end" not in item.path.parts))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What is random, in fixtures too, is the same in every run and whichever tests ran before."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)

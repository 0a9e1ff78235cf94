"""The cache of what can be computed again stays within its limit, and what was not used for longest goes first."""

import os

import pytest

from steeldefectx.utils import cache


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(cache.constants, "HF_HOME", str(tmp_path))
    files = [cache.cache_path(name) for name in ("features/a/images/1.safetensors", "pixels/2.npy", "pixels/3.npy")]
    for age, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(400_000))
        os.utime(file, (1000 - age, 1000 - age))
    other = cache.cache_path("unpacked/archive/image.png")
    other.parent.mkdir(parents=True)
    other.write_bytes(bytes(2_000_000))
    return [*files, other]


def test_what_was_not_used_for_longest_goes(files, monkeypatch):
    monkeypatch.setenv(cache.LIMIT_VARIABLE, "0.0009")
    cache.used(files[2])
    cache.shrink()
    assert [file.exists() for file in files] == [True, False, True, True]


def test_within_the_limit_all_stays_and_what_is_in_use_always(files, monkeypatch):
    cache.shrink()
    assert all(file.exists() for file in files)
    monkeypatch.setenv(cache.LIMIT_VARIABLE, "0")
    cache.shrink()
    assert [file.exists() for file in files] == [True, False, False, True]

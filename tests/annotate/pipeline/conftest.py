"""Tests of what endpoints answer are about images: their servers are not asked whether they see any."""

import pytest

from steeldefectx.annotate.pipeline import run


async def sees(*_):
    return "sees"


@pytest.fixture(autouse=True, scope="module")
def look_is_left_out(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.module.__name__.rpartition(".")[2].startswith(("test_endpoint_", "test_request_parameters")):
            patch.setattr(run, "look", sees)
        yield

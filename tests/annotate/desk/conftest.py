"""A store with four images, and its review queue."""

import pytest

from steeldefectx.annotate.desk.reviews import ReviewQueue
from tests.annotate.desk.review_store import make_store


@pytest.fixture
def store(tmp_path):
    made = make_store(tmp_path, [0.1, 0.9, None, 0.5])
    yield made
    made.close()


@pytest.fixture
def desk(store):
    return ReviewQueue(store)

"""Things that come in while a call is under way are handed over together; one that fails spoils no other."""

import asyncio
import threading

import numpy as np
import pytest

from steeldefectx.annotate.pipeline.gathering import Gatherer
from steeldefectx.annotate.pipeline.sentence_encoder import SentenceEncoder


def test_what_waits_goes_into_the_next_call():
    begun, go_on, calls = threading.Event(), threading.Event(), []

    def double(numbers):
        calls.append(numbers)
        begun.set()
        assert go_on.wait(10)
        return [2 * number for number in numbers]

    gatherer = Gatherer(double, "test", limit=3)
    first = gatherer.submit(0)
    assert begun.wait(10)
    others = [gatherer.submit(number) for number in range(1, 6)]
    go_on.set()
    assert [future.result(10) for future in (first, *others)] == [0, 2, 4, 6, 8, 10]
    assert calls == [[0], [1, 2, 3], [4, 5]]
    gatherer.close()


def test_all_that_was_submitted_is_done_before_the_threads_end():
    gatherer = Gatherer(lambda numbers: numbers, "test", limit=7, threads=3)
    futures = [gatherer.submit(number) for number in range(200)]
    gatherer.close()
    assert [future.result(0) for future in futures] == list(range(200))


def test_one_that_fails_spoils_no_other():
    def invert(numbers):
        return [1 / number for number in numbers]

    begun = threading.Event()
    gatherer = Gatherer(lambda numbers: (begun.wait(10), invert(numbers))[1], "test", limit=10)
    futures = [gatherer.submit(number) for number in (1, 0, 2, 4)]
    begun.set()
    assert [futures[n].result(10) for n in (0, 2, 3)] == [1, 0.5, 0.25]
    with pytest.raises(ZeroDivisionError):
        futures[1].result(10)
    gatherer.close()


def test_a_sentence_is_encoded_once_and_then_forgotten():
    encoded = []

    def encode(sentences):
        encoded.extend(sentences)
        return np.array([[len(sentence), 1.0] for sentence in sentences])

    encoder = SentenceEncoder(encode)

    async def prepare():
        await asyncio.gather(encoder.prepare(["a", "bb"]), encoder.prepare(["bb", "ccc"]))

    asyncio.run(prepare())
    assert encoder(["bb", "a", "bb"]).tolist() == [[2, 1], [1, 1], [2, 1]]
    assert encoder(["ccc"]).tolist() == [[3, 1]]
    assert sorted(encoded) == ["a", "bb", "ccc"]
    assert encoder._embeddings == {}
    encoder.close()

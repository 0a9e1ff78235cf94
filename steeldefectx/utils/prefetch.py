"""The next batches, prepared by a thread while one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
DEPTH = 2
"""Results in preparation: the next one, and another in case that one is late."""


def prefetch(prepare: Callable[[In], Out], inputs: Iterable[In]) -> Iterator[Out]:
    """Map ``prepare`` over inputs in a background thread, two results ahead of the consumer.

    One thread, so results keep the order of the inputs. An error is raised where its result would have come.
    """
    pending: list[Future[Out]] = []
    remaining = iter(inputs)
    with ThreadPoolExecutor(1) as pool:
        try:
            pending += [pool.submit(prepare, item) for item in islice(remaining, DEPTH)]
            while pending:
                ready = pending.pop(0).result()
                pending += [pool.submit(prepare, item) for item in islice(remaining, 1)]
                yield ready
        finally:
            for future in pending:
                future.cancel()

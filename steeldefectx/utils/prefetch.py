"""Preparing the next batch while one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
AHEAD = 2
"""Batches in preparation: the one that is next, and one for when that took long."""


def ahead(prepare: Callable[[In], Out], inputs: Iterable[In]) -> Iterator[Out]:
    """``prepare`` of each input in turn, by a thread that is ahead of the use.

    One thread: what is prepared comes in the order of the inputs, whatever each takes. An error comes where its
    result would have.
    """
    waiting: list[Future[Out]] = []
    rest = iter(inputs)
    with ThreadPoolExecutor(1) as pool:
        try:
            waiting += [pool.submit(prepare, item) for item in islice(rest, AHEAD)]
            while waiting:
                ready = waiting.pop(0).result()
                waiting += [pool.submit(prepare, item) for item in islice(rest, 1)]
                yield ready
        finally:
            for future in waiting:
                future.cancel()

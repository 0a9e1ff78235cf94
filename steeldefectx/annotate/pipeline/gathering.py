"""Calls with many things at once: what comes in while a call is under way is gathered for the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Gatherer(Generic[T, R]):
    """Hands things over to a function in threads of its own.

    Args:
        function: Things -> a result for each.
        name: Of the threads.
        limit: Things in one call at most.
        threads: Calls under way at a time.
        prepare: Called in each thread when it begins.
    """

    def __init__(
        self,
        function: Callable[[list[T]], Sequence[R]],
        name: str,
        *,
        limit: int,
        threads: int = 1,
        prepare: Callable[[], object] = lambda: None,
    ):
        self._function = function
        self._limit = limit
        self._prepare = prepare
        self._waiting: SimpleQueue[tuple[T, Future[R]] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, thing: T) -> Future[R]:
        """Its result, when there is one."""
        future: Future[R] = Future()
        self._waiting.put((thing, future))
        return future

    def close(self) -> None:
        """Finish what has been submitted, and end the threads."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        self._prepare()
        while (first := self._waiting.get()) is not None:
            gathered = [first]
            try:
                while len(gathered) < self._limit and (more := self._waiting.get_nowait()) is not None:
                    gathered.append(more)
                if len(gathered) < self._limit:
                    self._waiting.put(None)  # taken out just now: it ends this thread, after this call
            except Empty:
                pass
            self._call([(thing, future) for thing, future in gathered if future.set_running_or_notify_cancel()])

    def _call(self, gathered: list[tuple[T, Future[R]]]) -> None:
        try:
            results = self._function([thing for thing, _ in gathered])
        except BaseException as error:
            if len(gathered) > 1 and isinstance(
                error, Exception
            ):  # one of them is to blame, and the others are none the worse for it
                for one in gathered:
                    self._call([one])
                return
            for _, future in gathered:
                future.set_exception(error)
            return
        for (_, future), result in zip(gathered, results, strict=True):
            future.set_result(result)

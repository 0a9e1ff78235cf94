"""Asking many questions at once: so many requests at a time, each answer on the disk, never over the budget."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

from PIL import Image

from steeldefectx.annotate.pipeline.client import Endpoint, HopelessError, RequestError, SeveralChoicesError
from steeldefectx.annotate.pipeline.costs import Budget, Prices
from steeldefectx.annotate.pipeline.questions import Question
from steeldefectx.errors import AnnotationError
from steeldefectx.store.annotation_store import Store

GIVE_UP_AFTER = 3
"""Requests in a row that fail, for each that is under way at a time, before the endpoint counts as down."""


class StoppedError(AnnotationError):
    """Nothing more is asked in this run; the message says why."""


class Asker:
    """Puts questions to an endpoint and keeps the answers.

    Args:
        endpoint: Who is asked.
        store: Where answers are kept.
        budget: What may be spent.
        concurrency: Requests under way at a time.
    """

    def __init__(self, endpoint: Endpoint, store: Store, budget: Budget, concurrency: int):
        self.endpoint = endpoint
        self.store = store
        self.budget = budget
        self.concurrency = concurrency
        self.requests = 0
        self.stopped: StoppedError | HopelessError | None = None
        """Why nothing more is asked."""
        self._slots = asyncio.Semaphore(concurrency)
        self._writer = ThreadPoolExecutor(1, "store")
        self._failed_in_a_row = 0

    async def put(self, question: Question) -> None:
        """Ask, in one request, or in one for each choice where the endpoint gives no more; store what comes.

        It may be fewer choices than asked for: ask for the rest then.

        Raises:
            RequestError: A request has no answer.
            StoppedError: Nothing more is asked in this run.
            HopelessError: Nothing more need be asked.
            OSError: The image cannot be read.
        """
        messages = await asyncio.to_thread(question.messages)
        parts = [question] if self.endpoint.several_choices else [replace(question, n=1)] * question.n
        done = await asyncio.gather(*(self._request(part, messages) for part in parts), return_exceptions=True)
        errors = [result for result in done if isinstance(result, BaseException)]
        if errors:
            raise errors[0]

    async def _request(self, question: Question, messages: list[dict[str, Any]]) -> None:
        async with self._slots:
            if self.stopped is not None:
                raise self.stopped
            estimate = estimated_cost(question, self.endpoint.model, self.endpoint.prices)
            reserved = self.budget.reserve(question.step, estimate)
            if reserved is None:
                self.stop(StoppedError(f"The next request could take the cost over ${self.budget.limit:,.2f}."))
                raise StoppedError(str(self.stopped))
            cost = 0.0
            try:
                self.requests += 1
                answer = await self.endpoint.ask(question, messages)
                cost = answer.cost
                await asyncio.get_running_loop().run_in_executor(self._writer, self.store.add_answers, [answer])
                self._failed_in_a_row = 0
            except SeveralChoicesError:
                return  # who asked will see that the choices are missing, and ask for them one by one
            except RequestError as error:
                self._failed(error)
                raise
            except HopelessError as error:
                self.stop(error)
                raise
            finally:
                self.budget.settle(question.step, reserved, cost)

    def _failed(self, error: RequestError) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= GIVE_UP_AFTER * self.concurrency:
            message = f"{self._failed_in_a_row} requests in a row have failed, the last one so: {error}"
            self.stop(HopelessError(message))

    def stop(self, why: StoppedError | HopelessError) -> None:
        """Ask nothing more; what is under way is waited for."""
        self.stopped = self.stopped or why

    def stop_on_interrupt(self) -> None:
        """Let the first Ctrl-C wait for the answers under way, which are paid for; the second ends all at once."""
        loop = asyncio.get_running_loop()

        def interrupted() -> None:
            loop.remove_signal_handler(signal.SIGINT)
            self.stop(StoppedError("Interrupted."))

        with suppress(NotImplementedError, ValueError, RuntimeError):  # Windows, or not the main thread
            loop.add_signal_handler(signal.SIGINT, interrupted)

    async def close(self) -> None:
        """End connections and threads."""
        await self.endpoint.client.close()
        self._writer.shutdown()


def estimated_cost(question: Question, model: str, prices: Prices | None) -> float:
    """Dollars that a request costs at most, as far as can be told before; 0 where prices are not known.

    Raises:
        OSError: The image cannot be read.
    """
    if prices is None:
        return 0.0
    size = None
    if question.image is not None:
        with Image.open(question.image.path) as image:
            size = image.size
    return prices.cost(*question.tokens(model, size))

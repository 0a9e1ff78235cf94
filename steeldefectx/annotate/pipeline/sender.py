"""Sending requests: so many at a time, never over the budget, each answer stored before anything is made of it."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import replace
from typing import Any

from steeldefectx.annotate.pipeline.client import Endpoint
from steeldefectx.annotate.pipeline.costs import Budget
from steeldefectx.annotate.pipeline.endpoint_errors import EndpointError, RefusedNError, RequestError
from steeldefectx.annotate.pipeline.gathering import Gatherer
from steeldefectx.annotate.pipeline.prompts import SUPPLEMENT, ChatRequest
from steeldefectx.annotate.pipeline.responses import unusable_reason, usable_texts
from steeldefectx.errors import AnnotationError
from steeldefectx.store.leases import Leases, LostLeaseError
from steeldefectx.store.schema import Answer

MAX_CONSECUTIVE_FAILURES = 3
"""Failed requests in a row, times the concurrency, after which the endpoint counts as down."""
MAX_ANSWERS_AT_ONCE = 100
"""Answers that are stored in one transaction."""
MAX_USELESS = 5
"""Images in a row with useless answers only, after which the model counts as unfit."""


class StoppedError(AnnotationError):
    """Nothing more is sent in this run; the message says why."""


class RequestSender:
    """Sends requests, so many at a time, never over the budget, and stores each answer before the next is sent.

    Args:
        endpoint: Where they go.
        leases: Of the run: nothing is sent once it has lost them.
        budget: What may be spent.
        concurrency: Requests under way at a time.
    """

    def __init__(self, endpoint: Endpoint, leases: Leases, budget: Budget, concurrency: int):
        self.endpoint = endpoint
        self.leases = leases
        self.store = leases.store
        self.budget = budget
        self.concurrency = concurrency
        self.requests = 0
        """Sent so far."""
        self.stopped: StoppedError | EndpointError | LostLeaseError | None = None
        """Why nothing more is sent."""
        self._slots = asyncio.Semaphore(concurrency)
        self._answers: Gatherer[Answer, None] = Gatherer(self._store_answers, "store", limit=MAX_ANSWERS_AT_ONCE)
        self._consecutive_failures = 0
        self._useless: set[str | None] = set()
        self._was_useful = False

    async def send(self, request: ChatRequest) -> list[Answer]:
        """Send a request, or one for each choice where the endpoint gives no more; store what comes.

        Returns:
            The answers; there may be fewer choices than asked for: the caller asks for the rest then.

        Raises:
            RequestError: A request has no answer.
            StoppedError: Nothing more is sent in this run.
            EndpointError: The endpoint will not answer any request.
            LostLeaseError: Other runs have taken this one for dead.
            OSError: The image cannot be read.
        """
        messages = await asyncio.to_thread(request.messages)
        parts = [request] if self.endpoint.supports_n else [replace(request, n=1)] * request.n
        results = await asyncio.gather(*(self._send_one(part, messages) for part in parts), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, Answer)]

    async def _send_one(self, request: ChatRequest, messages: list[dict[str, Any]]) -> Answer | None:
        async with self._slots:
            if self.stopped is not None:
                raise self.stopped
            self.leases.check()
            cost_estimate = request.estimate_cost(self.endpoint.model, self.endpoint.prices)
            reserved = self.budget.reserve(request.step, cost_estimate)
            if reserved is None:
                self.stop(StoppedError(f"The next request could take the cost over ${self.budget.limit:,.2f}."))
                raise StoppedError(str(self.stopped))
            cost = 0.0
            try:
                self.requests += 1
                answer = await self.endpoint.complete(request, messages)
                cost = answer.cost
                await asyncio.wrap_future(self._answers.submit(answer))
                self._consecutive_failures = 0
                self._count_use(answer)
                return answer
            except RefusedNError:
                return None  # the caller sees that choices are missing, and asks for them one by one
            except RequestError as error:
                self._count_failure(error)
                raise
            except EndpointError as error:
                self.stop(error)
                raise
            except (
                BaseException
            ):  # an answer could not be stored: the next ones could not either, and would be paid for
                self.stop(StoppedError("An answer could not be stored."))
                raise
            finally:
                self.budget.settle(request.step, reserved, cost)

    def _store_answers(self, answers: list[Answer]) -> list[None]:
        self.store.add_answers(answers)
        return [None] * len(answers)

    def _count_failure(self, error: RequestError) -> None:
        self._consecutive_failures += 1
        if self._consecutive_failures >= MAX_CONSECUTIVE_FAILURES * self.concurrency:
            message = f"{self._consecutive_failures} requests in a row have failed, the last one so: {error}"
            self.stop(EndpointError(message))

    def _count_use(self, answer: Answer) -> None:
        """Stop where answers are paid for in vain: soon if none was of use yet, else as after failed requests."""
        if answer.step == SUPPLEMENT:
            return
        if usable_texts([answer]):
            self._was_useful = True
            self._useless.clear()
            return
        self._useless.add(answer.image_id or answer.class_name)
        if len(self._useless) >= MAX_USELESS * (self.concurrency if self._was_useful else 1):
            many = f"The answers about {len(self._useless)} images or classes in a row are of no use, the last one"
            self.stop(EndpointError(f"{many}: {unusable_reason([answer])}"))

    def stop(self, reason: StoppedError | EndpointError | LostLeaseError) -> None:
        """Send nothing more; requests under way are waited for."""
        self.stopped = self.stopped or reason

    def stop_on_interrupt(self) -> None:
        """Let the first Ctrl-C wait for the answers under way, which are paid for; the second ends all at once."""
        loop = asyncio.get_running_loop()

        def interrupt() -> None:
            loop.remove_signal_handler(signal.SIGINT)
            self.stop(StoppedError("Interrupted."))

        with suppress(NotImplementedError, ValueError, RuntimeError):  # Windows, or not the main thread
            loop.add_signal_handler(signal.SIGINT, interrupt)

    async def close(self) -> None:
        """End connections and threads."""
        await self.endpoint.client.close()
        await asyncio.to_thread(self._answers.close)

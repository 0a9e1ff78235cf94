"""Annotating a data set: from its images to a T2 description of each in the store, many requests at a time."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image
from tqdm.auto import tqdm

from steeldefectx.annotate.pipeline.batch import BatchRun
from steeldefectx.annotate.pipeline.client import Endpoint
from steeldefectx.annotate.pipeline.costs import Budget, Prices
from steeldefectx.annotate.pipeline.endpoint_errors import EndpointError, RefusedNError, RequestError
from steeldefectx.annotate.pipeline.image_pipeline import (
    ImagePipeline,
    RunSummary,
    UnusableAnswersError,
    drop_thoughts,
)
from steeldefectx.annotate.pipeline.prompts import CANDIDATES, SUPPLEMENT, ChatRequest, SamplingConfig, chat_request
from steeldefectx.annotate.pipeline.responses import unusable_reason, usable_texts
from steeldefectx.annotate.pipeline.selection import SENTENCE_MODEL, SentenceModel
from steeldefectx.errors import AnnotationError, ConfigError
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import AnnotatedImage, Answer

MAX_CONSECUTIVE_FAILURES = 3
"""Failed requests in a row, times the concurrency, after which the endpoint counts as down."""

MAX_USELESS = 5
"""Images in a row with useless answers only, after which the model counts as unfit."""


@dataclass(frozen=True)
class AnnotationConfig:
    """Which model is asked, how, and at what cost."""

    model: str
    base_url: str | None = None
    """OpenAI-compatible endpoint; None for ``OPENAI_BASE_URL``, or OpenAI's own."""
    prices: Prices | None = None
    """Of tokens; None where they are not known."""
    max_cost: float | None = None
    """Dollars that all answers in the store may cost together."""
    concurrency: int = 16
    """Requests under way at a time."""
    timeout: float = 120.0
    """Seconds for a request."""
    batch: bool = False
    """By the Batch API."""
    sentence_model: str = SENTENCE_MODEL
    """Sentence-BERT of the selection: Hub id or folder."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    retry_useless: bool = False
    """Ask again about images all of whose answers were useless, although nothing has changed."""

    def open_endpoint(self) -> Endpoint:
        """The endpoint.

        Raises:
            ConfigError: No key, no URL, or a budget without prices.
        """
        if self.max_cost is not None and self.prices is None:
            raise ConfigError(f"The price of {self.model} is not known: --max-cost needs --price-in and --price-out.")
        return Endpoint(self.model, self.base_url, self.prices, self.timeout)


@dataclass(frozen=True)
class Estimate:
    """What a run would take."""

    images: int
    """Without a description."""
    done: int
    """With one."""
    requests: int
    """At least: one for each image."""
    tokens_in: int
    tokens_out: int
    cost: float | None
    """Dollars without any supplement; None where prices are not known."""
    cost_with_supplements: float | None
    """The same, with one for every image."""


def annotate(images: Sequence[AnnotatedImage], store: Store, config: AnnotationConfig) -> RunSummary:
    """Describe all images that have no description.

    Args:
        images: Of one data set or several.
        store: Says which have one already; gets every answer, description and failure.
        config: The model, and how it is asked.

    Raises:
        ConfigError: No key, no URL, or a budget without prices.
        ModelError: No sentence model.
        AnnotationError: The endpoint refuses, is down or takes no batches; or a batch of this store is under way, and
            ``config`` is not for batches.
    """
    if store.batches() and not config.batch:
        raise AnnotationError("A batch of this store is still under way: add --batch, and its answers are fetched.")
    endpoint = config.open_endpoint()
    store.add_images(images)
    drop_thoughts(store)
    done = store.annotated()
    pending = [image for image in images if image.image_id not in done]
    if not pending and not store.batches():
        return RunSummary()
    encode = SentenceModel(config.sentence_model).encode
    pipeline = ImagePipeline(store, config.sampling, encode, config.model, retry_useless=config.retry_useless)
    budget = Budget(config.max_cost, store.spent())
    if config.batch:
        return asyncio.run(BatchRun(pending, pipeline, endpoint, budget).run())
    return asyncio.run(run_live(pending, pipeline, RequestSender(endpoint, store, budget, config.concurrency)))


def estimate(images: Sequence[AnnotatedImage], done: set[str], config: AnnotationConfig) -> Estimate:
    """Price a run. Nothing is sent or written.

    Args:
        images: Of the data set.
        done: Ids of those that have their description.
        config: As for :func:`annotate`.

    Raises:
        OSError: An image cannot be read.
    """
    pending = [image for image in images if image.image_id not in done]
    tokens: dict[str, list[tuple[int, int]]] = {CANDIDATES: [], SUPPLEMENT: []}
    for image in pending:
        with Image.open(image.path) as opened:
            size = opened.size
        for step, n in ((CANDIDATES, config.sampling.candidates), (SUPPLEMENT, 1)):
            tokens[step].append(chat_request(step, image, config.sampling, n).estimate_tokens(config.model, size))
    tokens_in, tokens_out = (sum(counts[i] for counts in tokens[CANDIDATES]) for i in (0, 1))
    cost = cost_with_supplements = None
    if config.prices is not None:
        cost = config.prices.cost(tokens_in, tokens_out)
        cost_with_supplements = cost + sum(config.prices.cost(*counts) for counts in tokens[SUPPLEMENT])
    done_count = len(images) - len(pending)
    return Estimate(len(pending), done_count, len(pending), tokens_in, tokens_out, cost, cost_with_supplements)


async def run_live(images: Sequence[AnnotatedImage], pipeline: ImagePipeline, sender: RequestSender) -> RunSummary:
    """Describe images, many at a time. All that is done is in the store, failures too, when this returns.

    Args:
        images: Those without a description.
        pipeline: What is done with each.
        sender: Sends its requests.

    Raises:
        EndpointError: The endpoint answers nothing; what it did answer before is in the store.
    """
    sender.stop_on_interrupt()
    remaining = iter(images)
    run_in_executor = asyncio.get_running_loop().run_in_executor
    summary = pipeline.summary

    async def worker() -> None:
        for image in remaining:
            try:
                while (request := await run_in_executor(selecting, pipeline.next_request, image)) is not None:
                    await sender.send(request)
            except (StoppedError, EndpointError):
                return
            except (RequestError, UnusableAnswersError, OSError) as error:
                await run_in_executor(selecting, pipeline.fail, image.image_id, error)
            bar.set_postfix_str(f"${sender.budget.spent:,.4f}, {summary.failed} failed", refresh=False)
            bar.update()

    with tqdm(total=len(images), desc="annotate", unit="image") as bar, ThreadPoolExecutor(1, "select") as selecting:
        # More images than requests are under way, so that no request waits for another image's selection.
        await asyncio.gather(*(worker() for _ in range(2 * sender.concurrency)))
    await sender.close()
    if isinstance(sender.stopped, EndpointError):
        raise sender.stopped
    summary.requests = sender.requests
    summary.stopped = None if sender.stopped is None else str(sender.stopped)
    return summary


class StoppedError(AnnotationError):
    """Nothing more is sent in this run; the message says why."""


class RequestSender:
    """Sends requests, so many at a time, never over the budget, and stores each answer before the next is sent.

    Args:
        endpoint: Where they go.
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
        """Sent so far."""
        self.stopped: StoppedError | EndpointError | None = None
        """Why nothing more is sent."""
        self._slots = asyncio.Semaphore(concurrency)
        self._store_thread = ThreadPoolExecutor(1, "store")
        self._consecutive_failures = 0
        self._useless: set[str | None] = set()
        self._was_useful = False

    async def send(self, request: ChatRequest) -> None:
        """Send a request, or one for each choice where the endpoint gives no more; store what comes.

        That may be fewer choices than asked for: the caller asks for the rest then.

        Raises:
            RequestError: A request has no answer.
            StoppedError: Nothing more is sent in this run.
            EndpointError: The endpoint will not answer any request.
            OSError: The image cannot be read.
        """
        messages = await asyncio.to_thread(request.messages)
        parts = [request] if self.endpoint.supports_n else [replace(request, n=1)] * request.n
        results = await asyncio.gather(*(self._send_one(part, messages) for part in parts), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _send_one(self, request: ChatRequest, messages: list[dict[str, Any]]) -> None:
        async with self._slots:
            if self.stopped is not None:
                raise self.stopped
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
                run_in_executor = asyncio.get_running_loop().run_in_executor
                await run_in_executor(self._store_thread, self.store.add_answers, [answer])
                self._consecutive_failures = 0
                self._count_use(answer)
            except RefusedNError:
                return  # the caller sees that choices are missing, and asks for them one by one
            except RequestError as error:
                self._count_failure(error)
                raise
            except EndpointError as error:
                self.stop(error)
                raise
            finally:
                self.budget.settle(request.step, reserved, cost)

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

    def stop(self, reason: StoppedError | EndpointError) -> None:
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
        self._store_thread.shutdown()

"""Annotating a data set: from its images to a T2 description of each in the store, many requests at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from steeldefectx.annotate.pipeline.batch import BatchRun
from steeldefectx.annotate.pipeline.client import Endpoint
from steeldefectx.annotate.pipeline.costs import Budget, Prices
from steeldefectx.annotate.pipeline.endpoint_errors import EndpointError, RequestError
from steeldefectx.annotate.pipeline.image_pipeline import (
    ImagePipeline,
    RunSummary,
    UnusableAnswersError,
    drop_thoughts,
)
from steeldefectx.annotate.pipeline.image_queue import ImageQueue
from steeldefectx.annotate.pipeline.prompts import CANDIDATES, SUPPLEMENT, SamplingConfig, chat_request, image_size
from steeldefectx.annotate.pipeline.responses import usable_texts
from steeldefectx.annotate.pipeline.selection import SENTENCE_MODEL, SentenceModel
from steeldefectx.annotate.pipeline.sender import RequestSender, StoppedError
from steeldefectx.annotate.pipeline.sentence_encoder import SentenceEncoder
from steeldefectx.annotate.pipeline.sight import OneTextError, blind, look
from steeldefectx.errors import AnnotationError, ConfigError
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.leases import BATCH, Leases, LostLeaseError
from steeldefectx.store.schema import AnnotatedImage


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
    endpoint = config.open_endpoint()
    store.add_images(images)
    drop_thoughts(store)
    done = store.annotated()
    pending = [image for image in images if image.image_id not in done]
    if not pending and not store.batches():
        return RunSummary()
    with Leases(store, config.max_cost) as leases:
        if not config.batch:
            _refuse_orphans(store, leases)
        encode = SentenceModel(config.sentence_model).encode
        return asyncio.run(_describe(pending, leases, endpoint, encode, config))


def _refuse_orphans(store: Store, leases: Leases) -> None:
    batches = [batch.file_id for batch in store.batches()]
    if sum(holder.count for holder in leases.holders(BATCH, batches)) < len(batches):
        raise AnnotationError("A batch of this store is still under way: add --batch, and its answers are fetched.")


async def _describe(
    images: Sequence[AnnotatedImage],
    leases: Leases,
    endpoint: Endpoint,
    encode: Callable[[list[str]], np.ndarray],
    config: AnnotationConfig,
) -> RunSummary:
    store = leases.store
    budget = Budget(config.max_cost, store.spent())
    queue = ImageQueue(images, leases)
    encoder = SentenceEncoder(encode)
    pipeline = ImagePipeline(store, config.sampling, encoder, config.model, retry_useless=config.retry_useless)
    try:
        if await look(endpoint, store, budget, config.sampling) == "open":
            pipeline.hold_back_first()
        if config.batch:
            await BatchRun(queue, pipeline, endpoint, budget).run()
        else:
            await run_live(queue, pipeline, encoder, RequestSender(endpoint, leases, budget, config.concurrency))
        pipeline.store_held_back()
    except OneTextError as error:
        store.set_aside(endpoint.model)  # what it has said is paid for and kept, and taken for no description
        raise blind(endpoint, str(error)) from None
    finally:
        encoder.close()
    pipeline.summary.holders = queue.holders()
    return pipeline.summary


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
        size = image_size(Path(image.path))
        for step, n in ((CANDIDATES, config.sampling.candidates), (SUPPLEMENT, 1)):
            tokens[step].append(chat_request(step, image, config.sampling, n).estimate_tokens(config.model, size))
    tokens_in, tokens_out = (sum(counts[i] for counts in tokens[CANDIDATES]) for i in (0, 1))
    cost = cost_with_supplements = None
    if config.prices is not None:
        cost = config.prices.cost(tokens_in, tokens_out)
        cost_with_supplements = cost + sum(config.prices.cost(*counts) for counts in tokens[SUPPLEMENT])
    done_count = len(images) - len(pending)
    return Estimate(len(pending), done_count, len(pending), tokens_in, tokens_out, cost, cost_with_supplements)


async def run_live(queue: ImageQueue, pipeline: ImagePipeline, encoder: SentenceEncoder, sender: RequestSender) -> None:
    """Describe images, many at a time. All that is done is in the store, failures too, when this returns.

    Args:
        queue: The images.
        pipeline: What is done with each.
        encoder: The pipeline's.
        sender: Sends its requests.

    Raises:
        EndpointError: The endpoint answers nothing, or nothing of use; what it did answer is in the store.
        LostLeaseError: Other runs have taken this one for dead.
    """
    sender.stop_on_interrupt()
    run_in_executor = asyncio.get_running_loop().run_in_executor
    summary = pipeline.summary
    taken: deque[AnnotatedImage] = deque()
    taking = asyncio.Lock()

    async def next_image() -> AnnotatedImage | None:
        async with taking:
            if not taken and sender.stopped is None:
                taken.extend(await run_in_executor(selecting, queue.take, sender.concurrency))
        return taken.popleft() if taken and sender.stopped is None else None

    async def describe(image: AnnotatedImage) -> None:
        while (request := await run_in_executor(selecting, pipeline.next_request, image)) is not None:
            answers = await sender.send(request)
            await encoder.prepare([text.text for text in usable_texts(answers)])

    async def worker() -> None:
        while (image := await next_image()) is not None:
            try:
                await describe(image)
            except StoppedError:
                return
            except (EndpointError, LostLeaseError) as error:
                sender.stop(error)
                return
            except (RequestError, UnusableAnswersError, OSError) as error:
                await run_in_executor(selecting, pipeline.fail, image.image_id, error)
            queue.done(image.image_id)
            bar.set_postfix_str(f"${sender.budget.spent:,.4f}, {summary.failed} failed", refresh=False)
            bar.update()

    with tqdm(total=len(queue), desc="annotate", unit="image") as bar, ThreadPoolExecutor(1, "select") as selecting:
        # More images than requests are under way, so that no request waits for another image's selection.
        await asyncio.gather(*(worker() for _ in range(2 * sender.concurrency)))
    await sender.close()
    if isinstance(sender.stopped, EndpointError | LostLeaseError):
        raise sender.stopped
    summary.requests = sender.requests
    summary.stopped = None if sender.stopped is None else str(sender.stopped)

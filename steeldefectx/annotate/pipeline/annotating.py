"""Annotating a data set: from its images to a description of each in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from steeldefectx.annotate.pipeline.asking import Asker
from steeldefectx.annotate.pipeline.batch import BatchRun
from steeldefectx.annotate.pipeline.class_descriptions import ask_about_classes, compose, write_yaml
from steeldefectx.annotate.pipeline.client import Endpoint
from steeldefectx.annotate.pipeline.costs import Budget, Prices
from steeldefectx.annotate.pipeline.generate import Summary, generate
from steeldefectx.annotate.pipeline.one_image import Pipeline
from steeldefectx.annotate.pipeline.prompts import CANDIDATES, SUPPLEMENT
from steeldefectx.annotate.pipeline.questions import ask
from steeldefectx.annotate.pipeline.sentence_model import SENTENCE_MODEL, SentenceModel
from steeldefectx.annotate.pipeline.settings import Settings
from steeldefectx.errors import AnnotationError, ConfigError
from steeldefectx.language.coverage import coverage
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.tables import AnnotatedImage


@dataclass(frozen=True)
class Job:
    """How to annotate."""

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
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Estimate:
    """What a job would take."""

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


def annotate(images: Sequence[AnnotatedImage], store: Store, job: Job) -> Summary:
    """Describe all images that have no description.

    Args:
        images: Of one data set or several.
        store: What is known of them already, and where all goes.
        job: How.

    Raises:
        ConfigError: Settings that make no sense, or no key.
        ModelError: No sentence model.
        AnnotationError: The endpoint refuses or takes no batches; or it still has a batch, and this is none.
    """
    _check_prices(job)
    if store.batches() and not job.batch:
        raise AnnotationError("A batch of this store is still under way: add --batch, and its answers are fetched.")
    endpoint = _endpoint(job)
    store.add_images(images)
    done = store.annotated()
    todo = [image for image in images if image.image_id not in done]
    if not todo and not store.batches():
        return Summary()
    pipeline = Pipeline(store, job.settings, SentenceModel(job.sentence_model).encode, lambda text: coverage(text).bits)
    budget = Budget(job.max_cost, store.spent())
    if job.batch:
        return asyncio.run(BatchRun(todo, pipeline, endpoint, budget).run())
    return asyncio.run(_live(todo, pipeline, endpoint, budget, job.concurrency))


def describe_classes(names: Sequence[str], out: Path, store: Store, job: Job) -> dict[str, str]:
    """Draft the sentences of classes, see :mod:`.classes`; they are written if no class failed.

    Args:
        names: Of the classes.
        out: YAML file.
        store: Where answers are kept.
        job: How.

    Returns:
        Class -> why it failed.

    Raises:
        ConfigError, ModelError, AnnotationError: As :func:`annotate`; or ``out`` is there already.
    """
    _check_prices(job)
    encode = SentenceModel(job.sentence_model).encode
    failed = asyncio.run(_about_classes(names, store, job))
    if not failed:
        write_yaml(out, {name: compose(name, store, job.settings, encode) for name in names})
    return failed


async def _about_classes(names: Sequence[str], store: Store, job: Job) -> dict[str, str]:
    asker = Asker(_endpoint(job), store, Budget(job.max_cost, store.spent()), job.concurrency)
    return await ask_about_classes(names, asker, job.settings)


def _endpoint(job: Job) -> Endpoint:
    return Endpoint(job.model, job.base_url, job.prices, job.timeout)


def _check_prices(job: Job) -> None:
    if job.max_cost is not None and job.prices is None:
        raise ConfigError(f"The price of {job.model} is not known: --max-cost needs --price-in and --price-out.")


async def _live(
    images: list[AnnotatedImage], pipeline: Pipeline, endpoint: Endpoint, budget: Budget, concurrency: int
) -> Summary:
    return await generate(images, pipeline, Asker(endpoint, pipeline.store, budget, concurrency))


def estimate(images: Sequence[AnnotatedImage], done: set[str], job: Job) -> Estimate:
    """Price a job. Nothing is asked or written.

    Args:
        images: Of the data set.
        done: Ids of those that have their description.
        job: How.
    """
    todo = [image for image in images if image.image_id not in done]
    first = second = (0, 0)
    for image in todo:
        with Image.open(Path(image.path)) as picture:
            size = picture.size
        first = _plus(first, ask(CANDIDATES, job.settings, image, job.settings.candidates).tokens(job.model, size))
        second = _plus(second, ask(SUPPLEMENT, job.settings, image).tokens(job.model, size))
    costs = [None if job.prices is None else job.prices.cost(*tokens) for tokens in (first, _plus(first, second))]
    return Estimate(len(todo), len(images) - len(todo), len(todo), *first, *costs)


def _plus(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]

"""Describing images: many at a time, each from its first question to its description, or to a reason why not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tqdm.auto import tqdm

from steeldefectx.annotate.pipeline.asking import Asker, StoppedError
from steeldefectx.annotate.pipeline.client import HopelessError, RequestError
from steeldefectx.annotate.pipeline.one_image import Pipeline, UnusableError
from steeldefectx.store.tables import AnnotatedImage


@dataclass
class Summary:
    """What a run did."""

    annotated: int = 0
    failed: int = 0
    requests: int = 0
    stopped: str | None = None
    """Why it ended before all images were done."""


async def generate(images: Sequence[AnnotatedImage], pipeline: Pipeline, asker: Asker) -> Summary:
    """Describe images. All that is done is in the store, failures too, when this returns.

    Args:
        images: Those without a description.
        pipeline: What is done with each.
        asker: Who asks.

    Raises:
        HopelessError: The endpoint answers nothing; what it did answer before is in the store.
    """
    asker.stop_on_interrupt()
    summary = Summary()
    todo = iter(images)
    with tqdm(total=len(images), desc="annotate", unit="image") as bar, ThreadPoolExecutor(1, "select") as thread:
        # More images than requests are under way, so that no request waits for another image's selection.
        workers = [_work(todo, pipeline, asker, summary, bar, thread) for _ in range(2 * asker.concurrency)]
        await asyncio.gather(*workers)
    await asker.close()
    summary.requests = asker.requests
    if isinstance(asker.stopped, HopelessError):
        raise asker.stopped
    summary.stopped = None if asker.stopped is None else str(asker.stopped)
    return summary


async def _work(
    todo: Iterator[AnnotatedImage],
    pipeline: Pipeline,
    asker: Asker,
    summary: Summary,
    bar: tqdm,
    thread: ThreadPoolExecutor,
) -> None:
    """Describe one image after the other, as long as there are any."""
    in_thread = asyncio.get_running_loop().run_in_executor
    for image in todo:
        try:
            while (question := await in_thread(thread, pipeline.advance, image)) is not None:
                await asker.put(question)
            summary.annotated += 1
        except (StoppedError, HopelessError):
            return
        except (RequestError, UnusableError, OSError) as error:
            reason = str(error) if not isinstance(error, OSError) else f"the image cannot be read: {error}"
            await in_thread(thread, pipeline.store.fail, image.image_id, reason)
            summary.failed += 1
        bar.set_postfix_str(f"${asker.budget.spent:,.4f}, {summary.failed} failed", refresh=False)
        bar.update()

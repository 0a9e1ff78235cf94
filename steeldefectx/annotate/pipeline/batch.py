"""Annotating by the Batch API: all requests in a few files, answered within a day at half the price.

A batch is in the store from the moment its file is uploaded until its answers are: a killed run is gone on with, and
nothing is asked, or paid for, twice.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import openai
from tqdm.auto import tqdm

from steeldefectx.annotate.pipeline.client import Endpoint
from steeldefectx.annotate.pipeline.costs import Budget
from steeldefectx.annotate.pipeline.endpoint_errors import (
    Refusal,
    RefusedParametersError,
    RequestError,
    message_of,
)
from steeldefectx.annotate.pipeline.image_pipeline import ImagePipeline, UnusableAnswersError
from steeldefectx.annotate.pipeline.image_queue import ImageQueue
from steeldefectx.annotate.pipeline.prompts import PROMPT_VERSION, ChatRequest
from steeldefectx.annotate.pipeline.request_parameters import stored_parameters
from steeldefectx.errors import AnnotationError
from steeldefectx.store.annotation_store import IDS_AT_A_TIME
from steeldefectx.store.leases import BATCH
from steeldefectx.store.schema import AnnotatedImage, Answer, Batch
from steeldefectx.utils.surrogates import replace_surrogates

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
MAX_FILE_BYTES, MAX_FILE_REQUESTS = 180_000_000, 50_000
"""A file with that much is full. By OpenAI's rules a batch takes 200 MB and 50,000 requests."""
FIRST_WAIT, MAX_WAIT = 1.0, 60.0
"""Seconds between two looks at a batch, at first and after a while."""
ENDED = ("completed", "failed", "expired", "cancelled")


class BatchRun:
    """Describes images in rounds: the next requests of all images make a batch or several.

    Args:
        queue: The images.
        pipeline: What is done with each.
        endpoint: Where batches go.
        budget: What may be spent.
    """

    def __init__(self, queue: ImageQueue, pipeline: ImagePipeline, endpoint: Endpoint, budget: Budget):
        self.queue = queue
        self.leases = queue.leases
        self.store = pipeline.store
        self.pipeline = pipeline
        self.endpoint = endpoint
        self.budget = budget
        self.summary = pipeline.summary
        self._images = {image.image_id: image for image in self.store.images()}
        self._pending: list[AnnotatedImage] = []
        self._bar = tqdm(total=len(queue), desc="annotate (batches)", unit="image")

    async def run(self) -> None:
        """Describe them.

        Raises:
            AnnotationError: The endpoint takes no batches, or lost one.
        """
        with self._bar, self._api_errors():
            batches = self._take_batches()
            while some := self.queue.take(IDS_AT_A_TIME):
                self._pending += some
            await self._collect(batches)
            while self._pending and self.summary.stopped is None:
                requests = deque(self._affordable(self._next_requests()))
                submitted = []
                while requests:
                    submitted.append(await self._submit(requests))
                await self._collect([batch for batch in submitted if batch is not None])
        await self.endpoint.client.close()

    def _take_batches(self) -> list[Batch]:
        """The batches that are under way, but for those whose answers another run fetches."""
        taken = self.leases.take(BATCH, [batch.file_id for batch in self.store.batches()])
        self.queue.own_batches |= taken
        return [batch for batch in self.store.batches() if batch.file_id in taken]

    @contextmanager
    def _api_errors(self) -> Iterator[None]:
        try:
            yield
        except openai.OpenAIError as error:
            message = f"The Batch API failed, run the same command again: {self.endpoint.error_message(error)}"
            raise AnnotationError(message) from None

    def _next_requests(self) -> Iterator[ChatRequest]:
        """The next request of each pending image; images without one are done."""
        images, self._pending = self._pending, []
        for image in images:
            try:
                request = self.pipeline.next_request(image)
            except UnusableAnswersError as error:
                self._fail(image.image_id, error)
                continue
            if request is None:
                self._bar.update()
                continue
            self._pending.append(image)
            if self.endpoint.supports_n:
                yield request
            else:
                yield from [replace(request, n=1)] * request.n

    def _affordable(self, requests: Iterable[ChatRequest]) -> Iterator[ChatRequest]:
        for request in requests:
            try:
                cost = request.estimate_cost(self.endpoint.model, self.endpoint.prices)
            except OSError as error:
                self._fail(request.image_id, error)
                continue
            if self.budget.reserve(request.step, cost) is None:
                self.summary.stopped = f"More requests could take the cost over ${self.budget.limit:,.2f}."
            else:
                yield request

    async def _submit(self, requests: deque[ChatRequest]) -> Batch | None:
        """Upload as many requests as a file takes, store the batch, and start it; None if no image can be read."""
        submitted: list[dict[str, Any]] = []
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            while requests and len(submitted) < MAX_FILE_REQUESTS and file.tell() < MAX_FILE_BYTES:
                request = requests.popleft()
                try:
                    messages = request.messages()
                except OSError as error:
                    self._fail(request.image_id, error)
                    continue
                custom_id, parameters = str(len(submitted)), self.endpoint.accepted_parameters(request)
                body = {"model": self.endpoint.model, "messages": messages, **parameters}
                file.write(json.dumps({"custom_id": custom_id, "method": "POST", "url": URL, "body": body}) + "\n")
                stored = {"custom_id": custom_id, "image_id": request.image_id, "step": request.step}
                submitted.append(stored | {"parameters": stored_parameters(request.parameters, parameters)})
            if not submitted:
                return None
            file.flush()
            uploaded = await self.endpoint.client.files.create(file=Path(file.name), purpose="batch")
        self.summary.requests += len(submitted)
        self.queue.own_batches |= self.leases.take(BATCH, [uploaded.id])
        batch = Batch(uploaded.id, self.endpoint.model, PROMPT_VERSION, submitted)
        self.store.save_batch(batch)
        return await self._start(batch)

    async def _start(self, batch: Batch) -> Batch:
        """Start the batch of an uploaded file, unless a run that was killed has started it."""
        self.leases.check()
        batch_id = None
        async for other in self.endpoint.client.batches.list(limit=100):
            if other.input_file_id == batch.file_id:
                batch_id = other.id
        if batch_id is None:
            started = await self.endpoint.client.batches.create(
                input_file_id=batch.file_id, endpoint=URL, completion_window="24h"
            )
            batch_id = started.id
        batch.batch_id = batch_id
        self.store.save_batch(batch)
        return batch

    async def _collect(self, batches: list[Batch]) -> None:
        """Wait for batches, and store their answers."""
        for batch in batches:
            if batch.batch_id is None:
                await self._start(batch)
            self._bar.set_postfix_str(f"waiting for {batch.batch_id}, ${self.budget.spent:,.4f}")
            ended = await self._wait(str(batch.batch_id))
            lines = await self._lines(ended.output_file_id) + await self._lines(ended.error_file_id)
            answers, errors = self._parse(batch, lines, _missing_reason(ended))
            self.store.add_answers(answers, of_batch=batch.file_id)
            self.budget.spent += sum(answer.cost for answer in answers)
            for image_id, error in errors.items():
                self._fail(image_id, error)
        self.budget.release()

    async def _wait(self, batch_id: str) -> Any:
        wait = FIRST_WAIT
        while True:
            batch = await self.endpoint.client.batches.retrieve(batch_id)
            if batch.status in ENDED:
                return batch
            await asyncio.sleep(wait)
            wait = min(1.5 * wait, MAX_WAIT)

    async def _lines(self, file_id: str | None) -> list[dict[str, Any]]:
        """The lines of a file of the API that are JSON objects."""
        if file_id is None:
            return []
        content = await self.endpoint.client.files.content(file_id)
        lines = []
        for text in content.text.splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                lines.append(line)
        return lines

    def _parse(
        self, batch: Batch, lines: list[dict[str, Any]], missing_reason: str
    ) -> tuple[list[Answer], dict[str, RequestError]]:
        """The answers in a batch's lines, and the errors of images without one."""
        line_of = {line.get("custom_id"): line for line in lines}
        answers, errors = [], {}
        for submitted in batch.requests:
            line = line_of.get(submitted["custom_id"])
            try:
                if line is None:
                    raise RequestError(missing_reason)
                answer = self.endpoint.parse_reply(self._request(submitted), self._body(line, submitted["parameters"]))
                answers.append(answer)
                answer.model, answer.prompt_version = batch.model, batch.prompt_version
            except RefusedParametersError:
                continue  # the image is pending: it is in the next batch, asked for otherwise
            except RequestError as error:
                errors[submitted["image_id"]] = error
        return answers, errors

    def _body(self, line: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
        """The body of the reply that a line holds.

        Args:
            line: Parsed JSON.
            sent: Parameters of its request.

        Raises:
            RefusedParametersError: It holds the refusal of some of them.
            RequestError: It holds an error.
        """
        response = line.get("response") or {}
        body = response.get("body")
        if response.get("status_code") != 200 or not isinstance(body, dict):
            message = self.endpoint.redact(message_of(body) if body else json.dumps(line.get("error")))
            sent = {name: value for name, value in sent.items() if name != "refused"}
            if self.endpoint.adapts(sent, Refusal(int(response.get("status_code") or 0), message, body)):
                raise RefusedParametersError(message)
            raise RequestError(message)
        return replace_surrogates(body)

    def _request(self, submitted: dict[str, Any]) -> ChatRequest:
        """The request that a stored batch has; an earlier version or other parameters may have made it."""
        image, parameters = self._images[submitted["image_id"]], submitted["parameters"]
        max_tokens = parameters.get("max_tokens") or parameters.get("max_completion_tokens") or 0
        as_sent = {"temperature": None, "top_p": None, "max_tokens": None, **parameters}
        n = parameters.get("n", 1)
        return ChatRequest(submitted["step"], image.class_name, image, n, max_tokens, None, None, extra=as_sent)

    def _fail(self, image_id: str, error: Exception) -> None:
        self.pipeline.fail(image_id, error)
        self._pending = [image for image in self._pending if image.image_id != image_id]
        self._bar.update()


def _missing_reason(batch: Any) -> str:
    """Why a request of an ended batch has no answer."""
    errors = [error.message for error in (batch.errors.data if batch.errors else []) or [] if error.message]
    return f"the batch {batch.status}" + (f": {errors[0]}" if errors else " without an answer to it")

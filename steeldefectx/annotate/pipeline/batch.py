"""The same by the Batch API: all questions in a few files, answered within a day at half the price.

A batch is in the store from the moment its file is uploaded until its answers are: a killed run is gone on with, and
nothing is asked, or paid for, twice.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import openai
from tqdm.auto import tqdm

from steeldefectx.annotate.pipeline.asking import estimated_cost
from steeldefectx.annotate.pipeline.client import Endpoint, RequestError
from steeldefectx.annotate.pipeline.costs import Budget
from steeldefectx.annotate.pipeline.generate import Summary
from steeldefectx.annotate.pipeline.one_image import Pipeline, UnusableError
from steeldefectx.annotate.pipeline.prompts import VERSION
from steeldefectx.annotate.pipeline.questions import Question
from steeldefectx.errors import AnnotationError
from steeldefectx.store.tables import AnnotatedImage, Answer, Batch

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
FILE_BYTES, FILE_REQUESTS = 180_000_000, 50_000
"""A file with that much is full. By OpenAI's rules a batch takes 200 MB and 50,000 requests."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between two looks at a batch, at first and after a while."""
ENDED = ("completed", "failed", "expired", "cancelled")


class BatchRun:
    """Describes images in rounds: all that is to be asked next of all images makes a batch or several."""

    def __init__(self, images: Sequence[AnnotatedImage], pipeline: Pipeline, endpoint: Endpoint, budget: Budget):
        self.store = pipeline.store
        self.pipeline = pipeline
        self.endpoint = endpoint
        self.budget = budget
        self.summary = Summary()
        self._images = {image.image_id: image for image in self.store.images()}
        self._pending = list(images)
        self._bar = tqdm(total=len(images), desc="annotate (batches)", unit="image")

    async def run(self) -> Summary:
        """Describe them.

        Raises:
            AnnotationError: The endpoint takes no batches, or lost one.
        """
        with self._bar, self._told():
            await self._collect(self.store.batches())
            while self._pending and self.summary.stopped is None:
                questions = deque(self._affordable(self._questions()))
                submitted = []
                while questions:
                    submitted.append(await self._submit(questions))
                await self._collect([batch for batch in submitted if batch is not None])
        await self.endpoint.client.close()
        return self.summary

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except openai.OpenAIError as error:
            message = f"The Batch API failed, run the same command again: {self.endpoint.reason(error)}"
            raise AnnotationError(message) from None

    def _questions(self) -> Iterator[Question]:
        """The next question of each pending image; those without one are done."""
        pending, self._pending = self._pending, []
        for image in pending:
            try:
                question = self.pipeline.advance(image)
            except UnusableError as error:
                self._fail(image.image_id, str(error))
                continue
            if question is None:
                self.summary.annotated += 1
                self._bar.update()
                continue
            self._pending.append(image)
            several = question.n if not self.endpoint.several_choices else 1
            yield from [question if several == 1 else replace(question, n=1)] * several

    def _affordable(self, questions: Iterable[Question]) -> Iterator[Question]:
        for question in questions:
            try:
                cost = estimated_cost(question, self.endpoint.model, self.endpoint.prices)
            except OSError as error:
                self._fail(question.image_id, f"the image cannot be read: {error}")
                continue
            if self.budget.reserve(question.step, cost) is None:
                self.summary.stopped = f"More requests could take the cost over ${self.budget.limit:,.2f}."
            else:
                yield question

    async def _submit(self, questions: deque[Question]) -> Batch | None:
        """Upload as many requests as a file takes, note it, and start its batch; None if no image can be read."""
        requests: list[dict[str, Any]] = []
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            while questions and len(requests) < FILE_REQUESTS and file.tell() < FILE_BYTES:
                question = questions.popleft()
                try:
                    messages = question.messages()
                except OSError as error:
                    self._fail(question.image_id, f"the image cannot be read: {error}")
                    continue
                asked = {"custom_id": str(len(requests)), "method": "POST", "url": URL}
                body = {"model": self.endpoint.model, "messages": messages, **question.parameters}
                file.write(json.dumps(asked | {"body": body}) + "\n")
                about = {"image_id": question.image_id, "step": question.step, "parameters": question.parameters}
                requests.append({"custom_id": asked["custom_id"], **about})
            if not requests:
                return None
            file.flush()
            uploaded = await self.endpoint.client.files.create(file=Path(file.name), purpose="batch")
        self.summary.requests += len(requests)
        batch = Batch(uploaded.id, self.endpoint.model, VERSION, requests)
        self.store.save_batch(batch)
        return await self._start(batch)

    async def _start(self, batch: Batch) -> Batch:
        """Start a batch of an uploaded file, unless that was done before a kill."""
        found = None
        async for other in self.endpoint.client.batches.list(limit=100):
            if other.input_file_id == batch.file_id:
                found = other.id
        if found is None:
            started = await self.endpoint.client.batches.create(
                input_file_id=batch.file_id, endpoint=URL, completion_window="24h"
            )
            found = started.id
        batch.batch_id = found
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
            answers, reasons = self._read(batch, lines, _why(ended))
            self.store.add_answers(answers, of_batch=batch.file_id)
            self.budget.spent += sum(answer.cost for answer in answers)
            for image_id, reason in reasons.items():
                self._fail(image_id, reason)
        self.budget.release()

    async def _wait(self, batch_id: str) -> Any:
        wait = FIRST_WAIT
        while True:
            batch = await self.endpoint.client.batches.retrieve(batch_id)
            if batch.status in ENDED:
                return batch
            await asyncio.sleep(wait)
            wait = min(1.5 * wait, LONGEST_WAIT)

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

    def _read(self, batch: Batch, lines: list[dict[str, Any]], otherwise: str) -> tuple[list[Answer], dict[str, str]]:
        """The answers in a batch's lines, and why images have none."""
        by_id = {line.get("custom_id"): line for line in lines}
        answers, reasons = [], {}
        for request in batch.requests:
            line = by_id.get(request["custom_id"])
            try:
                if line is None:
                    raise RequestError(otherwise)
                answer = self.endpoint.answer(self._question(request), self._body(line))
                answers.append(answer)
                answer.model, answer.prompt_version = batch.model, batch.prompt_version
            except RequestError as error:
                reasons[request["image_id"]] = str(error)
        return answers, reasons

    def _body(self, line: dict[str, Any]) -> dict[str, Any]:
        response = line.get("response") or {}
        body = response.get("body")
        if response.get("status_code") != 200 or not isinstance(body, dict):
            raise RequestError(self.endpoint.clean(json.dumps(line.get("error") or body)))
        return body

    def _question(self, request: dict[str, Any]) -> Question:
        """A question of a batch, which an earlier version or other settings may have asked."""
        image, asked = self._images[request["image_id"]], request["parameters"]
        n, most = asked.get("n", 1), asked["max_tokens"]
        return Question(request["step"], image.class_name, image, n, most, asked["temperature"], asked["top_p"])

    def _fail(self, image_id: str, reason: str) -> None:
        self.store.fail(image_id, reason)
        self._pending = [image for image in self._pending if image.image_id != image_id]
        self.summary.failed += 1
        self._bar.update()


def _why(batch: Any) -> str:
    """Why a request of an ended batch has no answer."""
    errors = [error.message for error in (batch.errors.data if batch.errors else []) or [] if error.message]
    return f"the batch {batch.status}" + (f": {errors[0]}" if errors else " without an answer to it")

"""What the desk's page can ask of Python: each call takes and gives JSON, for the annotator who is logged in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal, cast

import gradio
from fastapi import Request
from pydantic import BaseModel, Field

from steeldefectx.annotate.desk.adjudication import AdjudicationQueue
from steeldefectx.annotate.desk.agreement import progress
from steeldefectx.annotate.desk.done_list import DoneRequest, list_done
from steeldefectx.annotate.desk.flags import Segment
from steeldefectx.annotate.desk.login import Authenticator
from steeldefectx.annotate.desk.queue import MAX_TEXT_LENGTH, ImageQueue, Stage, Submission
from steeldefectx.annotate.desk.reviews import ReviewQueue
from steeldefectx.errors import SteelDefectXError
from steeldefectx.store.annotation_store import ConflictError, Store


class OpenRequest(BaseModel):
    """Which image to show."""

    stage: Stage
    where: Literal["at", "next", "back"]
    """This image, or the one after or before it."""
    image_id: str | None


class StageSubmission(Submission):
    """What an annotator has made of an image in a stage."""

    stage: Stage


class CheckRequest(BaseModel):
    """A text to check while it is typed."""

    image_id: str
    text: str = Field(max_length=MAX_TEXT_LENGTH)


class DeskApi:
    """The calls, on one store; the first argument is the annotator."""

    def __init__(self, store: Store):
        self.store = store
        self.reviews = ReviewQueue(store)
        self.adjudications = AdjudicationQueue(store)

    def begin(self, annotator: str, data: dict[str, Any]) -> dict[str, Any]:
        """Who is logged in, and to which store: what the browser keeps goes by both."""
        return {"store": self.store.place, "counts": self._counts(annotator)}

    def open_item(self, annotator: str, data: dict[str, Any]) -> dict[str, Any]:
        """The image asked for, None if there is none."""
        request = OpenRequest(**data)
        queue = self._queue(request.stage)
        if request.where == "next":
            return self._next(annotator, queue, request.image_id)
        image_id = request.image_id
        if request.where == "back":
            image_id = queue.previous_image(annotator, request.image_id)
            if image_id is None:
                return {"error": "Nothing before this one."}
        return self._item(annotator, queue, image_id)

    def save_draft(self, annotator: str, data: dict[str, Any]) -> None:
        """Store what is typed so far."""
        submission = StageSubmission(**data)
        self._queue(submission.stage).save_draft(annotator, submission)

    def hand_in(self, annotator: str, data: dict[str, Any]) -> dict[str, Any]:
        """Store a review or decision and go on to the next image; with a conflict, the image as it is now."""
        submission = StageSubmission(**data)
        queue = self._queue(submission.stage)
        try:
            queue.hand_in(annotator, submission)
        except ConflictError as error:  # the page keeps what is typed and shows it beside
            return {"conflict": str(error), "item": asdict(queue.open(annotator, submission.image_id))}
        return self._next(annotator, queue, submission.image_id)

    def check_text(self, annotator: str, data: dict[str, Any]) -> list[Segment]:
        """The text in the box, cut where it contradicts the image."""
        request = CheckRequest(**data)
        return self.reviews.checker.segments(request.image_id, request.text)

    def list_done(self, annotator: str, data: dict[str, Any]) -> dict[str, Any]:
        """What the annotator has reviewed, and what is closed."""
        return list_done(self.store, annotator, DoneRequest(**data))

    def show_progress(self, annotator: str, data: dict[str, Any]) -> dict[str, Any]:
        """How far everyone is."""
        return asdict(progress(self.store)) | {"counts": self._counts(annotator)}

    def _queue(self, stage: Stage) -> ImageQueue:
        return self.reviews if stage == "review" else self.adjudications

    def _next(self, annotator: str, queue: ImageQueue, after: str | None) -> dict[str, Any]:
        return self._item(annotator, queue, queue.next_image(annotator, after))

    def _item(self, annotator: str, queue: ImageQueue, image_id: str | None) -> dict[str, Any]:
        item = None if image_id is None else asdict(queue.open(annotator, image_id))
        return {"item": item, "counts": self._counts(annotator)}

    def _counts(self, annotator: str) -> dict[str, Any]:
        return {
            "annotator": annotator,
            "done": self.reviews.count_done(annotator),
            "left": self.reviews.count_pending(annotator),
            "waiting": self.adjudications.count_pending(annotator),
        }


def server_functions(store: Store, authenticator: Authenticator) -> list[Callable[..., Any]]:
    """The calls as Gradio takes them; an error that the annotator can mend is returned, not raised."""
    api = DeskApi(store)
    calls: list[Callable[[str, dict[str, Any]], Any]] = [
        *(api.begin, api.open_item, api.save_draft, api.hand_in),
        *(api.check_text, api.list_done, api.show_progress),
    ]
    return [_server_function(call, authenticator) for call in calls]


def _server_function(call: Callable[[str, dict[str, Any]], Any], authenticator: Authenticator) -> Callable[..., Any]:
    def server_function(data: dict[str, Any], request: gradio.Request) -> Any:
        annotator = authenticator.require(cast(Request, request))  # which it is: Gradio passes the original on
        if data.get("annotator", "") not in ("", annotator):
            return {"error": f"This browser is logged in as {annotator} now: reload the page."}
        try:
            return call(annotator, data)
        except SteelDefectXError as error:
            return {"error": str(error)}

    server_function.__name__ = call.__name__
    return server_function

"""What the review desk's page can ask of Python: each call takes and gives JSON, for the annotator logged in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal, cast

import gradio
from fastapi import Request
from pydantic import BaseModel, Field

from steeldefectx.annotate.desk.adjudication import Adjudicator
from steeldefectx.annotate.desk.agreement import progress
from steeldefectx.annotate.desk.flags import Checker, Segment
from steeldefectx.annotate.desk.login import Logins
from steeldefectx.annotate.desk.queue import Desk
from steeldefectx.errors import SteelDefectXError
from steeldefectx.store.annotation_store import ConflictError, Store

LONGEST_TEXT = 4000
"""Characters of a text, and of nothing a browser sends are there more."""


class Opening(BaseModel):
    """Which image to show."""

    stage: Literal["review", "adjudicate"]
    where: Literal["at", "next", "back"]
    """This image, or the one after or before it."""
    image_id: str | None


class Answers(BaseModel):
    """What an annotator has made of an image."""

    stage: Literal["review", "adjudicate"]
    image_id: str
    text: str = Field(max_length=LONGEST_TEXT)
    judgements: dict[str, str] = Field(default={}, max_length=10)
    seconds: float = Field(ge=0, le=1e6)
    version: int = 0
    """The version of what was handed in that the page has seen."""
    verdict: str = ""
    seen: dict[str, int] = Field(default={}, max_length=100)
    """Annotator -> version of the review seen, in adjudicating."""


class Text(BaseModel):
    """A text in the making."""

    image_id: str
    text: str = Field(max_length=LONGEST_TEXT)


class Calls:
    """The calls, on one store; the first argument is who calls."""

    def __init__(self, store: Store):
        self.store = store
        self.desk = Desk(store)
        self.adjudicator = Adjudicator(store)
        self.checker = Checker(store)

    def open_item(self, annotator: str, data: dict[str, Any]) -> dict[str, Any]:
        """The image asked for, None if there is none."""
        asked = Opening(**data)
        if asked.where == "at":
            image_id = asked.image_id
        elif asked.where == "next":
            image_id = self._next(annotator, asked.stage, asked.image_id)
        else:
            image_id = self._previous(annotator, asked.stage, asked.image_id)
            if image_id is None:
                return {"error": "Nothing before this one."}
        return {"item": self._item(annotator, asked.stage, image_id), "counts": self._counts(annotator)}

    def save_draft(self, annotator: str, data: dict[str, Any]) -> None:
        """Keep what is typed so far."""
        told = Answers(**data)
        self.desk.save_draft(annotator, told.image_id, told.text, told.judgements, told.seconds, told.stage)

    def hand_in(self, annotator: str, data: dict[str, Any]) -> dict[str, Any]:
        """Keep a review or decision and go on to the next image; tell where another one was first."""
        told = Answers(**data)
        try:
            self._keep(annotator, told)
        except ConflictError as error:
            return self._conflict(annotator, told, error)
        image_id = self._next(annotator, told.stage, told.image_id)
        return {"item": self._item(annotator, told.stage, image_id), "counts": self._counts(annotator)}

    def check_text(self, annotator: str, data: dict[str, Any]) -> list[Segment]:
        """The text in the box, cut where it contradicts the image."""
        told = Text(**data)
        return self.checker.segments(told.image_id, told.text)

    def list_done(self, annotator: str, data: dict[str, Any]) -> list[dict[str, Any]]:
        """What the annotator has reviewed."""
        return self.desk.done(annotator)

    def show_progress(self, annotator: str, data: dict[str, Any]) -> dict[str, Any]:
        """How far everyone is."""
        return asdict(progress(self.store)) | {"counts": self._counts(annotator)}

    def _keep(self, annotator: str, told: Answers) -> None:
        if told.stage == "review":
            self.desk.hand_in(
                annotator, told.image_id, told.verdict, told.text, told.judgements, told.seconds, told.version
            )
        else:
            self.adjudicator.decide(
                annotator, told.image_id, told.verdict, told.text, told.seconds, told.version, told.seen
            )

    def _conflict(self, annotator: str, told: Answers, error: ConflictError) -> dict[str, Any]:
        """The item as it is now: the page keeps what is typed and shows it beside."""
        return {"conflict": str(error), "item": self._item(annotator, told.stage, told.image_id)}

    def _next(self, annotator: str, stage: str, after: str | None) -> str | None:
        if stage == "review":
            return self.desk.next_image(annotator, after)
        return self.adjudicator.next_image(after)

    def _previous(self, annotator: str, stage: str, before: str | None) -> str | None:
        if stage == "review":
            return self.desk.previous_image(annotator, before)
        return self.adjudicator.previous_image(annotator, before)

    def _item(self, annotator: str, stage: str, image_id: str | None) -> dict[str, Any] | None:
        if image_id is None:
            return None
        return asdict(
            self.desk.open(annotator, image_id) if stage == "review" else self.adjudicator.open(annotator, image_id)
        )

    def _counts(self, annotator: str) -> dict[str, Any]:
        return asdict(self.desk.counts(annotator)) | {"waiting": self.adjudicator.waiting()}


def server_functions(store: Store, logins: Logins) -> list[Callable[..., Any]]:
    """The calls as Gradio takes them; an error a user can mend is told, not raised."""
    calls = Calls(store)
    offered: list[Callable[[str, dict[str, Any]], Any]] = [
        *(calls.open_item, calls.save_draft, calls.hand_in),
        *(calls.check_text, calls.list_done, calls.show_progress),
    ]
    return [_served(call, logins) for call in offered]


def _served(call: Callable[[str, dict[str, Any]], Any], logins: Logins) -> Callable[..., Any]:
    def served(data: dict[str, Any], request: gradio.Request) -> Any:
        annotator = logins.require(cast(Request, request))  # which it is: Gradio hands on what came
        try:
            return call(annotator, data)
        except SteelDefectXError as error:
            return {"error": str(error)}

    served.__name__ = call.__name__
    return served

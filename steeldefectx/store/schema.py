"""Tables of the annotation store. An instance is a plain dataclass once its transaction has ended.

Whoever changes a table adds a revision to ``migrations/versions``; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column
from sqlalchemy.types import TypeDecorator


class Moment(TypeDecorator[datetime]):
    """A time in UTC; SQLite itself keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """As UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Base(MappedAsDataclass, DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {
        str: Text,
        datetime: Moment,
        dict[str, Any]: JSON,
        dict[str, str]: JSON,
        list[dict[str, Any]]: JSON,
        list[bool]: JSON,
    }


class AnnotatedImage(Base):
    """An image that is to be described."""

    __tablename__ = "images"

    image_id: Mapped[str] = mapped_column(primary_key=True)
    """The data set's id, the same wherever the files lie."""
    class_name: Mapped[str]
    source: Mapped[str]
    t1: Mapped[str | None]
    """Class description, where there is one."""
    path: Mapped[str]
    """Absolute path of the image's file."""
    mask: Mapped[str | None]
    """Absolute path of the mask's file: grey levels above 127 are the defect."""
    sha256: Mapped[str]
    """Of the image's file."""


class Answer(Base):
    """An answer of a model as it came: what was paid for."""

    __tablename__ = "answers"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    step: Mapped[str]
    """One of :data:`~steeldefectx.annotate.pipeline.prompts.STEPS`."""
    image_id: Mapped[str | None] = mapped_column(ForeignKey("images.image_id"), index=True)
    class_name: Mapped[str | None] = mapped_column(index=True)
    """In the place of an image, where the question is about a class."""
    prompt_version: Mapped[str]
    model: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    """What was asked for beside the prompt: temperature, top_p, max_tokens, n."""
    choices: Mapped[list[dict[str, Any]]]
    """All choices: ``text`` (None if there is none), ``finish_reason`` and ``refusal``."""
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost: Mapped[float]
    """In dollars, by the prices of the run."""
    created: Mapped[datetime] = mapped_column(default_factory=now)


class Candidate(Base):
    """A description that was generated for an image, and what the selection made of it."""

    __tablename__ = "candidates"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    image_id: Mapped[str] = mapped_column(ForeignKey("images.image_id"), index=True)
    answer_id: Mapped[int] = mapped_column(ForeignKey("answers.id"))
    text: Mapped[str]
    truncated: Mapped[bool]
    """Cut off before its end."""
    kept: Mapped[bool]
    """Differs enough from the others that were kept."""
    coverage: Mapped[list[bool]]
    """Whether it states shape, size, depth, location, contrast."""
    diversity: Mapped[float | None]
    """D, 0..1; None unless kept."""
    score: Mapped[float | None]
    """S, 0..1; None unless kept."""
    rank: Mapped[int | None]
    """1 for the best; None unless kept."""
    chosen: Mapped[bool]
    """It is the image's T2."""
    risk: Mapped[float | None] = mapped_column(default=None)
    """0..1, how likely its claims are wrong; None: not checked."""


class Failure(Base):
    """An image without a description, and why."""

    __tablename__ = "failures"

    image_id: Mapped[str] = mapped_column(ForeignKey("images.image_id"), primary_key=True)
    reason: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=1)
    updated: Mapped[datetime] = mapped_column(default_factory=now)


class Batch(Base):
    """A job that was handed to a Batch API and whose answers are not all in the store yet."""

    __tablename__ = "batches"

    file_id: Mapped[str] = mapped_column(primary_key=True)
    """The API's id of the requests' file: known before the job begins, so that none is ever paid for and lost."""
    model: Mapped[str]
    prompt_version: Mapped[str]
    requests: Mapped[list[dict[str, Any]]]
    """What is asked, without the images: ``custom_id``, ``image_id``, ``step``, ``parameters``."""
    batch_id: Mapped[str | None] = mapped_column(default=None)
    """The API's id of the job, once it is under way."""
    created: Mapped[datetime] = mapped_column(default_factory=now)


class Run(Base):
    """A command that is at work on the store: see :mod:`~steeldefectx.store.leases`."""

    __tablename__ = "runs"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    """32 random hexadecimal digits."""
    host: Mapped[str]
    process: Mapped[int]
    max_cost: Mapped[float | None]
    """Dollars that all answers in the store may cost together, as this run was told."""
    started: Mapped[datetime]
    expires: Mapped[datetime]
    """By the database's clock: if it is not put off before, the run counts as dead."""


class Lease(Base):
    """Something that a run works on, and no other run meanwhile."""

    __tablename__ = "leases"

    kind: Mapped[str] = mapped_column(primary_key=True)
    """``image``, ``class`` or ``batch``."""
    name: Mapped[str] = mapped_column(primary_key=True)
    """Image id, class name, or file id of the batch."""
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.run_id", ondelete="CASCADE"), index=True)


class Claim(Base):
    """A statement of a candidate that contradicts what was measured."""

    __tablename__ = "claims"

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    """``location``, ``size``, ``number`` ..."""
    start: Mapped[int]
    """First character of the words in the text."""
    end: Mapped[int]
    """The character after the last one."""
    claimed: Mapped[str]
    measured: Mapped[str]
    """What is there instead."""
    risk: Mapped[float]
    """0..1."""
    by: Mapped[str | None] = mapped_column(default=None)
    """What says so: ``mask``, ``class`` or ``other texts``; None: stored before this was kept."""


class Review(Base):
    """What one annotator says of an image's description."""

    __tablename__ = "reviews"

    image_id: Mapped[str] = mapped_column(ForeignKey("images.image_id"), primary_key=True)
    annotator: Mapped[str] = mapped_column(primary_key=True)
    verdict: Mapped[str]
    """``accept``, ``edit``, ``reject`` or ``cannot_tell``."""
    text: Mapped[str]
    """The description as it should be: the draft's, for ``accept``."""
    judgements: Mapped[dict[str, str]]
    """Dimension -> judgement."""
    seconds: Mapped[float]
    """Time spent on it."""
    version: Mapped[int]
    """1 when it is new, one more with each change: who changes it says which one they saw."""
    created: Mapped[datetime] = mapped_column(default_factory=now)
    updated: Mapped[datetime] = mapped_column(default_factory=now)
    key: Mapped[str | None] = mapped_column(default=None)
    """Of the window's visit that wrote it: what is handed in twice is one."""


class Draft(Base):
    """What an annotator has typed and not handed in yet."""

    __tablename__ = "drafts"

    image_id: Mapped[str] = mapped_column(ForeignKey("images.image_id"), primary_key=True)
    annotator: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    """``review`` or ``adjudicate``."""
    text: Mapped[str]
    judgements: Mapped[dict[str, str]]
    seconds: Mapped[float]
    """Time spent so far."""
    updated: Mapped[datetime] = mapped_column(default_factory=now)


class Adjudication(Base):
    """The last word on an image whose reviews differ."""

    __tablename__ = "adjudications"

    image_id: Mapped[str] = mapped_column(ForeignKey("images.image_id"), primary_key=True)
    by: Mapped[str]
    verdict: Mapped[str]
    text: Mapped[str]
    seconds: Mapped[float] = mapped_column(default=0.0, server_default="0")
    """Time spent on it."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    """One more with each change."""
    created: Mapped[datetime] = mapped_column(default_factory=now)
    key: Mapped[str | None] = mapped_column(default=None)
    """As of a review."""


Index("one_chosen", Candidate.image_id, unique=True, sqlite_where=Candidate.chosen, postgresql_where=Candidate.chosen)

"""The annotation store: images, every answer that was paid for, candidates, checks and reviews of them.

Several processes may use one store at once. Each method is one short transaction, on the disk when it returns.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from steeldefectx.errors import AnnotationError
from steeldefectx.store.database import connect
from steeldefectx.store.schema import (
    Adjudication,
    AnnotatedImage,
    Answer,
    Base,
    Batch,
    Candidate,
    Claim,
    Draft,
    Failure,
    Review,
    now,
)
from steeldefectx.store.verdicts import check_verdict

SET_ASIDE = "set-aside"
"""Step of answers that were paid for and are of no use."""
IDS_AT_A_TIME = 500
"""Ids in one query; SQLite takes a limited number of parameters."""


class ConflictError(AnnotationError):
    """Someone else has changed what was to be written: look at it again."""


class Store:
    """An annotation store; :meth:`open` one. What it gives is plain data, not tied to the database."""

    def __init__(self, engine: Engine):
        self._reading = engine
        self._writing = engine.execution_options(write=True)
        self.insert: Any = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    @classmethod
    def open(cls, target: str | os.PathLike[str], *, create: bool = True) -> Store:
        """A store by its SQLite file or PostgreSQL URL, see :func:`~steeldefectx.store.database.connect`."""
        return cls(connect(target, create=create))

    @property
    def place(self) -> str:
        """Tells it from other stores, the same in every process: a short hash of where it is."""
        return hashlib.sha256(self._reading.url.render_as_string(hide_password=True).encode()).hexdigest()[:16]

    def close(self) -> None:
        """Close its connections."""
        self._reading.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that reads: for queries of one's own."""
        with _database_errors(), Session(self._reading, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing(self, conflict: str | None = None) -> Iterator[Session]:
        """A transaction that writes; all of it is on the disk when it ends, or nothing is.

        Args:
            conflict: Message of a ConflictError, if another transaction has added the same row meanwhile.
        """
        with _database_errors(conflict), Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def _upsert(self, session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows; one whose key is there is replaced."""
        keys = [column.name for column in table.__table__.primary_key]
        for start in range(0, len(rows), IDS_AT_A_TIME):
            insert = self.insert(table).values(rows[start : start + IDS_AT_A_TIME])
            changed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
            session.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))

    # Images and answers

    def add_images(self, images: Sequence[AnnotatedImage]) -> None:
        """Add images; those whose id is there get the new paths and texts."""
        names = AnnotatedImage.__table__.columns.keys()
        with self.writing() as session:
            self._upsert(session, AnnotatedImage, [{name: getattr(image, name) for name in names} for image in images])

    def images(self) -> list[AnnotatedImage]:
        """All images, by id."""
        with self.reading() as session:
            return list(session.scalars(select(AnnotatedImage).order_by(AnnotatedImage.image_id)))

    def image(self, image_id: str) -> AnnotatedImage:
        """An image.

        Raises:
            AnnotationError: There is none of this id.
        """
        with self.reading() as session:
            image = session.get(AnnotatedImage, image_id)
        if image is None:
            raise AnnotationError(f"The store has no image {image_id!r}.")
        return image

    def add_answers(self, answers: Sequence[Answer], *, of_batch: str | None = None) -> None:
        """Keep answers as they came, before anything is made of them.

        Args:
            answers: They get their ids.
            of_batch: File id of the batch that they end; it is forgotten in the same transaction. If it was forgotten
                before, its answers are here, and are not added again.
        """
        with self.writing() as session:
            if of_batch is not None:
                ended = delete(Batch).where(Batch.file_id == of_batch).returning(Batch.file_id)
                if session.scalar(ended) is None:
                    return
            session.add_all(answers)

    def answers(self, step: str, *, image_id: str | None = None, class_name: str | None = None) -> list[Answer]:
        """The answers to a step's question about an image or a class, in the order in which they came."""
        subject = Answer.class_name == class_name if image_id is None else Answer.image_id == image_id
        with self.reading() as session:
            return list(session.scalars(select(Answer).where(Answer.step == step, subject).order_by(Answer.id)))

    def set_aside(self, model: str) -> None:
        """Keep a model's answers about images without a description, but take them for none of their steps."""
        described = select(Candidate.image_id).where(Candidate.chosen)
        useless = Answer.image_id.is_not(None) & Answer.image_id.not_in(described) & (Answer.model == model)
        with self.writing() as session:
            session.execute(update(Answer).where(useless).values(step=SET_ASIDE))

    def spent(self) -> float:
        """Dollars paid for all answers."""
        with self.reading() as session:
            return float(session.scalar(select(func.coalesce(func.sum(Answer.cost), 0.0))) or 0.0)

    # Candidates and claims

    def set_candidates(self, image_id: str, candidates: Sequence[Candidate]) -> None:
        """Set an image's candidates, in place of those that it had; its failure, if any, is over."""
        with self.writing() as session:
            session.execute(delete(Candidate).where(Candidate.image_id == image_id))
            session.flush()
            session.add_all(candidates)
            session.execute(delete(Failure).where(Failure.image_id == image_id))

    def candidates(self, image_id: str) -> list[Candidate]:
        """An image's candidates: the kept ones by rank, then the others."""
        order = (Candidate.rank.is_(None), Candidate.rank, Candidate.id)
        with self.reading() as session:
            return list(session.scalars(select(Candidate).where(Candidate.image_id == image_id).order_by(*order)))

    def annotated(self, among: Collection[str] | None = None) -> set[str]:
        """Ids of the images that have their T2: of all images, or of a few hundred that are named."""
        query = select(Candidate.image_id).where(Candidate.chosen)
        with self.reading() as session:
            return set(session.scalars(query if among is None else query.where(Candidate.image_id.in_(among))))

    def generated_texts(self) -> dict[str, str]:
        """Image id -> its T2, where a model wrote it here and nobody has begun to review it."""
        query = select(Candidate.image_id, Candidate.text).join(Answer, Answer.id == Candidate.answer_id)
        query = query.where(Candidate.chosen, Answer.step != "imported")
        for seen in (Review, Draft, Adjudication):
            query = query.where(Candidate.image_id.not_in(select(seen.image_id)))
        with self.reading() as session:
            return {row.image_id: row.text for row in session.execute(query)}

    def unchecked(self) -> set[str]:
        """Ids of the images with a candidate that was not checked."""
        with self.reading() as session:
            return set(session.scalars(select(Candidate.image_id).where(Candidate.risk.is_(None))))

    def set_claims(self, claims: Mapping[int, Sequence[Claim]], risks: Mapping[int, float]) -> None:
        """Set what was found wrong with candidates, in place of what was there; those that are gone are left out.

        Args:
            claims: Candidate id -> what was found wrong with it.
            risks: Candidate id -> risk, 0..1; of the same candidates.
        """
        with self.writing() as session:
            existing = select(Candidate).where(Candidate.id.in_(list(risks))).with_for_update()
            session.execute(delete(Claim).where(Claim.candidate_id.in_(list(risks))))
            for candidate in session.scalars(existing):
                candidate.risk = risks[candidate.id]
                session.add_all(claims[candidate.id])

    def claims(self, candidate_id: int) -> list[Claim]:
        """What was found wrong with a candidate, by place in its text."""
        query = select(Claim).where(Claim.candidate_id == candidate_id).order_by(Claim.start, Claim.id)
        with self.reading() as session:
            return list(session.scalars(query))

    # Failures and batches

    def fail(self, image_id: str, reason: str, *, asked: bool = True) -> None:
        """Note why an image has no description; a second time counts as another attempt, if the model was asked."""
        with self.writing() as session:
            before = session.get(Failure, image_id)
            attempts = 1 if before is None else before.attempts + asked
            session.merge(Failure(image_id, reason, attempts))

    def failures(self) -> list[Failure]:
        """The images without a description, by id."""
        with self.reading() as session:
            return list(session.scalars(select(Failure).order_by(Failure.image_id)))

    def save_batch(self, batch: Batch) -> None:
        """Keep a batch until its answers are here."""
        with self.writing() as session:
            session.merge(batch)

    def batches(self) -> list[Batch]:
        """The batches whose answers are not here yet, oldest first."""
        with self.reading() as session:
            return list(session.scalars(select(Batch).order_by(Batch.created)))

    # Reviews

    def save_draft(
        self,
        image_id: str,
        annotator: str,
        text: str,
        judgements: dict[str, str] | None = None,
        seconds: float = 0.0,
        *,
        stage: str = "review",
    ) -> None:
        """Keep what an annotator has typed so far, in a review or in adjudicating (the two ``stage`` values)."""
        row: dict[str, Any] = {"image_id": image_id, "annotator": annotator, "stage": stage, "text": text}
        row |= {"judgements": judgements or {}, "seconds": seconds, "updated": now()}
        with self.writing() as session:
            self._upsert(session, Draft, [row])

    def draft(self, image_id: str, annotator: str, stage: str = "review") -> Draft | None:
        """What an annotator has typed and not handed in."""
        with self.reading() as session:
            return session.get(Draft, (image_id, annotator, stage))

    def save_review(
        self,
        image_id: str,
        annotator: str,
        verdict: str,
        text: str,
        judgements: dict[str, str],
        seconds: float,
        *,
        seen_version: int = 0,
        key: str | None = None,
    ) -> Review:
        """Hand in a review; the annotator's draft is done with.

        Args:
            image_id: Whose description it is.
            annotator: Who says it.
            verdict: One of :data:`~steeldefectx.store.verdicts.VERDICTS`.
            text: The description as it should be.
            judgements: Dimension -> judgement.
            seconds: Time spent on it.
            seen_version: Version of the annotator's review that this one is to replace; 0: there is none yet.
            key: The same for all that one window hands in without having heard of what came of it: the last of them
                counts, and what is handed in twice is one.

        Raises:
            AnnotationError: No such verdict.
            ConflictError: Another window of the same annotator has written a newer version, or the image is
                adjudicated.
        """
        check_verdict(verdict)
        conflict = f"{image_id}: another window has handed in a newer review of {annotator}'s."
        with self.writing(conflict) as session:
            review = session.get(Review, (image_id, annotator), with_for_update=True)
            session.execute(delete(Draft).where(*_draft(image_id, annotator, "review")))
            again = review is not None and key is not None and review.key == key
            if review and again and (review.verdict, review.text, review.judgements) == (verdict, text, judgements):
                return review
            if session.get(Adjudication, image_id) is not None:
                raise ConflictError(f"{image_id} is adjudicated: its reviews are closed.")
            if not again and (0 if review is None else review.version) != seen_version:
                raise ConflictError(conflict)
            if review is None:
                review = Review(image_id, annotator, verdict, text, judgements, seconds, 1)
                session.add(review)
            else:
                review.verdict, review.text, review.judgements = verdict, text, judgements
                review.seconds, review.version, review.updated = seconds, review.version + 1, now()
            review.key = key
        return review

    def reviews(self, image_id: str | None = None) -> list[Review]:
        """The reviews of an image, or all, by image and annotator."""
        query = select(Review).order_by(Review.image_id, Review.annotator)
        with self.reading() as session:
            return list(session.scalars(query if image_id is None else query.where(Review.image_id == image_id)))

    def adjudicate(
        self,
        image_id: str,
        by: str,
        verdict: str,
        text: str,
        seconds: float = 0.0,
        *,
        seen_version: int = 0,
        seen_reviews: Mapping[str, int] | None = None,
        key: str | None = None,
    ) -> Adjudication:
        """Decide between reviews that differ; whoever decided may change it.

        Args:
            image_id: Whose description it is.
            by: Who decides.
            verdict: One of :data:`~steeldefectx.store.verdicts.VERDICTS`.
            text: The description as it should be.
            seconds: Time spent on it.
            seen_version: Version of the decision that this one is to replace; 0: there is none yet.
            seen_reviews: Annotator -> version of the review that was seen; None: not compared.
            key: As of :meth:`save_review`.

        Raises:
            AnnotationError: No such verdict.
            ConflictError: It is decided already, or a review has changed since.
        """
        check_verdict(verdict)
        with self.writing(f"{image_id} was decided already.") as session:
            reviews = session.scalars(select(Review).where(Review.image_id == image_id).with_for_update())
            versions = {review.annotator: review.version for review in reviews}
            if seen_reviews is not None and versions != dict(seen_reviews):
                raise ConflictError(f"{image_id}: a review of it has changed meanwhile.")
            decision = session.get(Adjudication, image_id, with_for_update=True)
            again = decision is not None and key is not None and decision.key == key
            if not again and (0 if decision is None else decision.version) != seen_version:
                raise ConflictError(f"{image_id} was decided{f' by {decision.by}' if decision else ''} already.")
            if decision is None:
                decision = Adjudication(image_id, by, verdict, text, seconds)
                session.add(decision)
            elif not again or (decision.verdict, decision.text) != (verdict, text):
                decision.by, decision.verdict, decision.text = by, verdict, text
                decision.seconds, decision.version = seconds, decision.version + 1
            decision.key = key
            session.execute(delete(Draft).where(*_draft(image_id, by, "adjudicate")))
        return decision

    def adjudications(self) -> list[Adjudication]:
        """All that was decided, by image."""
        with self.reading() as session:
            return list(session.scalars(select(Adjudication).order_by(Adjudication.image_id)))


@contextmanager
def _database_errors(conflict: str | None = None) -> Iterator[None]:
    """Errors of the database in this package's words."""
    try:
        yield
    except DBAPIError as error:
        if conflict is not None and isinstance(error, IntegrityError):
            raise ConflictError(conflict) from None
        # The driver's message alone: SQLAlchemy's own has the statement and its parameters.
        raise AnnotationError(f"The annotation store cannot be used: {error.orig}.") from None


def _draft(image_id: str, annotator: str, stage: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions that select a draft."""
    return Draft.image_id == image_id, Draft.annotator == annotator, Draft.stage == stage

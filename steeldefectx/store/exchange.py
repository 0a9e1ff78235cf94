"""From the annotation store to descriptions as data, and back: what export and import do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from steeldefectx.store.annotation_store import Store
from steeldefectx.store.annotations import Annotation
from steeldefectx.store.schema import Adjudication, AnnotatedImage, Answer, Candidate, Review
from steeldefectx.store.verdicts import REVIEWS_AN_IMAGE, reviewed_text

IMPORTED = "imported"
"""Step of an answer that stands for a text from elsewhere."""


def annotations_of(store: Store) -> list[Annotation]:
    """The descriptions of all images that have one, by image id."""
    with store.reading() as session:
        chosen = (Candidate.image_id == AnnotatedImage.image_id) & Candidate.chosen
        query = select(AnnotatedImage, Candidate, Answer).join(Candidate, chosen, isouter=True)
        query = query.join(Answer, Answer.id == Candidate.answer_id, isouter=True)
        rows = session.execute(query.order_by(AnnotatedImage.image_id)).all()
        decisions = {decision.image_id: decision for decision in session.scalars(select(Adjudication))}
        reviews: dict[str, list[Review]] = defaultdict(list)
        for review in session.scalars(select(Review).order_by(Review.annotator)):
            reviews[review.image_id].append(review)
    annotations = [
        _annotation(image, candidate, answer, reviews[image.image_id], decisions.get(image.image_id))
        for image, candidate, answer in rows
    ]
    return [annotation for annotation in annotations if annotation.T2 is not None or annotation.T3 is not None]


def _annotation(
    image: AnnotatedImage,
    candidate: Candidate | None,
    answer: Answer | None,
    reviews: list[Review],
    decision: Adjudication | None,
) -> Annotation:
    """An image's texts; without a candidate its T3 was written by hand, if it has one."""
    t3 = reviewed_text(reviews, decision)
    t2_from: dict[str, Any] | None = None
    if candidate is not None and answer is not None:
        t2_from = {
            "model": answer.model,
            "prompt_version": answer.prompt_version,
            "coverage": candidate.coverage,
            "score": candidate.score,
            "risk": candidate.risk,
        }
    t3_from: dict[str, Any] = {"annotators": [review.annotator for review in reviews]}
    if decision is not None:
        t3_from["adjudicated_by"] = decision.by
    return Annotation(
        image_id=image.image_id,
        class_name=image.class_name,
        source=image.source,
        sha256=image.sha256,
        T2=candidate.text if candidate else None,
        T3=t3,
        T2_from=t2_from,
        T3_from=None if t3 is None else t3_from,
    )


@dataclass
class Import:
    """What an import did."""

    added: int = 0
    had_one: int = 0
    """Images that have a description in the store already, which stays."""
    problems: list[str] = field(default_factory=list)
    """Descriptions that belong to no image, a line each."""


def import_annotations(
    annotations: Sequence[Annotation],
    images: Sequence[AnnotatedImage],
    store: Store,
    cover: Callable[[str], Sequence[bool]],
) -> Import:
    """Add descriptions from elsewhere to a store, to be checked and reviewed there.

    Args:
        annotations: A T3 without a T2 counts as both.
        images: Those of the data set that the descriptions belong to.
        store: A store; what it has stays.
        cover: Sentence -> whether it states shape, size, depth, location, contrast.
    """
    known = {image.image_id: image for image in images}
    annotated = store.annotated()
    result = Import()
    for annotation in annotations:
        image = known.get(annotation.image_id)
        if image is None:
            result.problems.append(f"{annotation.image_id}: no such image")
        elif annotation.sha256 not in (None, image.sha256):
            result.problems.append(f"{annotation.image_id}: {image.path} is another image")
        elif not (annotation.T2 or annotation.T3):
            result.problems.append(f"{annotation.image_id}: no text")
        elif annotation.image_id in annotated:
            result.had_one += 1
        else:
            store.add_images([image])
            _add(annotation, store, cover)
            result.added += 1
    return result


def _add(annotation: Annotation, store: Store, cover: Callable[[str], Sequence[bool]]) -> None:
    """One image's texts, all or nothing."""
    text, origin = annotation.T2 or annotation.T3 or "", annotation.T2_from or {}
    choice = {"text": text, "finish_reason": "stop", "refusal": None}
    answer = Answer(
        step=IMPORTED,
        image_id=annotation.image_id,
        class_name=None,
        prompt_version=str(origin.get("prompt_version", "")),
        model=str(origin.get("model", "")),
        parameters={},
        choices=[choice],
        tokens_in=0,
        tokens_out=0,
        cost=0.0,
    )
    coverage = [bool(bit) for bit in cover(text)]
    with store.writing() as session:
        session.add(answer)
        session.flush()
        candidate = Candidate(
            image_id=annotation.image_id,
            answer_id=answer.id,
            text=text,
            truncated=False,
            kept=True,
            coverage=coverage,
            diversity=None,
            score=origin.get("score"),
            rank=1,
            chosen=True,
        )
        session.add(candidate)
        if annotation.T3 is not None:
            session.add_all(_reviews(annotation, annotation.T3, "accept" if text == annotation.T3 else "edit"))


def _reviews(annotation: Annotation, text: str, verdict: str) -> list[Review | Adjudication]:
    """Reviews that give the T3, by those who are said to have written it; of fewer than two, it is their decision."""
    origin = annotation.T3_from or {}
    names = list(dict.fromkeys(str(name) for name in origin.get("annotators") or []))
    rows: list[Review | Adjudication] = [Review(annotation.image_id, name, verdict, text, {}, 0.0, 1) for name in names]
    decided_by = origin.get("adjudicated_by")
    if decided_by or len(names) < REVIEWS_AN_IMAGE:
        rows.append(Adjudication(annotation.image_id, str(decided_by or (names or [IMPORTED])[0]), verdict, text))
    return rows

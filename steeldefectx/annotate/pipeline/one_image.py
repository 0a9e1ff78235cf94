"""The pipeline of one image: what is to be asked next, by what the store has; then the selection.

Nothing but the store says how far an image is, so a run that goes on after a kill does what it would have done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from steeldefectx.annotate.pipeline import selection as select
from steeldefectx.annotate.pipeline.prompts import CANDIDATES, SUPPLEMENT
from steeldefectx.annotate.pipeline.questions import Question, Text, ask, choice_texts, supplement_text, why_unusable
from steeldefectx.annotate.pipeline.selection import Scored
from steeldefectx.annotate.pipeline.settings import Settings
from steeldefectx.errors import AnnotationError
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.tables import AnnotatedImage, Answer, Candidate


class UnusableError(AnnotationError):
    """The answers about an image have no text to choose; the message says why."""


class Pipeline:
    """Takes images to their descriptions.

    Args:
        store: Where answers and descriptions are kept.
        settings: The numbers.
        encode: Sentences -> (N, d) vectors of length 1.
        cover: Sentence -> whether it states shape, size, depth, location, contrast.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        encode: Callable[[list[str]], np.ndarray],
        cover: Callable[[str], Sequence[bool]],
    ):
        self.store = store
        self.settings = settings
        self._encode = encode
        self._cover = cover
        self._useless_up_to: dict[str, int] = {}
        """Image id -> the last answer of an earlier run in which all were useless: they are asked for anew."""
        self._selected: dict[str, tuple[list[Text], list[Scored]]] = {}
        """Image id -> its selection, while its supplement is asked for."""

    def advance(self, image: AnnotatedImage) -> Question | None:
        """What is to be asked about an image next; None: nothing, it has its description now.

        Raises:
            UnusableError: All candidates were refused or empty.
        """
        answers = self._candidate_answers(image.image_id)
        missing = self.settings.candidates - sum(len(answer.choices) for answer in answers)
        if missing > 0:
            return ask(CANDIDATES, self.settings, image, missing)
        waiting = self._selected.pop(image.image_id, None)
        texts, selected = self._select(answers) if waiting is None else waiting
        if select.needs_supplement(selected, self.settings):
            supplements = self.store.answers(SUPPLEMENT, image_id=image.image_id)
            if not supplements:
                self._selected[image.image_id] = texts, selected
                return ask(SUPPLEMENT, self.settings, image)
            texts, selected = self._supplemented(texts, selected, supplements)
        rows = [_row(image.image_id, text, scored) for text, scored in zip(texts, selected, strict=True)]
        self.store.set_candidates(image.image_id, rows)
        return None

    def _candidate_answers(self, image_id: str) -> list[Answer]:
        answers = self.store.answers(CANDIDATES, image_id=image_id)
        if image_id not in self._useless_up_to:  # met for the first time in this run
            complete = sum(len(answer.choices) for answer in answers) >= self.settings.candidates
            useless = complete and not choice_texts(answers)
            self._useless_up_to[image_id] = answers[-1].id if useless else 0
        return [answer for answer in answers if answer.id > self._useless_up_to[image_id]]

    def _select(self, answers: list[Answer]) -> tuple[list[Text], list[Scored]]:
        texts = choice_texts(answers)
        if not texts:
            raise UnusableError(why_unusable(answers))
        candidates = [Scored(text.text, text.truncated, self._coverage(text.text)) for text in texts]
        embeddings = self._encode([text.text for text in texts])
        return texts, select.select(candidates, embeddings, self.settings)

    def _supplemented(
        self, texts: list[Text], selected: list[Scored], supplements: list[Answer]
    ) -> tuple[list[Text], list[Scored]]:
        """With the supplement's candidate, if its answer is of any use."""
        for text in choice_texts(supplements)[-1:]:
            composed = supplement_text(text.text)
            if composed is not None:
                scored = Scored(composed, text.truncated, self._coverage(composed))
                selected = select.with_supplement(selected, scored, self.settings)
                texts = [*texts, Text(composed, text.truncated, text.answer_id)]
        return texts, selected

    def _coverage(self, text: str) -> tuple[bool, ...]:
        return tuple(bool(bit) for bit in self._cover(text))


def _row(image_id: str, text: Text, scored: Scored) -> Candidate:
    return Candidate(
        image_id=image_id,
        answer_id=text.answer_id,
        text=scored.text,
        truncated=scored.truncated,
        kept=scored.kept,
        coverage=list(scored.coverage),
        diversity=scored.diversity,
        score=scored.score,
        rank=scored.rank,
        chosen=scored.rank == 1,
    )

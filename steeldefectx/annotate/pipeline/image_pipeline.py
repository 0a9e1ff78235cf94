"""What happens to one image: which request comes next, by what the store has; at last the selection of its T2.

Nothing but the store says how far an image is, so a run that goes on after a kill does what it would have done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np

from steeldefectx.annotate.pipeline.answer_text import clean_answer
from steeldefectx.annotate.pipeline.prompts import (
    CANDIDATES,
    PROMPT_VERSION,
    SUPPLEMENT,
    ChatRequest,
    SamplingConfig,
    chat_request,
)
from steeldefectx.annotate.pipeline.request_parameters import same_settings
from steeldefectx.annotate.pipeline.responses import ResponseText, unusable_reason, usable_texts
from steeldefectx.annotate.pipeline.selection import (
    ScoredCandidate,
    add_supplement,
    needs_supplement,
    select_candidates,
)
from steeldefectx.annotate.pipeline.sight import FIRST_IMAGES, OneTextError, all_one_text
from steeldefectx.errors import AnnotationError
from steeldefectx.language.coverage import coverage
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.leases import Holder
from steeldefectx.store.schema import AnnotatedImage, Answer, Candidate


class UnusableAnswersError(AnnotationError):
    """The answers about an image have no usable text; the message says why.

    Args:
        message: Why.
        asked: In this run; else the answers are those of an earlier one.
    """

    def __init__(self, message: str, *, asked: bool = True):
        super().__init__(message)
        self.asked = asked


@dataclass
class RunSummary:
    """What a run has done."""

    annotated: int = 0
    """Images that got their description."""
    failed: int = 0
    requests: int = 0
    stopped: str | None = None
    """Why the run ended before all images were done."""
    holders: list[Holder] = field(default_factory=list)
    """Other runs that work on images without a description."""


class ImagePipeline:
    """Takes images to their descriptions, one request at a time; counts what becomes of them.

    Args:
        store: Where answers and descriptions are kept.
        sampling: How many candidates, and how they are sampled.
        encode: Sentences -> (N, d) embeddings, each row of length 1.
        model: Name of the model that is asked.
        retry_useless: Ask again about images all of whose answers were useless, although nothing has changed.
    """

    def __init__(
        self,
        store: Store,
        sampling: SamplingConfig,
        encode: Callable[[list[str]], np.ndarray],
        model: str = "",
        *,
        retry_useless: bool = False,
    ):
        self.store = store
        self.sampling = sampling
        self._model = model
        self._retry_useless = retry_useless
        self.summary = RunSummary()
        self._encode = encode
        self._held_back: dict[str, list[Candidate]] | None = None
        """Image id -> its candidates, while these are held back."""
        self._ignored_up_to: dict[str, int] = {}
        """Image id -> last answer of an earlier run that had no usable text; new ones are asked for."""
        self._awaiting_supplement: dict[str, list[ScoredCandidate]] = {}
        """Image id -> its selection so far."""

    def next_request(self, image: AnnotatedImage) -> ChatRequest | None:
        """The next request about an image; None when nothing is left to ask, and its description is stored.

        Raises:
            UnusableAnswersError: All candidates were refused or empty.
            OneTextError: This would be the last of several descriptions that are all one text.
        """
        answers = self._candidate_answers(image.image_id)
        missing = self.sampling.candidates - _count_choices(answers)
        if missing > 0:
            return chat_request(CANDIDATES, image, self.sampling, missing)
        selected = self._awaiting_supplement.pop(image.image_id, None) or self._select(answers)
        if needs_supplement(selected) and not self.sampling.structured:
            supplements = self.store.answers(SUPPLEMENT, image_id=image.image_id)
            if not supplements:
                self._awaiting_supplement[image.image_id] = selected
                return chat_request(SUPPLEMENT, image, self.sampling)
            selected = _with_supplement(selected, supplements)
        self._describe(image.image_id, [_row(image.image_id, candidate) for candidate in selected])
        return None

    def hold_back_first(self) -> None:
        """Store no description before there are some, and these are not all one text."""
        self._held_back = {}

    def store_held_back(self) -> None:
        """Store the descriptions that were held back.

        Raises:
            OneTextError: They are all one text.
        """
        descriptions = self._held_back or {}
        texts = [row.text for rows in descriptions.values() for row in rows if row.chosen]
        if all_one_text(texts):
            raise OneTextError(f"its descriptions of {len(texts)} images are all one text, “{texts[0][:80]}”")
        self._held_back = None
        for image_id, rows in descriptions.items():
            self._describe(image_id, rows)

    def _describe(self, image_id: str, rows: list[Candidate]) -> None:
        if self._held_back is None:
            self.store.set_candidates(image_id, rows)
            self.summary.annotated += 1
            return
        self._held_back[image_id] = rows
        if len(self._held_back) == FIRST_IMAGES:
            self.store_held_back()

    def fail(self, image_id: str, error: Exception) -> None:
        """Note in the store why an image has no description."""
        reason = f"the image cannot be read: {error}" if isinstance(error, OSError) else str(error)
        self.store.fail(image_id, reason, asked=getattr(error, "asked", True))
        self.summary.failed += 1

    def _candidate_answers(self, image_id: str) -> list[Answer]:
        answers = self.store.answers(CANDIDATES, image_id=image_id)
        if image_id not in self._ignored_up_to:  # the image's first turn in this run
            complete = _count_choices(answers) >= self.sampling.candidates
            useless = complete and not usable_texts(answers)
            if useless and not self._retry_useless and self._asks_as(answers[-1]):
                advice = "asked again with other settings, or with --retry-useless"
                raise UnusableAnswersError(f"{unusable_reason(answers)} ({advice})", asked=False)
            self._ignored_up_to[image_id] = answers[-1].id if useless else 0
        return [answer for answer in answers if answer.id > self._ignored_up_to[image_id]]

    def _asks_as(self, answer: Answer) -> bool:
        """Whether an answer is to the very question that would be asked again."""
        asked = chat_request(CANDIDATES, "", self.sampling, self.sampling.candidates).parameters
        same_question = (answer.model, answer.prompt_version) == (self._model, PROMPT_VERSION)
        return same_question and same_settings(asked, answer.parameters)

    def _select(self, answers: list[Answer]) -> list[ScoredCandidate]:
        texts = usable_texts(answers)
        if not texts:
            raise UnusableAnswersError(unusable_reason(answers))
        return select_candidates([_candidate(text) for text in texts], self._encode([text.text for text in texts]))


def drop_thoughts(store: Store) -> None:
    """Undo selections of earlier versions whose text has a thought in it: the stored answers are selected from anew."""
    for image_id, text in store.generated_texts().items():
        if clean_answer(text).thought:
            store.set_candidates(image_id, [])


def _count_choices(answers: list[Answer]) -> int:
    return sum(len(answer.choices) for answer in answers)


def _candidate(text: ResponseText) -> ScoredCandidate:
    return ScoredCandidate(text.text, text.truncated, text.answer_id, coverage(text.text).bits, text.doubtful)


def _with_supplement(selected: list[ScoredCandidate], supplements: list[Answer]) -> list[ScoredCandidate]:
    """Add the supplement's text, if its answer is of any use."""
    for response in usable_texts(supplements)[-1:]:
        selected = add_supplement(selected, _candidate(response))
    return selected


def _row(image_id: str, candidate: ScoredCandidate) -> Candidate:
    fields = asdict(candidate) | {"coverage": list(candidate.coverage)}
    del fields["doubtful"]  # the check finds it again in the text
    return Candidate(image_id=image_id, chosen=candidate.rank == 1, **fields)

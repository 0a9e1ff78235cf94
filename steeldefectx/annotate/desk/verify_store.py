"""The candidates of an annotation store checked against their images: what the review desk flags and sorts by."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from steeldefectx.annotate.desk.browser_images import USUAL, Depth, grey_depth, grey_levels, mask_levels
from steeldefectx.annotate.pipeline.answer_text import leftovers
from steeldefectx.data.verify import VerifiedRow
from steeldefectx.errors import DataError
from steeldefectx.language.claim_check import Contradiction, check
from steeldefectx.language.evidence import Evidence, evidence_from_class, evidence_from_mask
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import AnnotatedImage, Candidate, Claim

TALK_RISK = 0.5
"""Of a text in which a model speaks to its user, or in Markdown."""


def verify_store(store: Store, *, anew: bool) -> Iterator[VerifiedRow]:
    """Check the candidates of all images, and store contradicted claims and risks.

    An image's claims are stored before its row is given: an interrupted check goes on where it was.

    Args:
        store: As :func:`~steeldefectx.annotate.pipeline.run.annotate` fills it, or an import.
        anew: Check those again that were checked already.

    Yields:
        For each image its chosen text (T2), checked.
    """
    ids = store.annotated() if anew else store.unchecked()
    images = store.images()
    depth = grey_depth(images)
    for image in tqdm([image for image in images if image.image_id in ids], "verify", unit="image", delay=2):
        candidates = store.candidates(image.image_id)
        texts = [candidate.text for candidate in candidates]
        measured = evidence_of(image, depth)
        claims, risks, row = {}, {}, None
        for candidate in candidates:
            others = other_texts(candidate.text, texts)
            checked = check(candidate.text, measured or evidence_from_class(image.class_name, others))
            talk = _talk_rows(candidate)
            claims[candidate.id] = [*(_claim_row(candidate.id, claim) for claim in checked.contradictions), *talk]
            risks[candidate.id] = max([checked.risk, *(row.risk for row in talk)])
            if candidate.chosen:
                row = VerifiedRow(image.image_id, "T2", candidate.text, image.class_name, checked)
        store.set_claims(claims, risks)
        if row is not None:
            yield row


def evidence_of(image: AnnotatedImage, depth: Depth = USUAL) -> Evidence | None:
    """What an image's mask shows; None without one, or with one that is empty or cannot be read.

    Args:
        image: The image.
        depth: As of :func:`~steeldefectx.annotate.desk.browser_images.grey_levels`.
    """
    if image.mask is None:
        return None
    try:
        grey = grey_levels(Path(image.path), depth)
        mask = mask_levels(Path(image.mask), (grey.shape[1], grey.shape[0]))
        return evidence_from_mask(grey, mask > 127, image.class_name)
    except DataError:
        return None


def _talk_rows(candidate: Candidate) -> list[Claim]:
    """What in a candidate is no part of a description."""
    places = leftovers(candidate.text)
    said = ((start, end, candidate.text[start:end]) for start, end in places)
    return [Claim(candidate.id, "wording", *place, "no part of a description", TALK_RISK) for place in said]


def other_texts(text: str, texts: Sequence[str]) -> list[str]:
    """An image's texts without the one that a text is, or was written from: that cannot speak for or against it.

    Args:
        text: Any text on the image.
        texts: Its candidates. The one most like the text is left out, where half of their words agree.
    """
    alike = [difflib.SequenceMatcher(None, text.split(), other.split()).ratio() for other in texts]
    if not alike or max(alike) < 0.5:
        return list(texts)
    own = alike.index(max(alike))
    return [*texts[:own], *texts[own + 1 :]]


def _claim_row(candidate_id: int, claim: Contradiction) -> Claim:
    claimed = ", ".join(claim.claimed)
    return Claim(candidate_id, claim.kind, claim.start, claim.end, claimed, claim.measured, claim.risk, claim.by)

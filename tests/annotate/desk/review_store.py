"""A small annotation store for the tests of the review desk: images with masks, candidates, flagged claims."""

import numpy as np
from PIL import Image

from steeldefectx.annotate.desk.queue import Submission
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import AnnotatedImage, Answer, Candidate, Claim

TRUE = "A small dark patch in the upper left, with high contrast."
WRONG = "A small dark patch in the lower right, with high contrast."
PLAIN = "A dark patch."


def make_store(folder, risks, target=None):
    """A store with an image for each risk, ``steel/0`` on; its first candidate is wrong about the place.

    Args:
        folder: For the images.
        risks: Risk of each image's proposed text; None: not checked.
        target: The store, by default a SQLite file in the folder.
    """
    store = Store.open(target or folder / "annotations.db")
    grey = np.full((60, 60), 150, np.uint8)
    mask = np.zeros((60, 60), np.uint8)
    mask[6:16, 6:16] = 255
    grey[mask > 0] = 60
    Image.fromarray(grey).save(folder / "image.png")
    Image.fromarray(mask).save(folder / "mask.png")
    for n, risk in enumerate(risks):
        add_image(store, f"steel/{n}", folder)
        add_candidates(store, f"steel/{n}", risk)
    return store


def add_image(store, image_id, folder):
    image, mask = str(folder / "image.png"), str(folder / "mask.png")
    store.add_images([AnnotatedImage(image_id, "Patches", "NEU", "Patches differ in texture.", image, mask, "0" * 64)])


def add_candidates(store, image_id, risk):
    answer = Answer("candidates", image_id, None, "1", "a model", {}, [], 1, 1, 0.0)
    store.add_answers([answer])
    bits = [False, True, False, True, True]
    candidates = [
        Candidate(image_id, answer.id, text, False, True, bits, 0.2, 0.6, rank, rank == 1)
        for rank, text in enumerate((WRONG, TRUE, PLAIN), 1)
    ]
    store.set_candidates(image_id, candidates)
    if risk is not None:
        start = WRONG.index("in the lower right")
        claim = Claim(candidates[0].id, "location", start, start + 18, "bottom-right", "top-left 100%", 0.9, "mask")
        store.set_claims({candidates[0].id: [claim] if risk else []}, {candidates[0].id: risk})


def review(desk, annotator, image, verdict="accept", text=WRONG, seconds=10.0, seen=0, **judgements):
    submission = Submission(
        image_id=f"steel/{image}",
        text=text,
        judgements=judgements,
        seconds=seconds,
        verdict=verdict,
        seen_version=seen,
    )
    return desk.hand_in(annotator, submission)


def reference_kappa(first, second):
    """Cohen's kappa by its definition: observed agreement against that of the annotators' frequencies."""
    n = len(first)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    chance = sum(first.count(word) * second.count(word) for word in set(first)) / n**2
    return (observed - chance) / (1 - chance)

"""The distinct training texts, and the shortened forms that one may take in training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def clauses(text: str) -> list[str]:
    """A text and its beginnings that end with a clause: each says less than the text, none anything else.

    >>> clauses("Crazing, a fine network, caused by uneven cooling.")
    ['Crazing, a fine network, caused by uneven cooling.', 'Crazing', 'Crazing, a fine network']
    """
    ends = [match.start() for match in re.finditer(r"[,;](?=\s)|(?<=[.!?])(?=\s)", text)]
    return [text, *(text[:end] for end in ends)]


@dataclass
class ClassPrompts:
    """Texts that stand for the classes in training, for the loss ``class-prompts``."""

    rows: np.ndarray
    """Positions of the texts in ``TextBank.forms``, one class after the other."""
    counts: list[int]
    """How many texts each class has."""


class TextBank:
    """The distinct training texts with their forms.

    Args:
        texts: One text an image, N of them.
        crop: Probability that a text is cut after one of its clauses.
    """

    def __init__(self, texts: Sequence[str], crop: float):
        distinct = list(dict.fromkeys(texts))
        number = {text: index for index, text in enumerate(distinct)}
        self.of_image = np.array([number[text] for text in texts])
        """(N,) number of each image's text."""
        forms = [clauses(text) if crop > 0 else [text] for text in distinct]
        self.forms: list[str] = [form for group in forms for form in group]
        """All forms of all texts, one after the other; the first of each text is the text itself."""
        self.first = np.cumsum([0, *(len(group) for group in forms)])
        """Position of each text's first form; then the number of forms."""
        self.crop = crop
        self.classes: ClassPrompts | None = None

    def add_classes(self, prompts: list[list[str]]) -> None:
        """Add the texts of all C classes; these are never cut."""
        texts = [text for group in prompts for text in group]
        rows = np.arange(len(self.forms), len(self.forms) + len(texts))
        self.forms = [*self.forms, *texts]
        self.classes = ClassPrompts(rows, [len(group) for group in prompts])

    def draw(self, numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Positions in ``forms``, one for each text number: the text itself or, by chance, a cut one."""
        first, count = self.first[numbers], self.first[numbers + 1] - self.first[numbers]
        cut = (rng.random(len(numbers)) < self.crop) & (count > 1)
        return first + np.where(cut, 1 + (rng.random(len(numbers)) * (count - 1)).astype(int), 0)

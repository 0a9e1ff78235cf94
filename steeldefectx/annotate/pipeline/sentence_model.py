"""Sentence-BERT: sentences as vectors whose cosine says how much alike they are."""

from __future__ import annotations

import numpy as np

from steeldefectx.errors import ModelError

SENTENCE_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


class SentenceModel:
    """A Sentence-BERT model.

    Args:
        name: Hub id or folder.

    Raises:
        ModelError: It cannot be loaded.
    """

    def __init__(self, name: str = SENTENCE_MODEL):
        from sentence_transformers import SentenceTransformer  # imports torch and transformers: ten seconds

        try:
            self._model = SentenceTransformer(name)
        except (OSError, ValueError, RuntimeError) as error:
            message = f"The sentence model {name!r} cannot be loaded: {error}. Name another with --sentence-model."
            raise ModelError(message) from error

    def encode(self, texts: list[str]) -> np.ndarray:
        """(N, d) float32, each row of length 1."""
        vectors: np.ndarray = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return vectors

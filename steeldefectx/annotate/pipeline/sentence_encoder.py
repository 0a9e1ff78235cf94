"""Sentence-BERT while requests are waited for: sentences of all images that are there, together and each once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np

from steeldefectx.annotate.pipeline.gathering import Gatherer

SENTENCES_A_CALL = 32
MAX_THREADS = 8


class SentenceEncoder:
    """Embeddings of sentences that are known some time before they are needed.

    A call runs on one core, and several calls run at a time: threads that share a call wait for each other, and for
    long where something else takes a core.

    Args:
        encode: Sentences -> (N, d) embeddings, each row of length 1.
    """

    def __init__(self, encode: Callable[[list[str]], np.ndarray]):
        import torch

        self._embeddings: dict[str, Future[np.ndarray]] = {}
        self._gatherer: Gatherer[str, np.ndarray] = Gatherer(
            lambda sentences: list(encode(sentences)),
            "encode",
            limit=SENTENCES_A_CALL,
            threads=min(torch.get_num_threads(), MAX_THREADS),
            prepare=lambda: torch.set_num_threads(1),  # of this thread alone
        )

    async def prepare(self, sentences: Sequence[str]) -> None:
        """Encode sentences that will be asked for."""
        await asyncio.gather(*(asyncio.wrap_future(self._start(sentence)) for sentence in sentences))

    def __call__(self, sentences: list[str]) -> np.ndarray:
        """Embeddings, (N, d), each row of length 1; they are not kept any longer."""
        futures = [self._start(sentence) for sentence in sentences]
        embeddings = np.stack([future.result() for future in futures])
        for sentence in sentences:
            self._embeddings.pop(sentence, None)
        return embeddings

    def close(self) -> None:
        """End its threads."""
        self._gatherer.close()

    def _start(self, sentence: str) -> Future[np.ndarray]:
        future = self._embeddings.get(sentence)
        if future is None:
            future = self._embeddings[sentence] = self._gatherer.submit(sentence)
        return future

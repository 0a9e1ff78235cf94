"""Search over the data set in a CLIP's space: images for a text, texts for an image, and how often that is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from PIL import Image

from steeldefectx import metrics
from steeldefectx.data.labelled import Split, load_data
from steeldefectx.errors import ConfigError, ModelError
from steeldefectx.features.encoding import Features
from steeldefectx.inference.eval_config import SPLITS, EvalConfig
from steeldefectx.inference.evaluation import ALL
from steeldefectx.models.checkpoint import load_checkpoint
from steeldefectx.models.clip import Clip
from steeldefectx.taxonomy import TEXT_LEVELS
from steeldefectx.utils.results import RESULTS, read_results

KS = (1, 5, 10)


@dataclass
class Hit:
    """One result of a search."""

    similarity: float
    """Cosine of query and item, -1..1."""
    row: int
    """Position of the image among those searched; of a text, of the first image that it belongs to."""
    text: str
    """The image's text of the level that is searched, or the text found."""


class Index:
    """Images and the distinct texts of one level, as unit-length embeddings.

    Args:
        clip: The model.
        splits: What is searched, N images together.
        level: Text level.
        device: Where to compute. Features come from the cache where they are there.

    Raises:
        DataError: An image has no text of the level.
    """

    def __init__(self, clip: Clip, splits: Sequence[Split], level: str, device: torch.device):
        self.splits = splits
        self.level = level
        self.features = Features(clip, device)
        texts = [text for split in splits for text in split.level(level)]
        self.texts = list(dict.fromkeys(texts))
        place = {text: number for number, text in enumerate(self.texts)}
        self.text_of = np.array([place[text] for text in texts])
        """(N,) which of the distinct texts is an image's."""
        self.labels = np.concatenate([split.labels for split in splits])
        """(N,) positions in ``Data.classes``."""
        self._images: torch.Tensor | None = None

    @property
    def clip(self) -> Clip:
        """The model."""
        return self.features.clip

    def images(self) -> torch.Tensor:
        """(N, D) embeddings of the images, on the CPU."""
        if self._images is None:
            features = torch.cat([self.features.images(split) for split in self.splits])
            self._images = self._embed(features, self.clip.embed_images)
        return self._images

    def text_embeddings(self, texts: list[str]) -> torch.Tensor:
        """(M, D) embeddings of texts, on the CPU."""
        return self._embed(self.features.texts(texts), self.clip.embed_texts)

    @torch.inference_mode()
    def _embed(self, features: torch.Tensor, embed: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        return embed(features.to(self.features.device)).float().cpu()

    def images_for_text(self, text: str, top_k: int) -> list[Hit]:
        """The images most similar to a text, best first."""
        similarities = (self.text_embeddings([text]) @ self.images().T)[0]
        return self._image_hits(similarities, top_k)

    def images_for_image(self, image: Image.Image, top_k: int) -> list[Hit]:
        """The images most similar to an image, best first."""
        return self._image_hits((self._query(image) @ self.images().T)[0], top_k)

    def texts_for_image(self, image: Image.Image, top_k: int) -> list[Hit]:
        """The distinct texts most similar to an image, best first."""
        similarities = (self._query(image) @ self.text_embeddings(self.texts).T)[0]
        values, numbers = similarities.topk(min(top_k, len(self.texts)))
        return [
            Hit(value, int(np.argmax(self.text_of == number)), self.texts[number])
            for value, number in zip(values.tolist(), numbers.tolist(), strict=True)
        ]

    def _image_hits(self, similarities: torch.Tensor, top_k: int) -> list[Hit]:
        values, rows = similarities.topk(min(top_k, len(self.labels)))
        return [
            Hit(value, row, self.texts[self.text_of[row]])
            for value, row in zip(values.tolist(), rows.tolist(), strict=True)
        ]

    @torch.inference_mode()
    def _query(self, image: Image.Image) -> torch.Tensor:
        self.clip.learn_grey_levels([image])
        pixels = torch.from_numpy(self.clip.to_pixels(image))[None].to(self.features.device)
        return self._embed(self.clip.encode_images(pixels), self.clip.embed_images)

    def cell(self, row: int) -> dict[str, Any]:
        """The undecoded image at a position: its file as ``bytes`` or at ``path``."""
        for split in self.splits:
            if row < len(split):
                return split.column[int(split.rows[row])]
            row -= len(split)
        raise IndexError(row)

    def name(self, row: int) -> tuple[str, str | None]:
        """Id and, where it is a file on this machine, path of the image at a position."""
        path = self.cell(row)["path"]
        file = str(path) if path is not None and Path(path).is_file() else None
        for split in self.splits:
            if row < len(split):
                return (file or str(path)) if split.image_ids is None else str(split.image_ids[row]), file
            row -= len(split)
        raise IndexError(row)

    def own_text(self, row: int) -> str | None:
        """The most specific text that the image at a position has, of T2 and T3."""
        for split in self.splits:
            if row < len(split):
                return next((text for level in ("T3", "T2") if (text := split.texts[level][row])), None)
            row -= len(split)
        raise IndexError(row)

    def recall(self) -> dict[str, dict[str, float]]:
        """R@1, R@5 and R@10, 0..1, of ``image_to_text`` and ``text_to_image``.

        Equal texts are one text, and all images that have it are right for it: with T0 or T1, those of its class.
        """
        similarities = self.images() @ self.text_embeddings(self.texts).T
        texts = similarities.topk(min(max(KS), len(self.texts)), dim=1).indices.tolist()
        images = similarities.T.topk(min(max(KS), len(self.labels)), dim=1).indices.tolist()
        right_images: list[list[int]] = [[] for _ in self.texts]
        for row, number in enumerate(self.text_of):
            right_images[number].append(row)
        return {
            "image_to_text": metrics.recall_at_k(texts, [[int(number)] for number in self.text_of], KS),
            "text_to_image": metrics.recall_at_k(images, right_images, KS),
        }


def load_index(
    checkpoint: str,
    config: str | None,
    data_dir: str | None,
    split: str,
    level: str | None,
    t1_file: str | None = None,
    t1: Sequence[str] = (),
) -> tuple[Index, list[str]]:
    """A checkpoint's index of a data set; without one named, of that which it was trained on.

    Args:
        checkpoint: Output folder of a run, or any CLIP: Hub id, folder.
        config: Config of the data set, or None.
        data_dir: Its folder, where it needs one.
        split: ``train``, ``test`` or ``all``.
        level: Text level; None takes the most specific that all images have.
        t1_file: T1 by class, a YAML file.
        t1: T1 of single classes, as ``"name: sentence"``.

    Returns:
        The index, and the names of the classes.

    Raises:
        ModelError: No checkpoint that can be loaded, or an image classifier.
        DataError: Images that cannot be used, or a text level that is missing.
        ConfigError: Data neither given nor known from the checkpoint's run.
    """
    if split not in SPLITS:
        raise ConfigError(f"--split {split}: choose one of {', '.join(SPLITS)}.")
    if level not in (*TEXT_LEVELS, None):
        raise ConfigError(f"--texts {level}: choose one of {', '.join(TEXT_LEVELS)}.")
    results = read_results(Path(checkpoint).expanduser() / RESULTS)
    settings = EvalConfig(checkpoint, config, data_dir, t1_file=t1_file, t1=list(t1) or None).data_settings(
        results["recipe"] if results else {}
    )
    data = load_data(**settings)
    chosen = list(data.splits.values()) if split == ALL else [data.split(split)]
    model, _ = load_checkpoint(checkpoint)
    if not isinstance(model, Clip):
        raise ModelError(f"{checkpoint} is an image classifier: searching takes a model of images and texts.")
    device = PartialState().device
    model.to(device)
    complete = [name for name in reversed(TEXT_LEVELS) if all(None not in part.texts[name] for part in chosen)]
    return Index(model, chosen, level or complete[0], device), data.classes

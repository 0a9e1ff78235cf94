"""A checkpoint of the demo, ready to answer: what an image is, how sure that is, and what of it was not seen."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from steeldefectx.data.images import open_image
from steeldefectx.data.labelled import image_bytes
from steeldefectx.errors import ConfigError
from steeldefectx.inference.classifier import SteelDefectClassifier
from steeldefectx.inference.explain.overlay import draw
from steeldefectx.inference.explain.saliency import class_mean, class_saliency, saliency
from steeldefectx.inference.search import Index, load_index
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.models.preprocessing import Preprocessing
from steeldefectx.taxonomy import find_class, t0_sentence
from steeldefectx.utils.grey_levels import to_display

TOP_K = 5
NEAREST = 4
SQUEEZED = 1.1
"""From which ratio of the two sides' scales on shapes are called squeezed."""
REDUCED = 4
"""From how many pixels that become one on it is said that details are lost."""


@dataclass
class Answer:
    """What the page shows of an image, by a checkpoint."""

    probabilities: dict[str, float]
    """Of the most probable classes, best first, 0..1."""
    about: str
    """What the predicted class looks like, and its likely cause."""
    overlay: Image.Image
    explained: str
    """What the overlay is of."""
    not_seen: list[str]
    """What of the image did not reach the model, in sentences."""
    nearest: list[tuple[Image.Image, str]]
    """The images most like it, with their classes."""


class Panel:
    """A checkpoint.

    Args:
        checkpoint: Output folder of a run, or Hub id.

    Raises:
        ModelError: No checkpoint that can be loaded.
        DataError: The images that it was trained on cannot be used.
    """

    def __init__(self, checkpoint: str):
        self.checkpoint = checkpoint
        self.classifier = SteelDefectClassifier.from_pretrained(checkpoint)
        self.index: Index | None = None
        self.index_classes: list[str] = []
        self.of = "training images"
        self.class_means: dict[str, torch.Tensor] = {}
        model = self.classifier.model
        if not isinstance(model, ImageClassifier):
            self.class_means = {level: class_mean(model, self.classifier.classes, level) for level in ("T0", "T1")}
            self.index, self.index_classes, self.of = _index(checkpoint)
            self.index.images()  # encoded now, not when the first visitor waits

    def show(self, image: Image.Image, text: str) -> Answer:
        """Predict an image, explain a text in it (T0 of the predicted class where it is empty), find ones like it."""
        (prediction,) = self.classifier.predict([image], top_k=TOP_K)
        label, model = prediction.labels[0], self.classifier.model
        image = model.to_rgb(image)
        if isinstance(model, ImageClassifier):
            asked = label
            (maps,) = class_saliency(model, [image], [[model.classes.index(label)]])
        else:
            asked = text.strip() or t0_sentence(label)
            against = self.class_means["T0" if asked == t0_sentence(label) else "T1"]
            (maps,) = saliency(model, [image], [[asked]], [against])
        return Answer(
            probabilities=dict(zip(prediction.labels, prediction.probabilities, strict=True)),
            about=_about(label),
            overlay=draw(image, maps[0]),
            explained=asked,
            not_seen=what_is_not_seen(model, image.size),
            nearest=self._nearest(image),
        )

    def _nearest(self, image: Image.Image) -> list[tuple[Image.Image, str]]:
        if self.index is None:
            return []
        hits = self.index.images_for_image(image, NEAREST)
        return [(_decoded(self.index.cell(hit.row)), self.index_classes[self.index.labels[hit.row]]) for hit in hits]


def what_is_not_seen(model: Preprocessing, size: tuple[int, int]) -> list[str]:
    """What of an image of a size (width, height) a model cannot see: sentences, none where it sees nearly all."""
    width, height = size
    left, top, right, bottom = model.seen(size)
    _, rows, columns = model.image_shape
    across, down = (right - left) / columns, (bottom - top) / rows
    notes = []
    if (right - left, bottom - top) != size:
        notes.append(f"Only the middle {right - left} × {bottom - top} of {width} × {height} pixels were looked at.")
    if max(across, down) / min(across, down) > SQUEEZED:
        notes.append(f"It was squeezed from {width} × {height} to {columns} × {rows} pixels: shapes are distorted.")
    if max(across, down) >= REDUCED:
        notes.append(
            f"Details smaller than about {across:.0f} × {down:.0f} pixels were not seen. The model takes a crop around "
            "a defect, not a whole frame: cut the place out and drop that."
        )
    return notes


def _index(checkpoint: str) -> tuple[Index, list[str], str]:
    """The training images of the checkpoint's own run; of the synthetic sample where it does not name any.

    With their classes, and what they are.
    """
    try:
        return (*load_index(checkpoint, None, None, "train", "T0"), "training images")
    except ConfigError:
        return (*load_index(checkpoint, "sample", None, "train", "T0"), "synthetic images")


def _about(label: str) -> str:
    known = find_class(label)
    if known is None:
        return f"{label} is a class of your own."
    return f"{known.name}: {known.looks}. Likely cause: {known.cause}."


def _decoded(cell: dict[str, Any]) -> Image.Image:
    return to_display(open_image(io.BytesIO(image_bytes(cell))))

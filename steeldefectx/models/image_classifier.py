"""Image classifiers behind one small interface: from scratch by name, or pretrained by Hub id or folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageClassification, ViTImageProcessorPil

from steeldefectx.errors import ModelError
from steeldefectx.models import shufflenet  # noqa: F401  with it the auto classes learn the shufflenet-v2 type
from steeldefectx.models.loading import (
    LOADING_ERRORS,
    commit_of,
    fetch_model,
    load_image_processor,
    quietly,
    refuse_not_finite,
    refuse_other_weights,
    why_not_loaded,
)
from steeldefectx.models.names import BACKBONES
from steeldefectx.models.preprocessing import Preprocessing

LEAST_SIZE = 32
"""Below it nothing is left of an image after a convolutional network's five halvings."""


@dataclass
class ImageClassifier(Preprocessing):
    """A model that tells classes from pixels alone, and its preprocessing."""

    model: Any
    """One of ``AutoModelForImageClassification``."""
    image_processor: Any
    name: str
    """Hub id, folder or name in ``BACKBONES``: what the user typed."""
    revision: str | None = None
    """Commit of a model of the Hub; None for a folder or a name."""

    @property
    def classes(self) -> list[str]:
        """Class names in the order of the logits."""
        names = self.model.config.id2label
        return [names[index] for index in range(len(names))]

    def to(self, device: torch.device) -> None:
        """Move all weights to a device."""
        self.model.to(device)

    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels 0..255 (N, 3, H, W) to class logits (N, C)."""
        return self.model(pixel_values=self.normalize(pixels)).logits


def new_classifier(name: str, classes: list[str], image_size: int) -> ImageClassifier:
    """A classifier of some classes, to be trained.

    Args:
        name: A name in ``BACKBONES`` for random weights; else a Hub id or folder, whose head is replaced by a new
            one where it is not as wide. Random weights are torch's, so its seed decides them.
        classes: Names of the C classes.
        image_size: Side of the images, for a name in ``BACKBONES``; others keep the size that they are for.

    Raises:
        ModelError: Nothing loadable there, or an image size that the model cannot take.
    """
    labels = {"id2label": dict(enumerate(classes)), "label2id": {label: n for n, label in enumerate(classes)}}
    if name not in BACKBONES:
        return _loaded(name, None, **labels)
    kind, settings = BACKBONES[name]
    settings = settings | ({"image_size": image_size} if kind == "vit" else {})
    config = AutoConfig.for_model(kind, **settings, **labels)
    if image_size < LEAST_SIZE or (kind == "vit" and image_size % config.patch_size):
        raise ModelError(
            f"{name} takes no images of {image_size} pixels. Give --image_size a multiple of 32, such as 128 or 224."
        )
    size = {"height": image_size, "width": image_size}
    model = AutoModelForImageClassification.from_config(config)
    return ImageClassifier(_channels_last(model), ViTImageProcessorPil(size=size), name)


def load_classifier(name: str, revision: str | None = None) -> ImageClassifier:
    """Load a trained classifier in fp32: safetensors only, and no code that comes with it.

    Args:
        name: A folder written by ``save_pretrained``, or a Hub id.
        revision: Commit, branch or tag of a Hub id; the newest by default.

    Raises:
        ModelError: Nothing loadable there, no image processor, weights that are missing, unexpected, of another shape
            or no finite numbers, or class names that do not number its outputs.
    """
    classifier = _loaded(name, revision)
    names = classifier.model.config.id2label
    problem = label_problem(list(names.values()))
    if sorted(names) != list(range(len(names))):
        problem = f"its numbers are not 0 to {len(names) - 1}"
    if problem:
        raise ModelError(f"{name}: the label map in config.json (id2label) cannot be used: {problem}.")
    return classifier


def label_problem(names: list[Any]) -> str | None:
    """What keeps some values from being the names of classes; None where nothing does."""
    if not names:
        return "it is empty"
    for name in names:
        if not isinstance(name, str) or not name.strip():
            return f"{name!r} is no name"
        if names.count(name) > 1:
            return f"{name!r} is there twice"
    return None


def _loaded(name: str, revision: str | None, **changes: Any) -> ImageClassifier:
    """Load weights; with other classes in ``changes`` the head may be new, without none may be missing."""
    others = f"a Hub id such as microsoft/resnet-50, or one of {', '.join(BACKBONES)}"
    folder = fetch_model(name, revision, others)
    try:
        with quietly():
            model, info = AutoModelForImageClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # a new head's, or to be named with the others
                output_loading_info=True,
                **changes,
            )
        processor = load_image_processor(folder)
    except LOADING_ERRORS as error:
        raise ModelError(why_not_loaded(name, error, others)) from error
    if not changes:
        refuse_other_weights(name, info)
    missing = info["missing_keys"]
    if len(missing) > len(model.state_dict()) // 2:
        raise ModelError(
            f"{name}: {len(missing)} of the model's {len(model.state_dict())} weights are missing, as {min(missing)}. "
            "Give a trained classifier, or to train.py --method classifier a model that lacks its head only."
        )
    refuse_not_finite(name, model.state_dict())
    classifier = ImageClassifier(_channels_last(model), processor, name, commit_of(name, folder))
    classifier.check_preprocessing(name)
    return classifier


def _channels_last(model: Any) -> Any:
    """In the layout that convolutions compute fastest in, on CPUs and GPUs."""
    return model.to(memory_format=torch.channels_last).eval()

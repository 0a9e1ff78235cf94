"""Images and a checkpoint in; for each text a map of where the model sees it, and its score where there is a mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from PIL import Image

from steeldefectx.errors import ConfigError
from steeldefectx.inference.classifier import SteelDefectClassifier
from steeldefectx.inference.explain.examples import Example, texts_of, what_is_missing
from steeldefectx.inference.explain.saliency import class_mean, class_saliency, saliency
from steeldefectx.inference.explain.scores import Scores, centre_map, mean_scores, random_map, score
from steeldefectx.models.clip import Clip
from steeldefectx.models.image_classifier import ImageClassifier

BATCH = 8
TYPED_TEXT, CLASS = "text", "class"
"""What the maps of a typed text, and those of an image classifier's class, are called."""
RANDOM, CENTRE = "random map", "centre map"


@dataclass
class Explanation:
    """An image with its maps."""

    example: Example
    predicted: str
    probability: float
    """Of the predicted class, 0..1."""
    texts: dict[str, str]
    """What a map is of -> the text (for an image classifier, the class)."""
    maps: dict[str, np.ndarray]
    """The same names -> (H, W) float32, 0..1."""
    scores: dict[str, Scores] = field(default_factory=dict)
    """The same names and both baselines -> scores; empty without a mask."""
    missing: str = ""
    """Which texts that were asked for the image lacks, in words."""


def explain_images(
    examples: Iterable[Example], checkpoint: str, levels: Sequence[str], text: str | None = None
) -> Iterator[Explanation]:
    """Explain images one after the other.

    Args:
        examples: The images.
        checkpoint: Output folder of a run, or Hub id.
        levels: Text levels to make a map for each of; T0 if neither these nor a text are given.
        text: A text to make a map for with every image.

    Raises:
        ModelError: No checkpoint that can be loaded or explained.
        ConfigError: A text, for an image classifier.
    """
    classifier = SteelDefectClassifier.from_pretrained(checkpoint)
    if not isinstance(classifier.model, ImageClassifier) and not levels and text is None:
        levels = ["T0"]
    if isinstance(classifier.model, ImageClassifier) and (levels or text):
        raise ConfigError(f"{checkpoint} is an image classifier, which takes no texts: leave --texts and --text out.")
    typed = {} if text is None else {TYPED_TEXT: text}
    against = (
        {}
        if isinstance(classifier.model, ImageClassifier)
        else {name: class_mean(classifier.model, classifier.classes, name) for name in [*levels, *typed]}
    )
    rng = np.random.default_rng(0)
    examples = iter(examples)
    while batch := list(islice(examples, BATCH)):
        classifier.engine.learn_grey_levels(example.image for example in batch)
        for example in batch:
            example.image = classifier.model.to_rgb(example.image)  # upright, as its maps are
        yield from _explain_batch(batch, classifier, levels, typed, against, rng)


def _explain_batch(
    batch: list[Example],
    classifier: SteelDefectClassifier,
    levels: Sequence[str],
    typed: dict[str, str],
    against: dict[str, torch.Tensor],
    rng: np.random.Generator,
) -> Iterator[Explanation]:
    images: list[Image.Image] = [example.image for example in batch]
    predictions = list(classifier.predict(images, top_k=1))
    predicted = [prediction.labels[0] for prediction in predictions]
    model = classifier.model
    if isinstance(model, ImageClassifier):
        texts = [{CLASS: name} for name in predicted]
        maps = class_saliency(model, images, [[model.classes.index(name)] for name in predicted])
    else:
        texts = [texts_of(example, levels, name) | typed for example, name in zip(batch, predicted, strict=True)]
        maps = _maps(model, images, texts, against)
    for example, prediction, asked, found in zip(batch, predictions, texts, maps, strict=True):
        (name,), (probability,) = prediction.labels, prediction.probabilities
        explanation = Explanation(example, name, probability, asked, dict(zip(asked, found, strict=True)))
        if any(level not in asked for level in levels):
            explanation.missing = what_is_missing(example, levels, name)
        if example.mask is not None and asked:
            explanation.scores = _scores(explanation.maps, example.mask, rng)
        yield explanation


def _maps(
    model: Clip, images: Sequence[Image.Image], texts: Sequence[dict[str, str]], against: dict[str, torch.Tensor]
) -> list[np.ndarray]:
    """For each image a map of each of its texts; images with texts of the same names are explained together."""
    maps = [np.empty((0, image.height, image.width), np.float32) for image in images]
    for names in dict.fromkeys(tuple(asked) for asked in texts if asked):
        chosen = [number for number, asked in enumerate(texts) if tuple(asked) == names]
        asked_for = [list(texts[number].values()) for number in chosen]
        found = saliency(model, [images[n] for n in chosen], asked_for, [against[name] for name in names])
        for number, of_image in zip(chosen, found, strict=True):
            maps[number] = of_image
    return maps


def _scores(maps: dict[str, np.ndarray], mask: np.ndarray, rng: np.random.Generator) -> dict[str, Scores]:
    height, width = mask.shape
    baselines = {RANDOM: random_map((height, width), rng), CENTRE: centre_map((height, width))}
    return {name: score(saliency_map, mask) for name, saliency_map in (maps | baselines).items()}


def mean_scores_by_map(scores: Sequence[dict[str, Scores]]) -> dict[str, Scores]:
    """Mean scores of each kind of map and of the baselines.

    Args:
        scores: Those of each image with a mask. Some may lack a kind of map.
    """
    kinds = dict.fromkeys(name for of_image in scores for name in of_image if name not in (RANDOM, CENTRE))
    names = [*kinds, RANDOM, CENTRE] if scores else []
    return {name: mean_scores([of_image[name] for of_image in scores if name in of_image]) for name in names}

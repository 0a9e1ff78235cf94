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
from steeldefectx.inference.explain.examples import Example, texts_of
from steeldefectx.inference.explain.saliency import class_mean, class_saliency, saliency
from steeldefectx.inference.explain.scores import Scores, centre_map, mean_scores, random_map, score
from steeldefectx.models.image_classifier import ImageClassifier

BATCH = 8
TYPED_TEXT, CLASS = "text", "class"
"""What the maps of a typed text, and those of an image classifier's class, are called."""
RANDOM, CENTRE = "random map", "centre map"


@dataclass
class Explanation:
    """An image with its maps."""

    example: Example
    predicted: str | None
    texts: dict[str, str]
    """What a map is of -> the text (for an image classifier, the class)."""
    maps: dict[str, np.ndarray]
    """The same names -> (H, W) float32, 0..1."""
    scores: dict[str, Scores] = field(default_factory=dict)
    """The same names and both baselines -> scores; empty without a mask."""


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
        DataError: A text level is missing.
    """
    classifier = SteelDefectClassifier.from_pretrained(checkpoint)
    if not isinstance(classifier.model, ImageClassifier) and not levels and text is None:
        levels = ["T0"]
    if isinstance(classifier.model, ImageClassifier) and (levels or text):
        raise ConfigError(f"{checkpoint} is an image classifier, which takes no texts: leave --texts and --text out.")
    typed = {} if text is None else {TYPED_TEXT: text}
    against = (
        []
        if isinstance(classifier.model, ImageClassifier)
        else [class_mean(classifier.model, classifier.classes, name) for name in [*levels, *typed]]
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
    against: Sequence[torch.Tensor],
    rng: np.random.Generator,
) -> Iterator[Explanation]:
    images: list[Image.Image] = [example.image for example in batch]
    predicted = [prediction.labels[0] for prediction in classifier.predict(images, top_k=1)]
    model = classifier.model
    if isinstance(model, ImageClassifier):
        texts = [{CLASS: name} for name in predicted]
        maps = class_saliency(model, images, [[model.classes.index(name)] for name in predicted])
    else:
        texts = [texts_of(example, levels, name) | typed for example, name in zip(batch, predicted, strict=True)]
        maps = saliency(model, images, [list(asked.values()) for asked in texts], against)
    for example, name, asked, found in zip(batch, predicted, texts, maps, strict=True):
        explanation = Explanation(example, name, asked, dict(zip(asked, found, strict=True)))
        if example.mask is not None:
            explanation.scores = _scores(explanation.maps, example.mask, rng)
        yield explanation


def _scores(maps: dict[str, np.ndarray], mask: np.ndarray, rng: np.random.Generator) -> dict[str, Scores]:
    height, width = mask.shape
    baselines = {RANDOM: random_map((height, width), rng), CENTRE: centre_map((height, width))}
    return {name: score(saliency_map, mask) for name, saliency_map in (maps | baselines).items()}


def mean_scores_by_map(explanations: Sequence[Explanation]) -> dict[str, Scores]:
    """Mean scores of each kind of map and of the baselines, over the images with masks; empty if there are none."""
    scored = [explanation.scores for explanation in explanations if explanation.scores]
    return {name: mean_scores([scores[name] for scores in scored]) for name in (scored[0] if scored else {})}

"""A trained checkpoint, used: images in, classes with probabilities out."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from PIL import Image

from steeldefectx.data.images import PAUSE, Traits, check_levels, check_size, deep_image, read_image, unsettled
from steeldefectx.data.sources.remarks import remarks
from steeldefectx.errors import ConfigError, DataError, DriveGoneError, ModelError
from steeldefectx.features.pixels import LOOKED_AT
from steeldefectx.inference.engines import BATCH, Engine, TorchEngine
from steeldefectx.inference.onnx import OnnxEngine, is_export
from steeldefectx.language.class_sentences import class_sentences
from steeldefectx.models.calibration import read_calibration
from steeldefectx.models.checkpoint import load_checkpoint
from steeldefectx.models.clip import Clip
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.taxonomy import find_class
from steeldefectx.utils.cores import usable_cores
from steeldefectx.utils.prefetch import prefetch

logger = logging.getLogger(__name__)

ImageInput = Image.Image | str | Path
"""A Pillow image, or the path of an image file."""
Texts = Sequence[str] | Mapping[str, str | Sequence[str]]
"""Class names, or class name -> one text or several that describe it."""


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one image, best first."""

    labels: list[str]
    probabilities: list[float]
    """Of the labels, 0..1; over all classes they sum to 1."""
    abstained: bool = False
    """Whether the best probability is below what was asked for."""

    @property
    def label(self) -> str | None:
        """The most probable class; None if the classifier abstained."""
        return None if self.abstained else self.labels[0]

    @property
    def description(self) -> str | None:
        """What the class looks like, as in its T1 text; None where abstained, and for classes beyond the 25."""
        known = find_class(self.label) if self.label else None
        return known.looks if known else None

    @property
    def cause(self) -> str | None:
        """What most likely caused the defect; None where abstained, and for classes beyond the 25."""
        known = find_class(self.label) if self.label else None
        return known.cause if known else None


class SteelDefectClassifier:
    """Tells the class of a defect image.

    Called, it is a ``transformers`` pipeline for image classification:

    >>> classifier = SteelDefectClassifier.from_pretrained("runs/latest")    # doctest: +SKIP
    >>> classifier("strip.jpg", top_k=2)                                     # doctest: +SKIP
    [{'label': 'Crazing', 'score': 0.93}, {'label': 'Patches', 'score': 0.04}]

    ``predict`` says more, and takes any number of images without holding them in memory:

    >>> for prediction in classifier.predict(Path("images").glob("*.jpg")):  # doctest: +SKIP
    ...     print(prediction.label, prediction.probabilities[0], prediction.cause)

    Probabilities are those of the checkpoint's temperature, if it has been calibrated.

    Args:
        engine: What computes logits.
        temperature: What they are divided by before the softmax.
    """

    def __init__(self, engine: Engine, temperature: float = 1.0):
        self.engine = engine
        self.temperature = temperature

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the logits."""
        return self.engine.classes

    @property
    def model(self) -> Clip | ImageClassifier:
        """The PyTorch model that computes the logits; of a CLIP with PEFT's weights a copy with them merged.

        Raises:
            ModelError: It is an ONNX export, which has none.
        """
        if not isinstance(self.engine, TorchEngine):
            raise ModelError("An ONNX export has no gradients to explain it by: name the checkpoint it was made of.")
        return self.engine.model

    @classmethod
    def from_pretrained(cls, name: str | Path, texts: Texts | None = None) -> SteelDefectClassifier:
        """Load a checkpoint, or an ONNX export of one.

        Args:
            name: Output folder of a run or of ``steeldefectx export-onnx``, or a Hub id; with ``texts`` also any
                CLIP, by folder or Hub id.
            texts: Other classes than the checkpoint's own, see :meth:`predict`.

        Raises:
            ModelError: No checkpoint that can be loaded, a model without classes, or texts for one that takes none.
            ConfigError: Texts that make no sense.
        """
        engine, temperature = _load(str(name), texts)
        return cls(engine, temperature)

    def fingerprint(self) -> str:
        """A hash of all that a prediction depends on beside the image."""
        return hashlib.sha256(f"{self.engine.fingerprint()} {self.temperature}".encode()).hexdigest()

    def __call__(
        self, images: ImageInput | Iterable[ImageInput], texts: Texts | None = None, top_k: int = 5
    ) -> list[dict[str, str | float]] | list[list[dict[str, str | float]]]:
        """Classify images; arguments and errors as for :meth:`predict`.

        Returns:
            ``[{"label": ..., "score": ...}, ...]``, best first, for one image; a list of such for several.
        """
        scores = [
            [{"label": label, "score": p} for label, p in zip(prediction.labels, prediction.probabilities, strict=True)]
            for prediction in self.predict(images, texts, top_k)
        ]
        return scores[0] if isinstance(images, ImageInput) else scores  # type: ignore[return-value]

    def predict(
        self,
        images: ImageInput | Iterable[ImageInput],
        texts: Texts | None = None,
        top_k: int = 5,
        abstain_below: float = 0.0,
        page: int = 0,
    ) -> Iterator[Prediction]:
        """Predict images one after the other, in batches; memory does not grow with their number.

        Args:
            images: Pillow images or paths, as many as there are; or one of them.
            texts: Other classes, zero-shot: their names, which are described as the 25 classes and the lexicon do,
                or for each its descriptions, which are averaged. The temperature, fitted to
                the checkpoint's own classes, is not used.
            top_k: How many classes to name for each.
            abstain_below: A prediction whose best probability is lower abstains: 0.5 asks for classes that are more
                probable than all others together.
            page: Which page or frame is predicted, of files of several, counted from 0.

        Raises:
            DataError: A file that is no readable image, an image with too many pixels, or a drive that went away.
            ModelError: Texts for a model that takes none.
            ConfigError: Texts that make no sense.
        """
        for prediction in self.predict_each(images, texts, top_k, abstain_below, page):
            if isinstance(prediction, DataError):
                raise prediction
            yield prediction

    def predict_each(
        self,
        images: ImageInput | Iterable[ImageInput],
        texts: Texts | None = None,
        top_k: int = 5,
        abstain_below: float = 0.0,
        page: int = 0,
    ) -> Iterator[Prediction | DataError]:
        """:meth:`predict`, with what is wrong with an image in the place of its prediction."""
        engine, temperature = self.engine, self.temperature
        if texts is not None:
            engine, temperature = engine.with_texts(texts_by_class(texts)), 1.0
        for row in _logits(engine, images, page):
            if isinstance(row, DataError):
                yield row
                continue
            probabilities = _softmax(row / temperature)
            best = np.argsort(-probabilities, kind="stable")[:top_k]
            ranked = [float(p) for p in probabilities[best]]
            yield Prediction([engine.classes[i] for i in best], ranked, bool(probabilities.max() < abstain_below))

    def logits(self, images: ImageInput | Iterable[ImageInput]) -> np.ndarray:
        """Logits (N, C) float32 of N images, before any temperature; errors as of :meth:`predict`."""
        rows = []
        for row in _logits(self.engine, images):
            if isinstance(row, DataError):
                raise row
            rows.append(row)
        return np.stack(rows) if rows else np.empty((0, len(self.classes)), np.float32)


def _load(name: str, texts: Texts | None) -> tuple[Engine, float]:
    """An engine for a checkpoint or export, and its temperature."""
    folder = Path(name).expanduser()
    if is_export(folder):
        engine = OnnxEngine(folder)
        return (engine, engine.temperature) if texts is None else (engine.with_texts(texts_by_class(texts)), 1.0)
    model, classes = load_checkpoint(name)
    if texts is not None:
        return TorchEngine(model, texts_by_class(texts)), 1.0
    if classes is None:
        raise ModelError(f"{name} has no classes: give texts, or a checkpoint written by steeldefectx train.")
    calibration = read_calibration(name)
    return TorchEngine(model, classes), calibration.temperature if calibration else 1.0


def texts_by_class(texts: Texts) -> dict[str, list[str]]:
    """Class name -> its texts; a name alone gets those that are known of it.

    Raises:
        ConfigError: Fewer than two classes, a name twice, or texts that are empty or no strings.
    """
    if not isinstance(texts, Mapping):
        names = list(texts)
        if isinstance(texts, str) or len(set(map(str, names))) < len(names):
            raise ConfigError("texts: give class names, each once, or class names with their descriptions.")
        texts = {name: class_sentences(str(name)) for name in names}
    by_class = {name: [given] if isinstance(given, str) else list(given or []) for name, given in texts.items()}
    if len(by_class) < 2:
        raise ConfigError("texts: give two classes at least; the probability of the only one would be 1.")
    for name, given in by_class.items():
        if not isinstance(name, str) or not given or not all(isinstance(text, str) and text.strip() for text in given):
            raise ConfigError(f"texts: {name!r} needs a text, or a list of texts (a number or yes and no in quotes).")
    return by_class


def _logits(
    engine: Engine, images: ImageInput | Iterable[ImageInput], page: int = 0
) -> Iterator[np.ndarray | DataError]:
    """Logits (C,) of each image, or what is wrong with it; the next batch is decoded while one is computed."""
    images = [images] if isinstance(images, ImageInput) else images
    waiting = iter(images)
    if not isinstance(images, Sequence):
        images = list(islice(waiting, BATCH))
        waiting = chain(images, waiting)
    engine.learn_grey_levels(_deep_images(images))
    said: set[str] = set()

    def prepare(image: ImageInput) -> np.ndarray | DataError:
        try:
            if isinstance(image, Image.Image):
                check_size(image)
                check_levels(image)
                return engine.to_pixels(image)
            decoded, traits = _settled(image, page)
            _say_once(said, image, traits, page)
            return engine.to_pixels(decoded)
        except DriveGoneError:
            raise
        except DataError as error:
            return error

    with ThreadPoolExecutor(usable_cores()) as pool:
        batches = iter(lambda: list(islice(waiting, BATCH)), [])
        for batch in prefetch(lambda inputs: list(pool.map(prepare, inputs)), batches):
            pixels = [prepared for prepared in batch if isinstance(prepared, np.ndarray)]
            rows = iter(engine.logits(np.stack(pixels))) if pixels else iter(())
            for prepared in batch:
                yield prepared if isinstance(prepared, DataError) else next(rows)


def _settled(file: str | Path, page: int) -> tuple[Image.Image, Traits]:
    """An image file; one that is bad and changed a moment ago is read again after a pause."""
    try:
        return read_image(file, page)
    except DataError:
        if not unsettled(Path(file)):
            raise
    time.sleep(PAUSE)
    return read_image(file, page)


def _say_once(said: set[str], file: str | Path, traits: Traits, page: int) -> None:
    for kind, line in remarks({Path(file): traits}, page, []).items():
        if kind not in said:
            said.add(kind)
            logger.warning(line)


def _deep_images(images: Sequence[ImageInput]) -> Iterator[Image.Image]:
    """Those of more than 8 bits among some of the images, evenly chosen."""
    for image in images[:: max(1, len(images) // LOOKED_AT)]:
        deep = image if isinstance(image, Image.Image) else deep_image(image)
        if deep is not None:
            yield deep


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (C,) of logits (C,)."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return powers / powers.sum()

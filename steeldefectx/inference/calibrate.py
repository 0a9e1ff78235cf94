"""A temperature for a checkpoint that was trained without held-out images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from steeldefectx.data.sources import Sample, find_class_folders, sample_pixels
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.inference.classifier import SteelDefectClassifier
from steeldefectx.models.calibration import Calibration, calibrate, write_calibration
from steeldefectx.taxonomy import normalize_name
from steeldefectx.utils.results import RESULTS, read_results, write_json


def calibrate_checkpoint(checkpoint: Path, images: Path) -> Calibration:
    """Fit a temperature on images in class folders, and put it into the checkpoint's folder.

    ``results.json``, if there is one, then says so too.

    Args:
        checkpoint: Output folder of a run.
        images: ``images/<class>/<image>``, of classes that the checkpoint knows. Neither training nor test images: a
            folder that the run took its data from is refused.

    Raises:
        ConfigError: No folder, or images of the run itself.
        DataError: Images that cannot be read, or of unknown classes.
        ModelError: No checkpoint that can be loaded.
    """
    if not checkpoint.is_dir():
        raise ConfigError(f"{checkpoint}: no such folder; a temperature is kept in the folder of its checkpoint.")
    results = read_results(checkpoint / RESULTS)
    _refuse_own_images(results, images)
    samples = find_class_folders(images).samples
    classifier = SteelDefectClassifier.from_pretrained(checkpoint)
    labels = _labels(samples, classifier.classes)
    logits = torch.from_numpy(classifier.logits(map(_image, samples)))
    calibration = calibrate(logits, labels, f"{len(samples)} images in {images.absolute()}, which the run did not see")
    write_calibration(calibration, checkpoint)
    if results is not None:
        write_json(results | {"calibration": vars(calibration), "calibrated_error": None}, checkpoint / RESULTS)
    return calibration


def _image(sample: Sample) -> Path | Image.Image:
    """What a sample is: its file, or a part of that."""
    return sample.path if sample.box is None else sample_pixels(sample)[0]


def _refuse_own_images(results: dict | None, images: Path) -> None:
    data_dir = results["recipe"].get("data_dir") if results else None
    if data_dir is None:
        return
    trained_on, given = Path(data_dir).expanduser().resolve(), images.resolve()
    if trained_on.is_relative_to(given) or given.is_relative_to(trained_on):
        raise ConfigError(
            f"{images}: the run took its training and test images from {data_dir}. Give images that it has not seen, "
            "or train with --hold_out 0.1, which calibrates too."
        )


def _labels(samples: list[Sample], classes: list[str]) -> np.ndarray:
    """(N,) positions of the samples' classes in ``classes``; case, spaces and hyphens do not matter."""
    position = {normalize_name(name): index for index, name in enumerate(classes)}
    unknown = sorted({s.class_name for s in samples if normalize_name(s.class_name) not in position})
    if unknown:
        raise DataError(f"The checkpoint does not know {', '.join(unknown)}: it knows {', '.join(classes)}.")
    return np.array([position[normalize_name(sample.class_name)] for sample in samples])

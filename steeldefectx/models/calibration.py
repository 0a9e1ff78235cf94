"""Temperature scaling (Guo et al. 2017): probabilities that say how often a model is right.

One number divides all logits. It changes no prediction, only how sure a model is of it, and is fitted on images that
the model was not trained on: never on those of the test split.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch.nn import functional as F

from steeldefectx.errors import DataError, ModelError
from steeldefectx.metrics.scores import calibration_error
from steeldefectx.models.checkpoint import checkpoint_folder
from steeldefectx.models.names import TINY
from steeldefectx.utils.results import write_json

CALIBRATION = "calibration.json"
"""File in a checkpoint's folder."""
TEMPERATURES = (0.01, 100.0)
"""The range that a temperature is looked for in."""


@dataclass(frozen=True)
class Calibration:
    """A temperature and what it does to the images that it was fitted on."""

    temperature: float
    """Divides the logits before the softmax; above 1 where the model was too sure."""
    fitted_on: str
    """Which images these were, in words."""
    images: int
    nll_before: float
    """Mean negative log-likelihood of the true class, in nats."""
    nll_after: float
    calibration_error_before: float
    """As :func:`steeldefectx.metrics.calibration_error`, 0..1."""
    calibration_error_after: float


def fit_temperature(logits: torch.Tensor, labels: np.ndarray) -> float:
    """The temperature at which the labels are most likely.

    Where every one of N predictions is right, that would be zero, and all later ones would be certain. So the labels
    are smoothed as if one more image were of a class drawn at random, as Platt (1999) does with two classes.

    Args:
        logits: (N, C) of images that the model was not trained on.
        labels: (N,) their classes.

    Raises:
        DataError: No images.
    """
    if not len(labels):
        raise DataError("There are no images to fit a temperature on.")
    logits, target = logits.double(), torch.from_numpy(labels)
    smoothing = 1 / (len(labels) + 1)

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return F.cross_entropy(scaled, target, label_smoothing=smoothing).item()

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def calibrate(logits: torch.Tensor, labels: np.ndarray, fitted_on: str) -> Calibration:
    """Fit a temperature and measure what it does; arguments as for :func:`fit_temperature`."""
    temperature = fit_temperature(logits, labels)
    before, after = (_measured(logits / divisor, labels) for divisor in (1.0, temperature))
    return Calibration(temperature, fitted_on, len(labels), before[0], after[0], before[1], after[1])


def _measured(logits: torch.Tensor, labels: np.ndarray) -> tuple[float, float]:
    """Mean negative log-likelihood, and calibration error."""
    return F.cross_entropy(logits.double(), torch.from_numpy(labels)).item(), calibration_error(logits, labels)


def calibration_results(calibration: Calibration | None, logits: torch.Tensor, labels: np.ndarray) -> dict[str, Any]:
    """What ``results.json`` says of a calibration, and how the probabilities it gives fit these other images.

    Args:
        calibration: None where there is none.
        logits: (N, C), of the images that are reported on.
        labels: (N,) their classes.
    """
    if calibration is None:
        return {"calibration": None, "calibrated_error": None}
    error = calibration_error(logits / calibration.temperature, labels)
    return {"calibration": asdict(calibration), "calibrated_error": error}


def write_calibration(calibration: Calibration, folder: Path) -> None:
    """Put a calibration into a checkpoint's folder."""
    write_json(asdict(calibration), folder / CALIBRATION)


def read_calibration(checkpoint: str) -> Calibration | None:
    """The calibration of a checkpoint, if it has one.

    Args:
        checkpoint: Folder, Hub id, ``embedded`` or ``tiny``.

    Raises:
        ModelError: No such checkpoint, or a file that is not what :func:`write_calibration` writes.
    """
    if checkpoint == TINY:
        return None
    file = checkpoint_folder(checkpoint) / CALIBRATION
    if not file.is_file():
        return None
    try:
        calibration = Calibration(**json.loads(file.read_text("utf-8")))
        if not TEMPERATURES[0] <= calibration.temperature <= TEMPERATURES[1]:
            raise ValueError(f"temperature {calibration.temperature}")
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{file}: not a calibration ({error}); remove it, or calibrate again.") from error
    return calibration

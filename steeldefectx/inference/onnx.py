"""A checkpoint as an ONNX graph, and the engine that runs it.

An export is a folder with ``model.onnx`` (``pixels``, uint8 (N, 3, H, W), to ``logits``, float32 (N, C); scaling and
normalization are inside), the image processor's settings for what comes before it, and ``export.json``: the class
names in the order of the logits, and the temperature that divides these before a softmax.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoImageProcessor

from steeldefectx.errors import ConfigError, ModelError
from steeldefectx.inference.engines import TorchEngine
from steeldefectx.models.calibration import TEMPERATURES, read_calibration
from steeldefectx.models.checkpoint import load_checkpoint
from steeldefectx.models.clip import Clip
from steeldefectx.models.preprocessing import Preprocessing
from steeldefectx.utils.results import write_json

GRAPH, ABOUT = "model.onnx", "export.json"
MISSING = "ONNX needs packages that are not installed: pip install 'steeldefectx[onnx]'."


class _Graph(nn.Module):
    """What is exported: a model with its classes' embeddings, from bytes to logits."""

    class_embeddings: torch.Tensor

    def __init__(self, engine: TorchEngine):
        super().__init__()
        self.model = engine.model
        self.weights = nn.ModuleList([engine.model.model])
        if isinstance(engine.model, Clip):
            self.weights += [part for part in (engine.model.adapter, engine.model.text_adapter) if part is not None]
            self.register_buffer("class_embeddings", engine.class_embeddings)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if isinstance(self.model, Clip):
            return self.model.logits(self.model.encode_images(pixels), self.class_embeddings)
        return self.model.logits(pixels)


def export_checkpoint(checkpoint: str, out: Path) -> None:
    """Write a checkpoint as an export, whole or not at all.

    Args:
        checkpoint: Output folder of a run, or Hub id.
        out: The folder. An export that is there is replaced, any other that is not empty refused.

    Raises:
        ModelError: No checkpoint that can be loaded, or one without classes.
        ConfigError: Packages are missing, or the folder holds something else.
    """
    _check_replaceable(out)
    model, classes = load_checkpoint(checkpoint)
    if classes is None:
        raise ModelError(f"{checkpoint} has no classes: only one written by steeldefectx train can be exported.")
    calibration = read_calibration(checkpoint)
    engine, temperature = TorchEngine(model, classes), calibration.temperature if calibration else 1.0
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _write_graph(engine, temporary / GRAPH)
        engine.model.image_processor.save_pretrained(str(temporary))
        write_json({"classes": engine.classes, "temperature": temperature}, temporary / ABOUT)
        temporary.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_replaceable(out: Path) -> None:
    if out.exists() and not is_export(out) and not (out.is_dir() and not any(out.iterdir())):
        raise ConfigError(f"{out}: exists and is no export; give a new folder.")


def _write_graph(engine: TorchEngine, file: Path) -> None:
    """Trace the model with a batch of two and let the number of images vary."""
    pixels = torch.zeros(2, *engine.model.image_shape, dtype=torch.uint8, device=engine.device)
    dynamic = {"pixels": {0: torch.export.Dim("batch")}}
    names: dict[str, Any] = {"input_names": ["pixels"], "output_names": ["logits"]}
    logging.getLogger("onnxscript").setLevel(logging.WARNING)
    try:
        with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # of what the exporter itself is made of
            torch.onnx.export(
                _Graph(engine).eval(), (pixels,), file, dynamo=True, dynamic_shapes=dynamic, external_data=False,
                verbose=False, **names,
            )  # fmt: skip
    except ImportError as error:
        raise ConfigError(MISSING) from error


def is_export(folder: Path) -> bool:
    """Whether a folder is what :func:`export_checkpoint` writes."""
    return (folder / ABOUT).is_file() and (folder / GRAPH).is_file()


class OnnxEngine(Preprocessing):
    """An export in ONNX Runtime, on the CPU; an :class:`~steeldefectx.inference.engines.Engine`.

    Raises:
        ConfigError: ONNX Runtime is not installed.
        ModelError: Files that are not those of one export.
    """

    def __init__(self, folder: Path):
        try:
            import onnxruntime  # an extra
        except ImportError as error:
            raise ConfigError(MISSING) from error
        self._folder = folder
        try:
            about = json.loads((folder / ABOUT).read_text("utf-8"))
            self.classes: list[str] = [str(name) for name in about["classes"]]
            self.temperature = float(about["temperature"])
            if not TEMPERATURES[0] <= self.temperature <= TEMPERATURES[1]:
                raise ValueError(f"temperature {self.temperature}")
            self.image_processor = AutoImageProcessor.from_pretrained(str(folder), backend="pil")
            self._session = onnxruntime.InferenceSession(str(folder / GRAPH), providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's have no base of their own
            raise ModelError(
                f"{folder}: no export that can be read ({_first_line(error)}); export it again."
            ) from error
        width = self._session.get_outputs()[0].shape[-1]
        if width != len(self.classes):
            raise ModelError(f"{folder}: {len(self.classes)} classes in {ABOUT} for {width} logits; export it again.")

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels, uint8 (N, 3, H, W), to logits (N, C) float32."""
        return self._session.run(["logits"], {"pixels": pixels})[0]

    def fingerprint(self) -> str:
        """A hash of graph, classes and preprocessing; see :class:`~steeldefectx.inference.engines.Engine`."""
        digest = hashlib.sha256(json.dumps([self.classes, self.image_processor.to_json_string()]).encode())
        digest.update((self._folder / GRAPH).read_bytes())
        return digest.hexdigest()

    def with_texts(self, texts: Mapping[str, Sequence[str]]) -> OnnxEngine:
        """Raises ModelError: an export has its classes in the graph."""
        raise ModelError(f"An ONNX export knows its own {len(self.classes)} classes only: give texts to a checkpoint.")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

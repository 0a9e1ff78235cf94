"""Published numbers, to be shown beside ours: what was measured, on how many images, and who says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PAPER = "SteelDefectX, arXiv 2603.21824"
LATER = "later result on the same release"
"""As reported, by others than the paper; training texts or code differ from ours or are not public."""
RELEASE_TRAIN = 5454
"""Training images of the public release."""
CLIP, CLIP_B16, LONG_CLIP = (
    r"^(?!.*(long|laion|open.?clip|siglip)).*clip",
    r"^(?!.*laion).*clip.*vit.?b(ase)?.?(patch)?.?16",
    r"long.?clip.?l",
)
OPEN_CLIP = r"(laion.*|open.?clip.*)vit.?l.?14"


@dataclass(frozen=True)
class Published:
    """One published number and the protocol behind it."""

    task: str
    model: str
    """As the source calls it."""
    accuracy: float
    """0..1, as are the others."""
    mean_accuracy: float | None = None
    source: str = PAPER
    method: str | None = None
    train_text: str | None = None
    test_text: str | None = None
    shots: int | None = None
    target: str = "default"
    """Config that was tested on."""
    n_classes: int = 25
    n_test: int | None = 2324
    """None: not known."""
    models: str | None = None
    """Pattern of the names that the model goes by here; None: not a protocol of this benchmark."""
    approximate: bool = False
    """Read off a figure."""
    remark: str = ""

    def matches(self, cell: Mapping[str, Any]) -> bool:
        """Whether a line of results is of this protocol: task, model, method, texts, shots and target.

        The data it was measured on may be other than the published: see :meth:`same_data`.
        """
        return (
            self.models is not None
            and re.search(self.models, str(cell["model"]).lower()) is not None
            and cell["text_control"] is None
            and _target(cell) == (self.target if self.task == "task4" else _target(cell))
            and (cell["task"], cell["shots"]) == (self.task, self.shots)
            and self.method in (None, cell["method"])
            and (self.train_text, self.test_text) == _texts(cell)
        )

    def same_data(self, cell: Mapping[str, Any]) -> bool:
        """Whether a line of results was measured on data of the published numbers of classes and test images."""
        tested = (_target(cell), cell["n_test"], len(cell["classes"] or ()))
        trained = self.task != "task4" or cell["method"] == "zero-shot" or cell["n_train"] == RELEASE_TRAIN
        return trained and tested == (self.target, self.n_test, self.n_classes)

    @property
    def data(self) -> str:
        """The data in words."""
        name = "the full release" if self.target == "default" else self.target
        images = "test images not stated" if self.n_test is None else f"{self.n_test:,} test images"
        return f"{name} ({self.n_classes} classes, {images})"


def _target(cell: Mapping[str, Any]) -> str:
    """Config of the data that a line of results was tested on; of the sources alone, their name."""
    test_on = str(cell["test_on"] or "")
    return test_on.split(":", 1)[0] if cell["task"] == "task4" else str(cell["config"])


def _texts(cell: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Train and test level as far as the published protocols tell them apart."""
    if cell["task"] == "task2":
        return cell["train_text"], cell["test_text"]
    if cell["task"] == "task4":
        return None if cell["method"] == "zero-shot" else cell["train_text"], None
    if cell["task"] == "task1":
        return None, None
    only_class_texts = cell["method"] == "zero-shot" or cell["train_text"] in (None, cell["test_text"])
    return None if only_class_texts else cell["train_text"], cell["test_text"]


def find(cell: Mapping[str, Any]) -> Published | None:
    """The published number of a line's own protocol, if there is one."""
    return next((number for number in PUBLISHED if number.matches(cell)), None)


def _transfer(text: str | None, aluminium: float, tube: float) -> tuple[Published, Published]:
    common: dict[str, Any] = {
        "method": None if text else "zero-shot",
        "train_text": text,
        "models": LONG_CLIP,
    }
    return (
        Published("task4", "Long-CLIP L/14", aluminium, target="msd-cls", n_classes=10, n_test=186, **common),
        Published("task4", "Long-CLIP L/14", tube, target="cgfsds-9", n_classes=5, n_test=219, **common),
    )


def _adapter(model: str, accuracy: float, mean_accuracy: float, models: str) -> Published:
    method = "clip-adapter"
    return Published("task2", model, accuracy, mean_accuracy, PAPER, method, "T3", "T0", models=models)


def _few_shot(model: str, method: str, shots: int, accuracy: float, models: str) -> Published:
    common: dict[str, Any] = {"method": method, "test_text": "T0", "shots": shots}
    return Published("task3", model, accuracy, models=models, approximate=True, **common)


PUBLISHED: tuple[Published, ...] = (
    Published("task1", "ShuffleNetV2", 0.9634, 0.9498, models=r"shufflenet.?v?2", remark="from scratch"),
    Published("task1", "ResNet-101", 0.9363, 0.9119, models=r"resnet.?101", remark="from scratch"),
    Published("task1", "ViT-B/16", 0.4484, 0.4031, models=r"vit.?b(ase)?.?(patch)?.?16", remark="from scratch"),
    Published(
        "task1", "ResNet-34", 0.974, source=LATER, models=r"resnet.?34", remark="ImageNet-pretrained; macro-F1 96.9"
    ),
    Published(
        "task1",
        "RepVGG + SA",
        0.951,
        source="Feng et al. 2021",
        target="X-SDD",
        n_classes=7,
        n_test=None,
        remark="macro-F1 93.25",
    ),
    _adapter("Long-CLIP L/14", 0.9363, 0.9256, LONG_CLIP),
    _adapter("OpenCLIP L/14", 0.8821, 0.8754, OPEN_CLIP),
    _adapter("CLIP B/16", 0.8184, 0.8114, CLIP_B16),
    Published("task2", "Long-CLIP L/14", 0.9445, 0.9366, LATER, train_text="attributes"),
    Published("task2", "VLM2Vec-V2", 0.9449, source=LATER, method="lora", remark="claimed, no code"),
    Published("task3", "CLIP", 0.0757, method="zero-shot", test_text="T0", shots=0, models=CLIP),
    Published("task3", "CLIP", 0.1127, method="zero-shot", test_text="T1", shots=0, models=CLIP),
    Published("task3", "best of any model", 0.148, method="zero-shot", shots=0),
    _few_shot("Long-CLIP L/14", "clip-adapter", 1, 0.60, LONG_CLIP),
    _few_shot("Long-CLIP L/14", "clip-adapter", 8, 0.88, LONG_CLIP),
    _few_shot("a CLIP", "tip-adapter-f", 1, 0.55, "clip"),
    _few_shot("a CLIP", "tip-adapter-f", 8, 0.85, "clip"),
    *_transfer(None, 0.0860, 0.2511),
    *_transfer("T0", 0.1290, 0.2831),
    *_transfer("T1", 0.2043, 0.3379),
    *_transfer("T2", 0.2527, 0.3425),
    *_transfer("T3", 0.2903, 0.4018),
)

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


TRANSFER = {  # training texts -> Acc on aluminium and on tubes
    None: (0.0860, 0.2511),
    "T0": (0.1290, 0.2831),
    "T1": (0.2043, 0.3379),
    "T2": (0.2527, 0.3425),
    "T3": (0.2903, 0.4018),
}
ADAPTED: dict[str, Any] = {"task": "task2", "method": "clip-adapter", "train_text": "T3", "test_text": "T0"}
ZERO_SHOT: dict[str, Any] = {"task": "task3", "method": "zero-shot", "shots": 0}
FEW_SHOT: dict[str, Any] = {"task": "task3", "test_text": "T0", "approximate": True}
X_SDD: dict[str, Any] = {"target": "X-SDD", "n_classes": 7, "n_test": None}
ALUMINIUM: dict[str, Any] = {"target": "msd-cls", "n_classes": 10, "n_test": 186}
TUBES: dict[str, Any] = {"target": "cgfsds-9", "n_classes": 5, "n_test": 219}

PUBLISHED: tuple[Published, ...] = (
    Published("task1", "ShuffleNetV2", 0.9634, 0.9498, models=r"shufflenet.?v?2", remark="from scratch"),
    Published("task1", "ResNet-101", 0.9363, 0.9119, models=r"resnet.?101", remark="from scratch"),
    Published("task1", "ViT-B/16", 0.4484, 0.4031, models=r"vit.?b(ase)?.?(patch)?.?16", remark="from scratch"),
    Published(
        "task1", "ResNet-34", 0.974, source=LATER, models=r"resnet.?34", remark="ImageNet-pretrained; macro-F1 96.9"
    ),
    Published("task1", "RepVGG + SA", 0.951, source="Feng et al. 2021", remark="macro-F1 93.25", **X_SDD),
    Published(model="Long-CLIP L/14", accuracy=0.9363, mean_accuracy=0.9256, models=LONG_CLIP, **ADAPTED),
    Published(model="OpenCLIP L/14", accuracy=0.8821, mean_accuracy=0.8754, models=OPEN_CLIP, **ADAPTED),
    Published(model="CLIP B/16", accuracy=0.8184, mean_accuracy=0.8114, models=CLIP_B16, **ADAPTED),
    Published("task2", "Long-CLIP L/14", 0.9445, 0.9366, LATER, train_text="attributes"),
    Published("task2", "VLM2Vec-V2", 0.9449, source=LATER, method="lora", remark="claimed, no code"),
    Published(model="CLIP", accuracy=0.0757, test_text="T0", models=CLIP, **ZERO_SHOT),
    Published(model="CLIP", accuracy=0.1127, test_text="T1", models=CLIP, **ZERO_SHOT),
    Published(model="best of any model", accuracy=0.148, **ZERO_SHOT),
    Published(model="Long-CLIP L/14", accuracy=0.60, method="clip-adapter", shots=1, models=LONG_CLIP, **FEW_SHOT),
    Published(model="Long-CLIP L/14", accuracy=0.88, method="clip-adapter", shots=8, models=LONG_CLIP, **FEW_SHOT),
    Published(model="a CLIP", accuracy=0.55, method="tip-adapter-f", shots=1, models="clip", **FEW_SHOT),
    Published(model="a CLIP", accuracy=0.85, method="tip-adapter-f", shots=8, models="clip", **FEW_SHOT),
    *(
        Published(
            *("task4", "Long-CLIP L/14", accuracy),
            method=None if text else "zero-shot",
            train_text=text,
            models=LONG_CLIP,
            **target,
        )
        for text, accuracies in TRANSFER.items()
        for accuracy, target in zip(accuracies, (ALUMINIUM, TUBES), strict=True)
    ),
)

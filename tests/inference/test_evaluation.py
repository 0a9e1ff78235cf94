"""Evaluation: an image counts for the class of its folder's name, in whatever order a checkpoint has its classes."""

import numpy as np
import pytest
import torch
from PIL import Image

from steeldefectx import SteelDefectClassifier
from steeldefectx.inference.eval_config import EvalConfig
from steeldefectx.inference.evaluation import evaluate_checkpoint
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import new_classifier
from steeldefectx.taxonomy import t0_sentence

CLASSES = ["dark", "neither", "bright"]
"""Those of the checkpoints: not in alphabetical order, and one more than the images have."""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name, level, count in (("bright", 190, 5), ("dark", 60, 7)):
        (folder / name).mkdir()
        for n in range(count):
            pixels = rng.normal(level, 20, (40, 40)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{n}.png")
    return folder


@pytest.fixture(scope="module", params=["clip", "classifier"])
def checkpoint(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "clip":
        save_checkpoint(load_clip("tiny"), {name: [f"a surface that is {name}"] for name in CLASSES}, folder)
    else:
        save_checkpoint(classifier_of_brightness(), None, folder)
    return folder


@torch.no_grad()
def classifier_of_brightness():
    """Random weights under a head that tells bright features from dark ones."""
    torch.manual_seed(0)
    classifier = new_classifier("resnet-18", CLASSES, 32)
    pixels = torch.stack([torch.full((3, 32, 32), level, dtype=torch.uint8) for level in (60, 190)])
    dark, bright = classifier.model.resnet(pixel_values=classifier.normalize(pixels)).pooler_output.flatten(1)
    head, axis = classifier.model.classifier[1], bright - dark
    head.weight.copy_(torch.stack([-axis, torch.zeros_like(axis), axis]))
    middle = (bright + dark) / 2 @ axis
    head.bias.copy_(torch.stack([middle, -middle.abs(), -middle]))
    return classifier


@pytest.mark.parametrize("among", ["data", "checkpoint"])
def test_recalls_are_those_of_what_the_classifier_predicts_by_name(among, checkpoint, images):
    found = evaluate_checkpoint(
        EvalConfig(str(checkpoint), config="class-folders", data_dir=str(images), split="all", among=among)
    )
    is_clip = checkpoint.name.startswith("clip")
    told_apart = ["dark", "bright"] if among == "data" else CLASSES
    texts = {name: t0_sentence(name) for name in told_apart} if is_clip and among == "data" else None
    classifier = SteelDefectClassifier.from_pretrained(checkpoint, texts)
    files = sorted(images.glob("*/*.png"))
    columns = [classifier.classes.index(name) for name in told_apart]
    predicted = [told_apart[best] for best in classifier.logits(files)[:, columns].argmax(1)]
    confusion = {"bright": {}, "dark": {}}
    for file, name in zip(files, predicted, strict=True):
        of_class = confusion[file.parent.name]
        of_class[name] = of_class.get(name, 0) + 1
    assert found["confusion"] == confusion
    assert found["per_class"] == {name: found.get(name, 0) / sum(found.values()) for name, found in confusion.items()}
    right = sum(file.parent.name == name for file, name in zip(files, predicted, strict=True))
    assert found["accuracy"] == pytest.approx(right / len(files))
    assert is_clip or right == len(files), "brightness tells these classes apart"


def test_data_and_their_split_are_those_of_the_run_unless_flags_say_otherwise():
    recipe = {"config": "class-folders", "data_dir": "mine", "gc10": "whole", "split_by": "grouped",
              "t0_template": "A {}.", "t1_file": "t1.yaml", "t1": ["Duck: a bird"],
              "annotations": "texts.jsonl"}  # fmt: skip
    assert EvalConfig("runs/latest").data_settings(recipe) == recipe | {
        "skip_bad": False, "layout": "auto", "boxes": "crop", "page": 0, "zip_encoding": None,
    }  # fmt: skip
    typed = EvalConfig("runs/latest", data_dir="raw", split_by="rule", gc10="crop", t0_template="{}")
    expected = {"config": "auto", "data_dir": "raw", "split_by": "rule", "gc10": "crop", "t0_template": "{}"}
    others = {
        "t1_file": "t1.yaml",
        "t1": ["Duck: a bird"],
        "annotations": None,
        "skip_bad": False,
        "layout": "auto",
        "boxes": "crop",
    }
    others |= {"page": 0, "zip_encoding": None}
    assert typed.data_settings(recipe) == expected | others, "annotations are of the images trained on"

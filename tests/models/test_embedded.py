"""The model that comes with the package: small, complete, and of use before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from steeldefectx import SteelDefectClassifier
from steeldefectx.errors import ModelError
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import load_checkpoint, save_checkpoint
from steeldefectx.models.clip import EMBEDDED_FOLDER, feature_width, load_clip
from steeldefectx.pretrain.export import export
from steeldefectx.pretrain.stream import describe
from steeldefectx.render.sample import sample_row
from steeldefectx.render.scenes import render_scene
from steeldefectx.taxonomy import CLASS_NAMES, t1_sentence

ROOT = Path(__file__).parents[2]
MEASURED = json.loads((ROOT / "benchmarks" / "results" / "embedded.json").read_text())


@pytest.fixture(scope="module")
def clip():
    return load_clip("embedded")


def test_its_weights_are_small_and_in_safetensors_alone():
    assert not [file for file in EMBEDDED_FOLDER.iterdir() if file.suffix in (".bin", ".pt", ".pth", ".pkl", ".py")]
    file = EMBEDDED_FOLDER / "model.safetensors"
    assert file.stat().st_size <= 16 * 2**20
    with safe_open(file, "pt") as weights:
        dtypes = {weights.get_tensor(name).dtype for name in weights.keys()}  # noqa: SIM118
    assert dtypes <= {torch.float16, torch.int64}


def test_it_is_loaded_in_full_precision_and_has_ten_million_parameters_at_most(clip):
    assert clip.model.dtype == torch.float32
    assert sum(p.numel() for p in clip.model.parameters()) <= 10_000_000
    # The localizer was trained after the rest was measured, and takes no part in that.
    towers = {name: p for name, p in clip.model.named_parameters() if not name.startswith("localizer.")}
    assert sum(p.numel() for p in towers.values()) == MEASURED["parameters"]


def test_no_text_of_the_sample_is_cut(clip):
    rows = [sample_row(index, 100, 64, 3) for index in range(100)]
    assert clip.context_length >= 128
    assert clip.count_cut([row[level] for row in rows for level in ("T0", "T1", "T2", "T3")]) == 0


def test_it_tells_the_25_classes_of_rendered_images_without_training():
    classifier = SteelDefectClassifier.from_pretrained("embedded")
    assert classifier.classes == list(CLASS_NAMES)
    rng = np.random.default_rng(2026)  # a seed that pretraining has not had
    names = [name for name in CLASS_NAMES for _ in range(8)]
    images = [Image.fromarray(render_scene(rng, 128, name).image) for name in names]
    found = [prediction.label for prediction in classifier.predict(images)]
    assert np.mean([one == other for one, other in zip(found, names, strict=True)]) > 0.7


def test_other_classes_are_given_in_words():
    rng = np.random.default_rng(1)
    images = [Image.fromarray(render_scene(rng, 128, "Bright scratch").image) for _ in range(12)]
    texts = {"line": "thin bright lines that reflect the light", "holes": "a dark oval opening with a bright rim"}
    classifier = SteelDefectClassifier.from_pretrained("embedded", texts)
    assert [p.label for p in classifier.predict(images)].count("line") >= 10


@torch.inference_mode()
def test_an_image_finds_its_own_description_among_those_of_its_class_more_often_than_by_chance(clip):
    rng, count, found = np.random.default_rng(5), 10, []
    for name in CLASS_NAMES:
        scenes = [render_scene(rng, 128, name) for _ in range(count)]
        texts = [describe(scene, rng, t2=0) for scene in scenes]
        pixels = torch.from_numpy(np.stack([clip.to_pixels(Image.fromarray(scene.image)) for scene in scenes]))
        images = clip.embed_images(clip.encode_images(pixels))
        cosines = images @ clip.embed_texts(clip.encode_texts(clip.tokenize(texts))).T
        found += (cosines.argmax(1) == torch.arange(count)).tolist()
    assert np.mean(found) > 1.5 / count


def test_an_adapter_on_it_carries_its_base_so_that_a_later_version_of_the_package_loads_the_same(clip, tmp_path):
    clip.adapter = ClipAdapter(feature_width(clip))
    save_checkpoint(clip, {"a": ["a scratch"], "b": ["a pit"]}, tmp_path)
    again, classes = load_checkpoint(str(tmp_path))
    pixels = torch.randint(0, 256, (2, *clip.image_shape), dtype=torch.uint8)
    torch.testing.assert_close(
        again.embed_images(again.encode_images(pixels)), clip.embed_images(clip.encode_images(pixels))
    )
    assert classes == {"a": ["a scratch"], "b": ["a pit"]}
    assert (tmp_path / "base" / "model.safetensors").is_file()
    clip.adapter = None


def test_only_a_finished_run_is_put_into_the_package(tmp_path):
    with pytest.raises(ModelError, match="no finished run"):
        export(tmp_path, tmp_path / "embedded")


def test_the_card_s_figures_are_the_committed_ones():
    card = (EMBEDDED_FOLDER / "README.md").read_text()
    for level, row in MEASURED["zero_shot"].items():
        assert f"| {100 * row['accuracy']:.2f} | {100 * row['mean_accuracy']:.2f} |" in card, level
    for row in MEASURED["linear_probe"].values():
        assert f"{100 * row['accuracy']:.2f}" in card
    assert t1_sentence("Crazing") in (EMBEDDED_FOLDER / "class_texts.json").read_text()

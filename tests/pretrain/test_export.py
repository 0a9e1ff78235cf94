"""A finished run becomes the model that is called ``embedded``, and that name is taken wherever a model is."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from steeldefectx.errors import ModelError
from steeldefectx.inference.classifier import SteelDefectClassifier
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import load_checkpoint, save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.pretrain import export as exporting
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.pretrain.export import export
from steeldefectx.pretrain.trainer import pretrain
from steeldefectx.taxonomy import CLASS_NAMES, t1_sentence

CONFIG = PretrainConfig(
    images=32, batch_size=8, image_size=32, image_widths="8,16", text_width=12, text_layers=1, projection=8, workers=0
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("steeldefectx.pretrain.stream.VOCABULARY_SCENES", 5)
        pretrain(replace(CONFIG, out=str(folder)))
    return folder


@pytest.fixture
def embedded(run, tmp_path, monkeypatch):
    """The run's model in the place of the one that ships."""
    folder = tmp_path / "embedded"
    export(run, folder)
    for module in ("models.clip", "models.checkpoint"):
        monkeypatch.setattr(f"steeldefectx.{module}.EMBEDDED_FOLDER", folder)
    return folder


@torch.inference_mode()
def logits(clip):
    pixels = torch.randint(0, 255, (3, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    texts = clip.embed_texts(clip.encode_texts(clip.tokenize(["a crack", "a long dark scratch"])))
    return clip.logits(clip.encode_images(pixels), texts)


def test_it_ships_in_half_the_bytes_and_computes_as_before(run, embedded):
    stored = load_file(embedded / "model.safetensors")
    assert {t.dtype for t in stored.values() if t.is_floating_point()} == {torch.float16}
    loaded = load_clip("embedded")
    assert (loaded.name, loaded.revision, loaded.model.dtype) == ("embedded", None, torch.float32)
    assert not loaded.model.training
    torch.testing.assert_close(logits(loaded), logits(load_clip(str(run / "model"))), atol=0.02, rtol=0.01)


def test_it_says_how_it_was_made_and_names_no_folder_of_the_machine(run, embedded):
    assert json.loads((embedded / "recipe.json").read_text())["settings"]["images"] == 32
    for file in embedded.glob("*.json"):
        assert str(run) not in file.read_text()
        assert file.stat().st_mode & 0o044 == 0o044
    assert sorted(file.name for file in embedded.iterdir()) == [
        "class_texts.json", "config.json", "model.safetensors", "preprocessor_config.json", "recipe.json",
        "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip


def test_a_run_says_what_it_went_on_from(run, embedded, tmp_path, monkeypatch):
    monkeypatch.setattr("steeldefectx.pretrain.stream.VOCABULARY_SCENES", 5)
    monkeypatch.setattr("steeldefectx.pretrain.trainer.EMBEDDED_FOLDER", embedded)
    first = json.loads((run / "recipe.json").read_text())
    assert first["earlier"] == []
    for init in (str(run / "model"), "embedded"):
        again = tmp_path / Path(init).name / "second"
        pretrain(replace(CONFIG, out=str(again), init=init))
        (earlier,) = json.loads((again / "recipe.json").read_text())["earlier"]
        assert earlier == {key: value for key, value in first.items() if key != "earlier"}
    third = tmp_path / "third"
    pretrain(replace(CONFIG, out=str(third), init=str(again / "model")))
    assert len(json.loads((third / "recipe.json").read_text())["earlier"]) == 2


@pytest.mark.parametrize("fitting", [True, False])
def test_a_run_goes_on_with_the_heads_of_the_one_before_if_they_fit(run, tmp_path, monkeypatch, fitting):
    monkeypatch.setattr("steeldefectx.pretrain.stream.VOCABULARY_SCENES", 5)
    shutil.copytree(run, tmp_path / "first")
    known = load_file(run / "facts.safetensors")
    changed = {name: torch.full_like(value, 0.25)[: None if fitting else 3] for name, value in known.items()}
    save_file(changed, tmp_path / "first" / "facts.safetensors")
    pretrain(replace(CONFIG, images=8, lr=1e-9, out=str(tmp_path / "second"), init=str(tmp_path / "first" / "model")))
    for name, value in load_file(tmp_path / "second" / "facts.safetensors").items():
        torch.testing.assert_close(value, torch.full_like(value, 0.25) if fitting else known[name])


def test_it_is_a_checkpoint_of_the_25_classes(embedded):
    model, classes = load_checkpoint("embedded")
    assert (model.name, model.revision) == ("embedded", None)
    assert list(classes) == list(CLASS_NAMES)
    assert classes["Crazing"][0] == t1_sentence("Crazing")
    assert SteelDefectClassifier.from_pretrained("embedded").classes == list(CLASS_NAMES)


def test_an_adapter_on_it_brings_its_base_along(embedded, tmp_path, monkeypatch):
    clip = load_clip("embedded")
    clip.adapter = ClipAdapter(8, ratio=0.5)
    save_checkpoint(clip, {"a": ["a crack"]}, tmp_path / "adapted")
    monkeypatch.setattr("steeldefectx.models.clip.EMBEDDED_FOLDER", tmp_path / "of another version")
    loaded, classes = load_checkpoint(str(tmp_path / "adapted"))
    assert classes == {"a": ["a crack"]}
    assert torch.equal(logits(loaded), logits(clip))


def test_another_export_replaces_it(run, embedded):
    before = (embedded / "model.safetensors").read_bytes()
    export(run, embedded)
    assert (embedded / "model.safetensors").read_bytes() == before


def test_an_unfinished_run_does_not_ship(run, tmp_path):
    with pytest.raises(ModelError, match=r"recipe\.json is missing"):
        export(run / "model", tmp_path)
    assert not any(tmp_path.iterdir())


def test_weights_that_are_too_large_do_not_ship(run, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "LARGEST", 1000)
    with pytest.raises(ModelError, match="MiB of weights"):
        export(run, tmp_path)
    assert not any(tmp_path.iterdir())

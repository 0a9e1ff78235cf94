"""A model that lacks something is refused by name; none is filled up with chance."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTokenizer, ViTConfig, ViTForImageClassification, ViTImageProcessorPil

from steeldefectx.errors import ModelError
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import load_checkpoint, save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.peft_adapters import add_peft

CLASSES = {"Crazing": ["a crack"], "Patches": ["a patch"]}
LORA = {"lora_rank": 2, "lora_alpha": 1.0, "lora_dropout": 0.0}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save_checkpoint(load_clip("tiny"), CLASSES, folder / "full")
    clip = load_clip("tiny")
    clip.adapter = ClipAdapter(128)
    save_checkpoint(clip, CLASSES, folder / "clip-adapter")
    clip = load_clip("tiny")
    add_peft(clip, "lora", "both", LORA)
    save_checkpoint(clip, CLASSES, folder / "lora")
    config = ViTConfig(hidden_size=16, intermediate_size=32, num_attention_heads=2, num_hidden_layers=1, image_size=32,
                       patch_size=16, id2label=dict(enumerate(CLASSES)))  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder / "classifier")
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder / "classifier")
    return folder


@pytest.fixture
def copies(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "copies"))


def weights_of(folder):
    return next(folder.glob("*.safetensors"))


def change_weights(folder, change):
    weights = load_file(weights_of(folder))
    change(weights)
    save_file(weights, weights_of(folder), metadata={"format": "pt"})


def refused(folder, words):
    with pytest.raises(ModelError, match=words) as error:
        load_checkpoint(str(folder))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["full", "classifier"])
@pytest.mark.parametrize("what", ["missing", "unexpected", "of another shape"])
def test_weights_that_are_not_the_models_are_refused_by_name(kind, what, copies):
    name = sorted(load_file(weights_of(copies / kind)))[3]

    def change(weights):
        tensor = weights[name]
        if what == "missing":
            del weights[name]
        elif what == "unexpected":
            weights["extra.weight"] = torch.zeros(2)
        else:
            weights[name] = torch.cat([tensor, tensor])

    change_weights(copies / kind, change)
    expected = "extra.weight" if what == "unexpected" else name
    refused(copies / kind, rf"1 {what}: {expected}")


@pytest.mark.parametrize("kind", ["full", "classifier", "clip-adapter", "lora", "lora/base"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_finite_numbers_are_refused_by_name(kind, value, copies):
    name = sorted(load_file(weights_of(copies / kind)))[0]
    change_weights(copies / kind, lambda weights: weights[name].flatten()[:1].fill_(value))
    refused(copies / kind.split("/")[0], "1 of .* weights hold values that are no finite numbers")


@pytest.mark.parametrize("kind", ["full", "classifier", "clip-adapter", "lora", "lora/base"])
def test_what_git_lfs_has_left_in_place_of_weights_is_said(kind, copies):
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 605156676\n"
    weights_of(copies / kind).write_text(pointer)
    refused(copies / kind.split("/")[0], r"safetensors: a Git LFS pointer .*git lfs pull")


@pytest.mark.parametrize("kind", ["full", "classifier"])
def test_a_model_without_image_processor_is_refused_in_a_line(kind, copies):
    for name in ("preprocessor_config.json", "processor_config.json"):
        (copies / kind / name).unlink(missing_ok=True)
    refused(copies / kind, r"no image processor \(preprocessor_config.json is missing\)")


def test_a_clip_without_tokenizer_files_is_refused_by_their_names(copies):
    """The library makes an empty tokenizer, to which all classes are the same."""
    (copies / "full" / "tokenizer.json").unlink()
    refused(copies / "full", r"no tokenizer \(tokenizer.json")
    settings = copies / "full" / "tokenizer_config.json"
    settings.write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
    refused(copies / "full", r"no tokenizer \(tokenizer.json or vocab.json and merges.txt is missing\)")
    (copies / "full" / "vocab.json").write_text('{"a": 0, "<|startoftext|>": 1, "<|endoftext|>": 2}')
    refused(copies / "full", "no tokenizer")


def test_a_tokenizer_of_two_files_is_taken(copies, tmp_path):
    vocabulary = {"a</w>": 0, "b</w>": 1, "<|startoftext|>": 2, "<|endoftext|>": 3, "a": 4, "b": 5, "ab</w>": 6}
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (copies / "full" / name).unlink()
    (copies / "full" / "vocab.json").write_text(json.dumps(vocabulary))
    (copies / "full" / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    (copies / "full" / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
    clip, _ = load_checkpoint(str(copies / "full"))
    assert isinstance(clip.tokenizer, CLIPTokenizer)
    assert clip.tokenize(["ab"])["input_ids"].tolist() == [[2, 6, 3]]

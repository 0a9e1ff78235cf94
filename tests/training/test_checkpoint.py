import json

import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from steeldefectx.classifier import SteelDefectClassifier
from steeldefectx.errors import ModelError
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.clip import load_clip
from steeldefectx.training import checkpoint
from steeldefectx.training.checkpoint import load_checkpoint, save_checkpoint

CLASSES = {"Crazing": ["a crack"], "Patches": ["a patch", "two patches"]}


def pixels():
    return torch.randint(0, 255, (2, 3, 96, 96), generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def embeddings(clip):
    return clip.embed_images(clip.encode_images(pixels()))


def with_adapter():
    clip = load_clip("tiny")
    clip.adapter = ClipAdapter(128, ratio=0.5)
    return clip


@pytest.mark.parametrize("make", [lambda: load_clip("tiny"), with_adapter], ids=["full", "clip-adapter"])
def test_what_is_loaded_is_what_was_saved(make, tmp_path):
    clip = make()
    save_checkpoint(clip, CLASSES, tmp_path / "run")
    loaded, classes = load_checkpoint(str(tmp_path / "run"))
    assert classes == CLASSES
    assert torch.equal(embeddings(loaded), embeddings(clip))
    assert not any(f.suffix in (".bin", ".pt", ".pkl") for f in tmp_path.rglob("*"))


def test_a_checkpoint_predicts_by_itself(tmp_path):
    save_checkpoint(with_adapter(), CLASSES, tmp_path)
    assert SteelDefectClassifier.from_pretrained(str(tmp_path)).classes == list(CLASSES)
    with pytest.raises(ModelError, match=r"train\.py"):
        SteelDefectClassifier.from_pretrained("tiny")


def test_another_checkpoint_in_the_same_folder_replaces_the_first_wholly(tmp_path):
    save_checkpoint(with_adapter(), CLASSES, tmp_path)
    clip = load_clip("tiny")
    save_checkpoint(clip, CLASSES, tmp_path)
    assert load_checkpoint(str(tmp_path))[0].adapter is None
    save_checkpoint(with_adapter(), {"only": ["one"]}, tmp_path)
    loaded, classes = load_checkpoint(str(tmp_path))
    assert loaded.adapter is not None
    assert classes == {"only": ["one"]}


@pytest.mark.parametrize("stop_after", range(4))
def test_killed_while_replacing_leaves_nothing_mixed(stop_after, tmp_path, monkeypatch):
    """Whatever move is the last one made, the folder loads as a whole or not at all."""
    save_checkpoint(with_adapter(), CLASSES, tmp_path)
    moves = []
    rename = checkpoint.Path.rename

    def breaks_down(self, target):
        if len(moves) == stop_after:
            raise KeyboardInterrupt
        moves.append(target)
        return rename(self, target)

    monkeypatch.setattr(checkpoint.Path, "rename", breaks_down)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(load_clip("tiny"), {"new": ["text"]}, tmp_path)
    with pytest.raises(ModelError, match="no checkpoint"):
        load_checkpoint(str(tmp_path))


def test_weights_in_another_format_are_refused(tmp_path):
    save_checkpoint(with_adapter(), CLASSES, tmp_path)
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors is missing"):
        load_checkpoint(str(tmp_path))


def test_a_pickled_model_is_refused(tmp_path):
    model, tokenizer, processor = (
        getattr(load_clip("tiny"), part) for part in ("model", "tokenizer", "image_processor")
    )
    for part in (model, tokenizer, processor):
        part.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError):
        load_checkpoint(str(tmp_path))


def test_no_checkpoint_is_said_clearly(tmp_path):
    with pytest.raises(ModelError, match="no checkpoint"):
        load_checkpoint(str(tmp_path))
    with pytest.raises(ModelError, match="no such checkpoint folder"):
        load_checkpoint(str(tmp_path / "missing"))
    with pytest.raises(ModelError, match="nor a repository"):
        load_checkpoint("nobody/nothing")


def test_a_stock_clip_from_a_folder_works(tmp_path):
    tiny = load_clip("tiny")
    text = {"vocab_size": len(tiny.tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "bos_token_id": 0, "eos_token_id": 1}  # fmt: skip
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 96, "patch_size": 32}  # fmt: skip
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)).save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    tiny.image_processor.save_pretrained(tmp_path)
    clip, classes = load_checkpoint(str(tmp_path))
    assert classes is None
    assert embeddings(clip).shape == (2, 24)
    assert clip.count_cut(["short", "long " * 200]) == 1
    assert clip.tokenize(["long " * 200])["input_ids"].shape == (1, clip.context_length)
    save_checkpoint(clip, CLASSES, tmp_path / "run")
    assert torch.equal(embeddings(load_checkpoint(str(tmp_path / "run"))[0]), embeddings(clip))


def test_an_adapter_names_its_base_by_a_path_that_lasts(tmp_path, monkeypatch):
    save_checkpoint(load_clip("tiny"), CLASSES, tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    clip = load_clip("base")
    clip.adapter = ClipAdapter(128)
    save_checkpoint(clip, CLASSES, tmp_path / "run")
    monkeypatch.chdir("/")
    assert torch.equal(embeddings(load_checkpoint(str(tmp_path / "run"))[0]), embeddings(clip))
    assert json.loads((tmp_path / "run" / "adapter_config.json").read_text())["ratio"] == 0.2

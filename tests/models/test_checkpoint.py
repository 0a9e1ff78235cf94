import json
import warnings
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.utils import are_progress_bars_disabled
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import CLIPConfig, CLIPModel

from steeldefectx.errors import ModelError
from steeldefectx.inference.classifier import SteelDefectClassifier
from steeldefectx.models import checkpoint
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import load_checkpoint, save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.names import PEFT_METHODS
from steeldefectx.models.peft_adapters import add_peft, merge
from steeldefectx.training.config import TrainConfig

CLASSES = {"Crazing": ["a crack"], "Patches": ["a patch", "two patches"]}
SETTINGS = asdict(TrainConfig())


def pixels():
    return torch.randint(0, 255, (2, 3, 96, 96), generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def embeddings(clip):
    return clip.embed_images(clip.encode_images(pixels()))


def with_adapter(name="tiny"):
    clip = load_clip(name)
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


def test_saving_and_loading_say_nothing_and_leave_the_bars_of_downloads(tmp_path, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        save_checkpoint(with_peft("lora"), CLASSES, tmp_path)
        load_checkpoint(str(tmp_path))
    assert capfd.readouterr().err == ""
    assert not are_progress_bars_disabled()


def test_a_checkpoint_predicts_by_itself(tmp_path):
    save_checkpoint(with_adapter(), CLASSES, tmp_path)
    assert SteelDefectClassifier.from_pretrained(str(tmp_path)).classes == list(CLASSES)
    with pytest.raises(ModelError, match="steeldefectx train"):
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
    with pytest.raises(ModelError, match=r"adapter_model\.bin: a pickle"):
        load_checkpoint(str(tmp_path))


def test_a_pickled_model_is_refused(tmp_path):
    model, tokenizer, processor = (
        getattr(load_clip("tiny"), part) for part in ("model", "tokenizer", "image_processor")
    )
    for part in (model, tokenizer, processor):
        part.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin: a pickle"):
        load_checkpoint(str(tmp_path))


def test_no_checkpoint_is_said_clearly(tmp_path):
    with pytest.raises(ModelError, match="no checkpoint"):
        load_checkpoint(str(tmp_path))
    with pytest.raises(ModelError, match="no such checkpoint folder"):
        load_checkpoint(str(tmp_path / "missing"))
    with pytest.raises(ModelError, match="nor a repository"):
        load_checkpoint("nobody/nothing")


def stock(folder):
    """A CLIP of the transformers library, small, in a folder."""
    tiny = load_clip("tiny")
    text = {"vocab_size": len(tiny.tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "bos_token_id": 0, "eos_token_id": 1}  # fmt: skip
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 96, "patch_size": 32}  # fmt: skip
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)).save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    tiny.image_processor.save_pretrained(folder)


def test_a_stock_clip_from_a_folder_works(tmp_path):
    stock(tmp_path)
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


def shift(clip):
    """Move every trained weight, as training would."""
    torch.manual_seed(0)
    parts = [part for part in (clip.model, clip.adapter, clip.text_adapter) if part is not None]
    with torch.no_grad():
        for parameter in (p for part in parts for p in part.parameters() if p.requires_grad):
            parameter.add_(0.1 * torch.randn_like(parameter))
    clip.model.eval()
    return clip


def with_peft(method, towers="both", name="tiny", stacked=False):
    clip = load_clip(name)
    add_peft(clip, method, towers, SETTINGS)
    if stacked:
        clip.adapter, clip.text_adapter = ClipAdapter(128), ClipAdapter(128)
    return shift(clip)


@torch.inference_mode()
def logits(clip):
    tokens = clip.tokenize(["a crack", "two patches", "x"])
    return clip.logits(clip.encode_images(pixels()), clip.embed_texts(clip.encode_texts(tokens)))


@pytest.mark.parametrize("towers", ["both", "image", "text"])
@pytest.mark.parametrize("method", PEFT_METHODS)
def test_every_peft_method_on_every_tower_loads_again(method, towers, tmp_path):
    clip = with_peft(method, towers)
    save_checkpoint(clip, CLASSES, tmp_path)
    loaded, classes = load_checkpoint(str(tmp_path))
    assert classes == CLASSES
    assert torch.equal(logits(loaded), logits(clip))
    assert not torch.equal(logits(loaded), logits(load_clip("tiny")))


@pytest.mark.parametrize("sides", [("adapter",), ("text_adapter",), ("adapter", "text_adapter")], ids="+".join)
def test_a_clip_adapter_on_either_side_loads_again(sides, tmp_path):
    clip = load_clip("tiny")
    for side in sides:
        setattr(clip, side, ClipAdapter(128, ratio=0.7, reduction=2))
    save_checkpoint(clip, CLASSES, tmp_path)
    loaded, _ = load_checkpoint(str(tmp_path))
    assert torch.equal(logits(loaded), logits(clip))
    assert [side for side in ("adapter", "text_adapter") if getattr(loaded, side) is not None] == list(sides)


@pytest.mark.parametrize("method", PEFT_METHODS)
def test_a_stacked_checkpoint_loads_as_a_whole_and_its_peft_part_by_peft_alone(method, tmp_path):
    clip = with_peft(method, stacked=True)
    save_checkpoint(clip, CLASSES, tmp_path)
    assert torch.equal(logits(load_checkpoint(str(tmp_path))[0]), logits(clip))
    plain = load_clip("tiny")
    plain.model = PeftModel.from_pretrained(plain.model, str(tmp_path)).eval()
    clip.adapter = clip.text_adapter = None
    assert torch.equal(logits(plain), logits(clip))


def test_a_later_checkpoint_does_not_inherit_the_clip_adapter_of_a_stacked_one(tmp_path):
    save_checkpoint(with_peft("lora", stacked=True), CLASSES, tmp_path)
    clip = with_peft("lora")
    save_checkpoint(clip, CLASSES, tmp_path)
    assert torch.equal(logits(load_checkpoint(str(tmp_path))[0]), logits(clip))


@pytest.mark.parametrize("stop_after", range(5))
def test_killed_while_a_stacked_one_is_replaced(stop_after, tmp_path, monkeypatch):
    save_checkpoint(with_peft("lora", stacked=True), CLASSES, tmp_path)
    moves, rename = [], checkpoint.Path.rename

    def breaks_down(self, target):
        if len(moves) == stop_after:
            raise KeyboardInterrupt
        moves.append(target)
        return rename(self, target)

    monkeypatch.setattr(checkpoint.Path, "rename", breaks_down)
    new = with_peft("ia3", stacked=True)
    if stop_after < 4:  # base, class texts, CLIP-Adapter, weights; the configuration is the fifth
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(new, {"new": ["text"]}, tmp_path)
        with pytest.raises(ModelError, match="no checkpoint"):
            load_checkpoint(str(tmp_path))


@pytest.mark.parametrize("stacked", [False, True], ids=["plain", "stacked"])
def test_merged_towers_are_saved_with_what_is_behind_them(stacked, tmp_path):
    clip = with_peft("lora", stacked=stacked)
    merged = merge(clip)
    save_checkpoint(merged, CLASSES, tmp_path)
    torch.testing.assert_close(logits(load_checkpoint(str(tmp_path))[0]), logits(clip), rtol=1e-5, atol=1e-5)


def test_an_adapter_on_another_base_is_refused(tmp_path):
    save_checkpoint(load_clip("tiny"), CLASSES, tmp_path / "base")
    stock(tmp_path / "other")
    for make in (lambda: with_peft("lora", name=str(tmp_path / "base")), lambda: with_adapter(str(tmp_path / "base"))):
        clip = make()
        save_checkpoint(clip, CLASSES, tmp_path / "run")
        file = tmp_path / "run" / "adapter_config.json"
        settings = json.loads(file.read_text())
        file.write_text(json.dumps(settings | {"base_model_name_or_path": str(tmp_path / "other")}))
        with pytest.raises(ModelError, match="does not fit its base"):
            load_checkpoint(str(tmp_path / "run"))
        file.write_text(json.dumps(settings | {"base_model_name_or_path": None}))
        with pytest.raises(ModelError, match="base_model_name_or_path is missing"):
            load_checkpoint(str(tmp_path / "run"))
        file.write_text("{")
        with pytest.raises(ModelError, match=r"adapter_config\.json: no JSON"):
            load_checkpoint(str(tmp_path / "run"))


def test_a_stacked_folder_without_its_second_weights_is_refused(tmp_path):
    save_checkpoint(with_peft("lora", stacked=True), CLASSES, tmp_path)
    (tmp_path / "clip_adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"clip_adapter: adapter_model\.safetensors is missing"):
        load_checkpoint(str(tmp_path))


def test_a_peft_folder_made_elsewhere_loads(tmp_path):
    save_checkpoint(load_clip("tiny"), CLASSES, tmp_path / "base")
    clip = load_clip(str(tmp_path / "base"))
    clip.model = get_peft_model(clip.model, LoraConfig(r=3, target_modules=["fc1", "out_proj"]))
    shift(clip).model.save_pretrained(str(tmp_path / "elsewhere"))
    loaded, classes = load_checkpoint(str(tmp_path / "elsewhere"))
    assert classes is None
    assert torch.equal(logits(loaded), logits(clip))


@pytest.mark.parametrize("make", ["lora", "clip-adapter"])
def test_the_base_is_loaded_at_the_commit_the_adapter_was_trained_on(make, tmp_path):
    """A Hub model, in the local cache, that gets other weights afterwards."""
    repository = Path(HF_HUB_CACHE) / f"models--lab--clip-{make}"
    commits = ["a" * 40, "b" * 40]
    for commit in commits:
        clip = load_clip("tiny")
        if commit == commits[1]:
            shift(clip)
        save_checkpoint(clip, CLASSES, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commits[0])
    name = f"lab/clip-{make}"
    clip = with_peft("lora", name=name) if make == "lora" else with_adapter(name)
    save_checkpoint(clip, CLASSES, tmp_path)
    settings = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (settings["base_model_name_or_path"], settings["revision"]) == (name, commits[0])
    (repository / "refs" / "main").write_text(commits[1])
    assert not torch.equal(logits(load_clip(name)), logits(load_clip("tiny")))
    assert torch.equal(logits(load_checkpoint(str(tmp_path))[0]), logits(clip))

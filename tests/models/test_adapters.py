from dataclasses import asdict

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from steeldefectx.errors import ConfigError
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.clip import load_clip
from steeldefectx.models.names import PEFT_METHODS
from steeldefectx.models.peft_adapters import add_peft, merge, unload
from steeldefectx.training.config import TrainConfig


def test_forward_is_the_published_blend():
    adapter = ClipAdapter(16, ratio=0.2)
    features = torch.randn(5, 16)
    w1, w2 = (p.detach().numpy() for p in adapter.parameters())
    f = features.numpy()
    adapted = np.maximum(w2 @ np.maximum(w1 @ f.T, 0), 0).T
    np.testing.assert_allclose(adapter(features).detach().numpy(), 0.2 * adapted + 0.8 * f, atol=1e-6)
    assert w1.shape == (4, 16)
    assert w2.shape == (16, 4)


def test_ratio_zero_leaves_features_as_they_are():
    features = torch.randn(3, 8)
    assert torch.equal(ClipAdapter(8, ratio=0.0)(features), features)


TEXT = {"vocab_size": 2048, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "bos_token_id": 0, "eos_token_id": 1}  # fmt: skip
VISION = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
          "image_size": 96, "patch_size": 32}  # fmt: skip
SETTINGS = asdict(TrainConfig(lora_dropout=0.0))
BASES = ("clip", "siglip", "tiny")


def base(kind):
    """A small model with random weights, always the same."""
    clip = load_clip("tiny")
    torch.manual_seed(0)
    if kind == "clip":
        clip.model = CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24)).eval()
    if kind == "siglip":
        clip.model = SiglipModel(SiglipConfig(text_config=TEXT | {"projection_size": 16}, vision_config=VISION)).eval()
    return clip


def adapted(kind, method, towers):
    """With weights as after training: none is what it was set to."""
    clip = base(kind)
    add_peft(clip, method, towers, SETTINGS)
    with torch.no_grad():
        for parameter in clip.model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    clip.model.eval()
    return clip


@torch.no_grad()
def features(clip):
    pixels = torch.randint(0, 255, (2, 3, 96, 96), generator=torch.Generator().manual_seed(0))
    return clip.encode_images(pixels), clip.encode_texts(clip.tokenize(["a crack", "two patches"]))


@pytest.mark.parametrize("towers", ["both", "image", "text"])
@pytest.mark.parametrize("method", PEFT_METHODS)
@pytest.mark.parametrize("kind", BASES)
def test_a_peft_method_adapts_the_towers_it_is_told_merges_and_comes_off(kind, method, towers):
    before = base(kind)
    before.model.requires_grad_(False)  # as PEFT does; attention takes another path, with other rounding, where not
    clip = adapted(kind, method, towers)
    for side, one, other in zip(("image", "text"), features(before), features(clip), strict=True):
        assert torch.equal(one, other) == (towers not in ("both", side))
    merged = merge(clip)
    assert type(merged.model) is type(before.model)
    for one, other in zip(features(clip), features(merged), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    weights, expected = unload(clip).model.state_dict(), before.model.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[key], expected[key]) for key in expected)
    assert isinstance(clip.model, PeftModel)  # itself as it was


def test_lora_goes_on_the_published_layers():
    names = {name.split(".lora_A")[0] for name, _ in adapted("clip", "lora", "both").model.named_parameters()
             if "lora_A" in name}  # fmt: skip
    assert {name.rsplit(".", 1)[1] for name in names} == {"q_proj", "k_proj", "v_proj"}
    assert len(names) == 3 * (2 + 2)


def test_the_adapted_feature_is_what_classes_are_compared_with():
    clip = base("clip")
    clip.text_adapter = ClipAdapter(24, ratio=0.5)
    _, text = features(clip)
    expected = torch.nn.functional.normalize(clip.text_adapter(text), dim=-1)
    assert torch.equal(clip.embed_texts(text), expected)
    assert not torch.allclose(expected, torch.nn.functional.normalize(text, dim=-1))


def test_a_tower_without_fitting_layers_is_said_clearly():
    clip = base("clip")
    clip.model.vision_model.encoder = torch.nn.Identity()
    with pytest.raises(ConfigError, match=r"image tower has no layers that lora.*--towers"):
        add_peft(clip, "lora", "both", SETTINGS)

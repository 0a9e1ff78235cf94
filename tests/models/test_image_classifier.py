"""Image classifiers by name, folder or id: their sizes, heads, preprocessing and errors."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil, ViTModel

from steeldefectx.errors import ModelError
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import load_classifier, new_classifier

SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1,
         "image_size": 32, "patch_size": 16}  # fmt: skip


@pytest.fixture
def vit(tmp_path):
    """A small ViT of five classes in half precision, as many are published."""
    folder = tmp_path / "vit"
    torch.manual_seed(1)
    ViTForImageClassification(ViTConfig(**SMALL, num_labels=5)).half().save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("shufflenet-v2", 2_278_604),
        ("resnet-18", 11_689_512),
        ("resnet-34", 21_797_672),
        ("resnet-50", 25_557_032),
        ("resnet-101", 44_549_160),
        ("vit-base-16", 86_567_656),
        ("convnext-tiny", 28_589_128),
    ],
)
def test_parameters_are_as_many_as_published(name, published):
    with torch.device("meta"):
        model = new_classifier(name, [str(n) for n in range(1000)], 224).model
    assert sum(p.numel() for p in model.parameters()) == published


def test_random_weights_are_the_seeds():
    def weights(seed):
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in new_classifier("shufflenet-v2", ["a", "b"], 64).model.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


@torch.inference_mode()
def test_a_pretrained_one_keeps_its_body_and_gets_a_new_head(vit):
    before, after = load_classifier(str(vit)), new_classifier(str(vit), ["scratch", "pit"], 224)
    assert after.classes == ["scratch", "pit"]
    assert after.image_shape == (3, 32, 32), "it keeps the size that it is for"
    assert after.model.dtype == torch.float32
    pixels = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    assert (before.logits(pixels).shape, after.logits(pixels).shape) == ((2, 5), (2, 2))
    weights = after.model.state_dict()
    for name, tensor in before.model.state_dict().items():
        assert name.startswith("classifier") or torch.equal(weights[name], tensor)


def test_logits_are_those_of_the_processor_and_the_model(vit):
    classifier = load_classifier(str(vit))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 40, 3), dtype=np.uint8))
    inputs = classifier.image_processor(images=image, return_tensors="pt")
    found = classifier.logits(torch.from_numpy(classifier.to_pixels(image))[None])
    torch.testing.assert_close(found, classifier.model(**inputs).logits, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [64, 96])
def test_a_saved_one_remembers_its_image_size_and_classes(size, tmp_path):
    made = new_classifier("resnet-18", ["c", "a", "b"], size)
    for part in (made.model, made.image_processor):
        part.save_pretrained(tmp_path)
    loaded = load_classifier(str(tmp_path))
    assert loaded.image_shape == (3, size, size)
    assert loaded.classes == ["c", "a", "b"], "in the order of the logits"


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_grey_stays_grey(mode):
    values = np.random.default_rng(0).integers(0, 255, (40, 60))
    image = Image.fromarray(values.astype(np.uint8) if mode == "L" else (values * 257).astype(np.uint16))
    classifier = new_classifier("shufflenet-v2", ["a"], 64)
    pixels = torch.from_numpy(classifier.to_pixels(image))
    for channels in (pixels, classifier.normalize(pixels[None])[0]):
        assert torch.equal(channels[0], channels[1])
        assert torch.equal(channels[0], channels[2])


@pytest.mark.parametrize(("name", "size"), [("vit-base-16", 100), ("shufflenet-v2", 16)])
def test_an_image_size_that_a_model_cannot_take_is_refused(name, size):
    with pytest.raises(ModelError, match="--image_size"):
        new_classifier(name, ["a"], size)


def test_what_is_no_image_classifier_is_said_clearly(vit, tmp_path):
    tiny = load_clip("tiny")
    for part in (tiny.model, tiny.image_processor):
        part.save_pretrained(tmp_path / "tiny")
    with pytest.raises(ModelError, match="no model that can be loaded"):
        new_classifier(str(tmp_path / "tiny"), ["a"], 64)
    with pytest.raises(ModelError, match="nor a model that the Hub gave"):
        new_classifier("nobody/nothing", ["a"], 64)
    with pytest.raises(ModelError, match="no such model folder"):
        load_classifier(str(tmp_path / "missing"))
    model = ViTForImageClassification.from_pretrained(vit)
    (vit / "model.safetensors").unlink()
    torch.save(model.state_dict(), vit / "pytorch_model.bin")
    with pytest.raises(ModelError):
        load_classifier(str(vit))


def test_a_model_without_its_head_is_trained_but_not_used(vit):
    ViTModel(ViTConfig(**SMALL), add_pooling_layer=False).save_pretrained(vit)
    assert new_classifier(str(vit), ["a", "b"], 64).logits(torch.zeros(1, 3, 32, 32)).shape == (1, 2)
    with pytest.raises(ModelError, match="2 missing: classifier"):
        load_classifier(str(vit))

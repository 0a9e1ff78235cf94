"""Every family of models gives the logits that the stock model gives on its own processor's inputs."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    Siglip2Config,
    Siglip2Model,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
)

from steeldefectx.errors import ModelError
from steeldefectx.inference.classifier import SteelDefectClassifier
from steeldefectx.inference.engines import TorchEngine
from steeldefectx.models.clip import load_clip
from steeldefectx.models.tiny import tiny_tokenizer

TEXTS = ["a scratch", "a steel surface with a long, dark scratch across the upper half"]
SIZE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
IMAGE = {"image_size": 32, "patch_size": 8}


@pytest.fixture
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
    return [Image.fromarray(p) for p in pixels]


def save(folder, config_class, model_class, context, processor):
    tokenizer = tiny_tokenizer()
    tokenizer.model_max_length = context
    text = SIZE | {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": context,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(0)
    model = model_class(config_class(text_config=text, vision_config=SIZE | IMAGE)).eval()
    if hasattr(model, "logit_bias"):
        torch.nn.init.constant_(model.logit_bias, -3.0)
        torch.nn.init.constant_(model.logit_scale, 2.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model, tokenizer, processor


def logits(clip, images, texts):
    pixels = torch.stack([torch.from_numpy(clip.to_pixels(image)) for image in images])
    text = torch.nn.functional.normalize(clip.encode_texts(clip.tokenize(texts)), dim=-1)
    return clip.logits(clip.encode_images(pixels), text)


@pytest.mark.parametrize("context", [77, 248], ids=["clip", "long-clip"])
@torch.inference_mode()
def test_clip_gives_the_stock_logits(tmp_path, images, context):
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    model, tokenizer, processor = save(tmp_path, CLIPConfig, CLIPModel, context, processor)
    inputs = processor(images, return_tensors="pt") | tokenizer(TEXTS, padding=True, return_tensors="pt")
    clip = load_clip(str(tmp_path))
    assert clip.context_length == context
    expected = model(**{k: inputs[k] for k in ("pixel_values", "input_ids", "attention_mask")}).logits_per_image
    torch.testing.assert_close(logits(clip, images, TEXTS), expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_siglip_gives_the_stock_logits_with_bias_and_full_padding(tmp_path, images):
    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    model, tokenizer, processor = save(tmp_path, SiglipConfig, SiglipModel, 64, processor)
    ids = tokenizer(TEXTS, padding="max_length", max_length=64, return_tensors="pt")["input_ids"]
    expected = model(input_ids=ids, pixel_values=processor(images, return_tensors="pt")["pixel_values"])
    clip = load_clip(str(tmp_path))
    torch.testing.assert_close(logits(clip, images, TEXTS), expected.logits_per_image, atol=1e-5, rtol=1e-5)
    alone, together = clip.encode_texts(clip.tokenize(TEXTS[:1])), clip.encode_texts(clip.tokenize(TEXTS))[:1]
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)


def test_a_model_for_any_resolution_is_refused_by_name(tmp_path):
    save(tmp_path, Siglip2Config, Siglip2Model, 64, SiglipImageProcessorPil())
    with pytest.raises(ModelError, match="NaFlex"):
        load_clip(str(tmp_path))


def test_texts_that_are_cut_are_counted_once_each(caplog):
    clip = load_clip("tiny")
    clip.report_cut(["a scratch", "scratch " * 200, "scratch " * 200], "T3 class")
    assert "1 of 2 distinct T3 class texts are longer than the model's 128 tokens" in caplog.text
    caplog.clear()
    classifier = SteelDefectClassifier(TorchEngine(clip, {"Scratches": ["a scratch"], "Pits": ["a pit"]}))
    assert not caplog.text
    next(classifier.predict(Image.new("L", (32, 32)), {"Scratches": ["a scratch"], "Pits": ["pit " * 200]}))
    assert "1 of 2 distinct class texts" in caplog.text

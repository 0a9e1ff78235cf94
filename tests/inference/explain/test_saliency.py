"""Maps against derivations of their own on small networks, and on images whose answer is known."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from transformers import (
    BeitConfig,
    BeitForImageClassification,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    ResNetConfig,
    ResNetForImageClassification,
    SiglipConfig,
    SiglipModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from steeldefectx.errors import ModelError
from steeldefectx.inference.explain.saliency import attention_relevance, class_mean, class_saliency, grad_cam, saliency
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.clip import Clip, load_clip
from steeldefectx.models.image_classifier import ImageClassifier, new_classifier
from steeldefectx.models.peft_adapters import add_peft, merge
from steeldefectx.render.scenes import render_scene
from steeldefectx.taxonomy import CLASS_NAMES, t0_sentence, t1_sentence

TEXTS = ["a dark vertical scratch", "round holes"]
CLASSES = ["Crazing", "Patches", "spilled milk"]
SIDE, PATCH = 32, 8


def picture(seed, width=SIDE, height=SIDE):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


def random_clip(kind=CLIPModel, config=CLIPConfig):
    tokenizer = load_clip("tiny").tokenizer
    small = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2}
    text = small | {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id, "projection_size": 16}
    vision = small | {"image_size": SIDE, "patch_size": PATCH}
    torch.manual_seed(0)
    model = kind(config(text_config=text, vision_config=vision, projection_dim=16)).eval()
    for weight in model.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=0.3)  # large enough for attention to prefer something
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, do_normalize=False
    )
    return Clip(model, tokenizer, processor, "random")


def attend(layer, tokens, added):
    """A transformer layer written out, for tokens (T, D), with something added to its attention (H, T, T)."""
    attention = layer.self_attn
    x = layer.layer_norm1(tokens)
    heads = []
    for head in range(2):
        part = slice(8 * head, 8 * head + 8)
        query, key, value = (project(x)[:, part] for project in (attention.q_proj, attention.k_proj, attention.v_proj))
        weights = (query @ key.T / 8**0.5).softmax(-1) + added[head]
        heads.append(weights @ value)
    tokens = tokens + attention.out_proj(torch.cat(heads, dim=1))
    return tokens + layer.mlp(layer.layer_norm2(tokens))


def against(clip, texts=1):
    return [class_mean(clip, CLASSES, "T0")] * texts


def relevance_by_hand(clip, image, text):
    """From gradients by what is added to each attention, patch by patch; (32, 32), 0..1."""
    tower = clip.model.vision_model
    pixels = torch.from_numpy(clip.to_pixels(image)).float()[None] / 255
    tokens = tower.pre_layrnorm(tower.embeddings(pixels))[0]
    added = [torch.zeros(2, 17, 17, requires_grad=True) for _ in tower.encoder.layers]
    for layer, extra in zip(tower.encoder.layers, added, strict=True):
        tokens = attend(layer, tokens, extra)
    feature = clip.model.visual_projection(tower.post_layernorm(tokens[0]))
    if clip.adapter is not None:
        first, _, second, _ = clip.adapter.bottleneck
        feature = 0.2 * torch.relu(second(torch.relu(first(feature)))) + 0.8 * feature
    texts = [text, *map(t0_sentence, CLASSES)]
    targets = clip.encode_texts(clip.tokenize(texts)).detach()
    logits = clip.model.logit_scale.exp() * torch.cosine_similarity(feature[None], targets)
    logit = logits[0] - logits[1:].mean()
    relevance = torch.zeros(16)
    for gradient in torch.autograd.grad(logit, added):
        for head in gradient:
            relevance += head[0, 1:]
    relevance = torch.relu(relevance)
    least = relevance.sort().values[11:13]  # three quarters of 16 lie between the 12th and the 13th
    grid = torch.relu(relevance - (0.75 * least[0] + 0.25 * least[1])).reshape(1, 1, 4, 4)
    grid = (grid - grid.min()) / (grid.max() - grid.min())
    return nn.functional.interpolate(grid, (SIDE, SIDE), mode="bilinear")[0, 0].numpy()


@pytest.mark.parametrize("adapted", ["not", "clip-adapter", "lora"])
def test_relevance_is_that_of_its_definition_through_whatever_adapter(adapted):
    clip = random_clip()
    torch.manual_seed(1)
    if adapted == "clip-adapter":
        clip.adapter = ClipAdapter(16)
    elif adapted == "lora":
        add_peft(clip, "lora", "image", {"lora_rank": 2, "lora_alpha": 8.0, "lora_dropout": 0.0})
        for name, weight in clip.model.named_parameters():
            if "lora_B" in name:
                nn.init.normal_(weight, std=0.1)
    images = [picture(0), picture(1)]
    found = saliency(clip, images, [TEXTS, TEXTS[::-1]], against(clip, 2))
    for maps, image, texts in zip(found, images, [TEXTS, TEXTS[::-1]], strict=True):
        assert maps.shape == (2, SIDE, SIDE)
        assert maps.dtype == np.float32
        for of_text, text in zip(maps, texts, strict=True):
            np.testing.assert_allclose(of_text, relevance_by_hand(merge(clip), image, text), atol=1e-5)
    assert np.abs(found[0][0] - found[0][1]).max() > 0.05  # another text, another map
    assert clip.model.config._attn_implementation == "sdpa"  # left as it was


def test_a_patch_that_more_attention_would_help_is_relevant():
    gradient = torch.zeros(1, 2, 10, 10)
    gradient[0, :, 0, 3] = torch.tensor([3.0, -2.0])  # what would hurt in one head is taken from the other
    gradient[0, :, 0, 5] = torch.tensor([2.0, -3.0])
    gradient[0, :, 2, 4] = 9  # who else looks is of no account
    assert attention_relevance([gradient, gradient]).tolist() == [[0, 0, 1, 0, 0, 0, 0, 0, 0]]
    assert attention_relevance([-gradient.abs()]).tolist() == [[0] * 9]


def test_what_three_quarters_of_the_patches_have_is_background():
    gradient = torch.zeros(1, 1, 10, 10)
    gradient[0, 0, 0, 1:] = torch.tensor([1.0, 3, 1, 1, 5, 1, 1, 1, 1])
    assert attention_relevance([gradient]).tolist() == [[0, 2, 0, 0, 4, 0, 0, 0, 0]]


def test_grad_cam_is_that_of_the_paper():
    """Equations 1 and 2: channels weighted by their gradient's mean, the negative cut off."""
    features = torch.tensor([[[[1.0, 2], [3, 4]], [[4, 0], [0, 0]]]])
    gradients = torch.tensor([[[[1.0, 0], [0, 3]], [[-2, 0], [0, -2]]]])
    assert grad_cam(features, gradients).tolist() == [[[0, 2], [3, 4]]]  # weights 1 and -1


def test_the_small_clip_is_explained_by_gradient_times_activation_where_its_maps_are_fine():
    """On ``tiny``, whose second stage has 12 by 12 cells: the same by a hook and the gradient of the cosine."""
    clip, image = load_clip("tiny"), picture(0, 96, 96)
    (found,) = saliency(clip, [image], [TEXTS], against(clip, 2))
    seen = []
    clip.model.vision_model.encoder.stages[1].register_forward_hook(lambda _module, _inputs, maps: seen.append(maps))
    pixels = torch.from_numpy(clip.to_pixels(image))[None].float().requires_grad_()
    embedding = clip.embed_images(clip.encode_images(pixels))[0]
    assert seen[0].shape[2:] == (12, 12)
    for of_text, text in zip(found, TEXTS, strict=True):
        with torch.no_grad():
            targets = clip.embed_texts(clip.encode_texts(clip.tokenize([text, *map(t0_sentence, CLASSES)])))
            target = targets[0] - targets[1:].mean(0)
        (gradient,) = torch.autograd.grad(embedding @ target, seen[0], retain_graph=True)
        expected = torch.relu((gradient * seen[0].detach()).sum(1))
        expected = (expected - expected.min()) / (expected.max() - expected.min())
        expected = nn.functional.interpolate(expected[None], (96, 96), mode="bilinear")[0, 0].numpy()
        np.testing.assert_allclose(of_text, expected, atol=1e-4)


def test_the_embedded_model_looks_at_the_defect():
    clip, rng, energy = load_clip("embedded"), np.random.default_rng(0), []
    others = [class_mean(clip, CLASS_NAMES, "T0")]
    for name in ("Punching", "Iron sheet ash", "Oil spot") * 8:
        scene = render_scene(rng, 128, name)
        ((found,),) = saliency(clip, [Image.fromarray(scene.image)], [[t0_sentence(name)]], others)
        energy.append(found[scene.mask].sum() / max(found.sum(), 1e-9) / scene.mask.mean())
    assert np.median(energy) > 2


def test_a_description_is_set_against_descriptions_and_a_name_against_names():
    clip = load_clip("tiny")

    def embedded(texts):
        with torch.no_grad():
            return clip.embed_texts(clip.encode_texts(clip.tokenize(texts))).mean(0)

    names = [t0_sentence(name) for name in CLASSES]
    described = [t1_sentence("Crazing"), t1_sentence("Patches"), names[2]]  # nobody has described spilled milk
    assert torch.allclose(class_mean(clip, CLASSES, "T0"), embedded(names), atol=1e-6)
    assert torch.allclose(class_mean(clip, CLASSES, "T3"), embedded(described), atol=1e-6)


def test_siglip_is_explained_by_its_patch_tokens():
    clip = random_clip(SiglipModel, SiglipConfig)
    (found,) = saliency(clip, [picture(3)], [TEXTS], against(clip, 2))
    assert found.shape == (2, SIDE, SIDE)
    assert found.max() > 0.5


def test_a_map_lies_where_the_image_was_cropped():
    clip = random_clip()
    wide, square = picture(0, 64, 32), picture(0, 64, 32).crop((16, 0, 48, 32))
    (of_wide,), (of_square,) = (saliency(clip, [image], [TEXTS[:1]], against(clip)) for image in (wide, square))
    assert of_wide.shape == (1, 32, 64)
    np.testing.assert_allclose(of_wide[:, :, 16:48], of_square, atol=1e-5)
    assert not of_wide[:, :, :16].any()
    assert not of_wide[:, :, 48:].any()


def bright_patch(rng):
    """Noise with a bright patch somewhere, and where."""
    pixels = rng.integers(60, 120, (SIDE, SIDE), dtype=np.uint8)
    top, left = rng.integers(0, SIDE - 8, 2)
    pixels[top : top + 8, left : left + 8] = 250
    return pixels, (top + 4, left + 4)


def test_a_planted_bright_patch_is_found():
    """A network that learns to tell images with a bright patch from those without one looks at the patch."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=2)
    size = {"height": SIDE, "width": SIDE}
    network = ImageClassifier(ResNetForImageClassification(config), ViTImageProcessorPil(size=size), "toy")
    optimizer = torch.optim.Adam(network.model.parameters(), lr=3e-3)
    for _ in range(40):
        plain = rng.integers(60, 120, (16, SIDE, SIDE), dtype=np.uint8)
        batch = np.concatenate([plain, [bright_patch(rng)[0] for _ in range(16)]])
        logits = network.logits(torch.from_numpy(batch)[:, None].expand(-1, 3, -1, -1))
        nn.functional.cross_entropy(logits, torch.arange(2).repeat_interleave(16)).backward()
        optimizer.step()
        optimizer.zero_grad()
    network.model.eval()
    drawn = [bright_patch(rng) for _ in range(10)]
    found = class_saliency(network, [Image.fromarray(pixels) for pixels, _ in drawn], [[1]] * 10)
    distances = [
        np.hypot(*np.subtract(np.unravel_index(one[0].argmax(), one[0].shape), place))
        for one, (_, place) in zip(found, drawn, strict=True)
    ]
    assert np.median(distances) <= 8  # the map has 4 by 4 places of 8 pixels


@pytest.mark.parametrize("name", ["shufflenet-v2", "resnet-18"])
def test_image_classifiers_maps_are_class_activation_maps(name):
    """For networks that average their last map, Grad-CAM is the map weighted by the classifier (Zhou et al. 2016)."""
    torch.manual_seed(0)
    network = new_classifier(name, ["a", "b"], 64)
    head = network.model.classifier if name == "shufflenet-v2" else network.model.classifier[1]
    nn.init.uniform_(head.weight, -0.5, 1)
    (found,) = class_saliency(network, [picture(0, 64, 64)], [[0, 1]])
    with torch.no_grad():
        pixels = network.normalize(torch.from_numpy(network.to_pixels(picture(0, 64, 64)))[None])
        model = network.model
        if name == "shufflenet-v2":
            features = model.last(model.units(model.stem(pixels)))[0]
        else:
            features = model.resnet(pixels).last_hidden_state[0]
        maps = torch.relu(torch.einsum("kc,chw->khw", head.weight, features))
    for of_class, expected in zip(found, maps, strict=True):
        expected = (expected - expected.min()) / (expected.max() - expected.min())
        expected = nn.functional.interpolate(expected[None, None], (64, 64), mode="bilinear")[0, 0].numpy()
        np.testing.assert_allclose(of_class, expected, atol=1e-4)


SMALL = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
         "image_size": 32, "patch_size": 8}  # fmt: skip


def test_a_vision_transformer_is_explained_by_its_attention():
    torch.manual_seed(0)
    model = ViTForImageClassification(ViTConfig(**SMALL)).eval()
    vit = ImageClassifier(model, ViTImageProcessorPil(size={"height": 32, "width": 32}), "some/vit")
    (found,) = class_saliency(vit, [picture(0, 60, 50)], [[0, 1]])
    assert found.shape == (2, 50, 60)
    assert found.max(axis=(1, 2)).min() > 0.5


def test_what_cannot_be_explained_says_so():
    model = BeitForImageClassification(BeitConfig(**SMALL)).eval()
    beit = ImageClassifier(model, ViTImageProcessorPil(size={"height": 32, "width": 32}), "some/beit")
    with pytest.raises(ModelError, match="some/beit: its patches make no square"):
        class_saliency(beit, [picture(0)], [[0]])

"""Few-shot methods that send gradients through a tower, on small models with random weights."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from steeldefectx.errors import ConfigError
from steeldefectx.methods import clip_lora, coop, full_rank
from steeldefectx.methods.interface import Classes, Examples, Images, Task
from steeldefectx.models.clip import load_clip
from steeldefectx.models.peft_adapters import merge, unload

SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
NAMES = ["crazing", "rolled in scale", "patches"]
COLOURS = torch.tensor([[200, 60, 60], [60, 200, 60], [60, 60, 200]])


def small_clip(kind="clip"):
    """Always the same weights; those of the text tower large enough for its parts to matter."""
    clip = load_clip("tiny")
    text = SMALL | {"vocab_size": len(clip.tokenizer), "bos_token_id": 0, "eos_token_id": 1}
    vision = SMALL | {"image_size": 96, "patch_size": 32}
    torch.manual_seed(0)
    if kind == "clip":
        clip.model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)).eval()
    if kind == "siglip":
        text |= {"projection_size": 32}
        clip.model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).eval()
    with torch.no_grad():
        for name, weight in clip.model.named_parameters():
            if name.startswith("text") and weight.ndim > 1:
                weight.mul_(3)
    return clip


def pictures(labels, seed):
    """Noise with a colour for each class: uint8 (N, 3, 96, 96)."""
    noise = torch.randint(-50, 50, (len(labels), 3, 96, 96), generator=torch.Generator().manual_seed(seed))
    return (COLOURS[labels][:, :, None, None] + noise).to(torch.uint8)


def images_of(clip, pixels):
    with torch.no_grad():
        return Images(clip.encode_images(pixels), lambda rows: pixels[rows])


def task_of(clip, shots=2, **settings):
    labels = torch.arange(len(NAMES)).repeat(shots)
    images = images_of(clip, pictures(labels, seed=1))
    texts = [[f"a photo of {name}."] for name in NAMES]
    with torch.no_grad():
        classes = clip.embed_texts(clip.encode_texts(clip.tokenize([text for (text,) in texts])))
        scale = clip.model.logit_scale.exp().item()
    views = torch.zeros(0, *images.features.shape)
    return Task(Examples(images, labels, views), None, Classes(NAMES, texts, classes), scale, 0, clip, settings)


def unseen(clip, count=30):
    labels = torch.arange(len(NAMES)).repeat(count // len(NAMES))
    return images_of(clip, pictures(labels, seed=2)), labels


def frozen_copy(clip):
    return {name: tensor.clone() for name, tensor in clip.model.state_dict().items()}


def assert_unchanged(clip, before):
    after = clip.model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


# CoOp


def text_tower(model, vectors, rows):
    """CLIP's text tower by hand: token ids of one prompt after the other, the first token then the vectors."""
    state = {name.removeprefix("text_model."): tensor for name, tensor in model.state_dict().items()}
    width, heads = SMALL["hidden_size"], SMALL["num_attention_heads"]

    def linear(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(x, name):
        deviation = (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        return (x - x.mean(-1, keepdim=True)) / deviation * state[f"{name}.weight"] + state[f"{name}.bias"]

    found = []
    for row in rows:
        words = state["embeddings.token_embedding.weight"][row]
        x = torch.cat([words[:1], vectors, words[1:]])
        x = x + state["embeddings.position_embedding.weight"][: len(x)]
        later = torch.ones(len(x), len(x)).triu(1).bool()
        for layer in range(SMALL["num_hidden_layers"]):
            block, y = f"encoder.layers.{layer}", norm(x, f"encoder.layers.{layer}.layer_norm1")
            q, k, v = (linear(y, f"{block}.self_attn.{p}_proj").view(len(x), heads, -1).transpose(0, 1) for p in "qkv")
            weights = (q @ k.transpose(1, 2) / math.sqrt(width / heads)).masked_fill(later, -torch.inf).softmax(-1)
            x = x + linear((weights @ v).transpose(0, 1).reshape(len(x), width), f"{block}.self_attn.out_proj")
            y = linear(norm(x, f"{block}.layer_norm2"), f"{block}.mlp.fc1")
            x = x + linear(y * (1.702 * y).sigmoid(), f"{block}.mlp.fc2")
        found.append(norm(x, "final_layer_norm")[-1] @ state["text_projection.weight"].T)
    return F.normalize(torch.stack(found), dim=-1)


def names_in_tokens(clip):
    return [clip.tokenizer(f"{name}.")["input_ids"] for name in NAMES]


def first_vectors(seed, count=16):
    return torch.empty(count, SMALL["hidden_size"]).normal_(std=0.02, generator=torch.Generator().manual_seed(seed))


def test_coop_the_prompts_go_through_the_text_tower_as_derived_by_hand():
    clip, vectors = small_clip(), first_vectors(5) * 50
    expected = text_tower(clip.model, vectors, names_in_tokens(clip))
    torch.testing.assert_close(coop.Prompts(clip, NAMES, 16).embed(vectors), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["clip", "siglip", "tiny"])
def test_coop_with_the_embeddings_of_real_words_is_that_sentence(kind):
    clip = small_clip(kind)
    words = " a dark thin crack lies across the middle of"
    ids = clip.tokenizer(words)["input_ids"][1:-1]
    vectors = coop.token_embedding(clip).weight[ids]
    with torch.no_grad():
        found = coop.Prompts(clip, NAMES, len(ids)).embed(vectors)
        texts = clip.tokenize([f"{words} {name}." for name in NAMES])
        expected = clip.embed_texts(clip.encode_texts(texts))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert (expected[0] - expected[1]).abs().max() > 1e-3


def test_coop_two_epochs_are_those_derived_by_hand():
    clip = small_clip()
    task = task_of(clip, epochs=2, lr=0.5)
    rows, labels = names_in_tokens(clip), task.shots.labels
    image = F.normalize(task.shots.images.features, dim=-1)
    vectors, momentum = first_vectors(task.seed), 0.0
    for rate in (1e-5, 0.5):
        vectors.requires_grad_()
        logits = task.logit_scale * image @ text_tower(clip.model, vectors, rows).T
        loss = -logits.log_softmax(1)[range(len(labels)), labels].mean()
        gradient = torch.autograd.grad(loss, vectors)[0] + 5e-4 * vectors.detach()
        momentum = 0.9 * momentum + gradient
        vectors = vectors.detach() - rate * momentum
    expected = image @ text_tower(clip.model, vectors, rows).T
    before = image @ text_tower(clip.model, first_vectors(task.seed), rows).T
    assert (expected - before).abs().max() > 1e-3
    found = coop.fit(task).logits(task.shots.images) / task.logit_scale
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_coop_takes_features_alone_and_leaves_the_model_as_it_was():
    clip = small_clip()
    before, task = frozen_copy(clip), task_of(clip, epochs=40, lr=0.1)
    predictor = coop.fit(task)
    assert_unchanged(clip, before)
    assert all(weight.grad is None for weight in clip.model.parameters())
    images, _ = unseen(clip)
    logits = predictor.logits(Images(images.features))
    assert logits.shape == (30, 3)
    assert logits.dtype == torch.float32
    first = coop.fit(replace(task, settings={"epochs": 1})).logits(task.shots.images)
    assert F.cross_entropy(predictor.logits(task.shots.images), task.shots.labels) < F.cross_entropy(
        first, task.shots.labels
    )


def test_coop_takes_the_best_checkpoint_on_validation_images():
    clip = small_clip()
    task = task_of(clip, epochs=20, lr=0.5)
    images, labels = unseen(clip)
    validated = replace(task, validation=Examples(images, labels, task.shots.views))
    predictor = coop.fit(validated)
    assert predictor.chosen["epochs"] % 2 == 0

    def accuracy(predictor):
        return (predictor.logits(images).argmax(1) == labels).float().mean()

    assert accuracy(predictor) >= accuracy(coop.fit(task))


def test_coop_published_numbers_of_epochs():
    assert [coop.epochs_for(shots) for shots in (1, 2, 4, 8, 16)] == [50, 100, 100, 200, 200]


def test_coop_without_room_for_names_is_said_clearly():
    with pytest.raises(ConfigError, match="context 126"):
        coop.fit(task_of(small_clip("tiny"), context=126))


# CLIP-LoRA

FAST = {"lr": 0.02, "iterations_per_shot": 15, "batch_size": 6}


def accuracy(predictor, images, labels):
    return (predictor.logits(images).argmax(1) == labels).float().mean().item()


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_clip_lora_learns_and_leaves_the_model_as_it_was(kind):
    clip = small_clip(kind)
    before, task = frozen_copy(clip), task_of(clip, **FAST)
    predictor = clip_lora.fit(task)
    assert_unchanged(clip, before)
    assert not clip.model.training
    images, labels = unseen(clip)
    assert accuracy(predictor, images, labels) >= 0.8


def test_clip_lora_adds_matrices_of_rank_two_to_q_k_and_v_and_merging_them_changes_no_logit(monkeypatch):
    clip, trained = small_clip(), []

    def spy(adapted):
        trained.append((adapted, merge(adapted)))
        return trained[0][1]

    monkeypatch.setattr(clip_lora, "merge", spy)
    task = task_of(clip, **FAST)
    logits = clip_lora.fit(task).logits(task.shots.images)
    adapted, merged = trained[0]
    assert_unchanged(unload(adapted), frozen_copy(clip))
    with torch.no_grad():
        tokens = adapted.tokenize([text for (text,) in task.classes.texts])
        classes = adapted.embed_texts(adapted.encode_texts(tokens))
        pixels = task.shots.images.pixels(torch.arange(len(task.shots)))
        expected = adapted.logits(adapted.encode_images(pixels), classes)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-5)
    base, changed = clip.model.state_dict(), set()
    for name, weight in merged.model.state_dict().items():
        difference = weight - base[name]
        if difference.abs().max() > 0:
            changed.add(name.rsplit(".", 2)[1])
            values = torch.linalg.svdvals(difference)
            assert values[1] > 1e-4
            assert values[2] < 1e-3 * values[0]
    assert changed == {"q_proj", "k_proj", "v_proj"}


def test_clip_lora_takes_one_of_several_texts_a_step_and_all_in_the_end():
    clip = small_clip()
    task = task_of(clip, iterations_per_shot=1, lr=0.0, lora_dropout=0.0)
    texts = [[text, f"steel with {name}"] for (text,), name in zip(task.classes.texts, NAMES, strict=True)]
    found = clip_lora.fit(replace(task, classes=replace(task.classes, texts=texts))).logits(task.shots.images)
    with torch.no_grad():
        every = [clip.embed_texts(clip.encode_texts(clip.tokenize(group))).mean(0) for group in texts]
        expected = clip.logits(task.shots.images.features, F.normalize(torch.stack(every), dim=-1))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("with_texts", "kind"), [(False, "geometric"), (True, "photometric")])
def test_clip_lora_mirrors_no_image_that_has_a_text_of_its_own(with_texts, kind, monkeypatch):
    drawn, varied = [], clip_lora.varied
    monkeypatch.setattr(
        clip_lora, "varied", lambda images, rows, *rest: drawn.append(rest[0]) or varied(images, rows, *rest)
    )
    task = task_of(small_clip(), iterations_per_shot=1)
    texts = torch.zeros(len(task.shots), 24) if with_texts else None
    clip_lora.fit(replace(task, shots=replace(task.shots, texts=texts)))
    assert set(drawn) == {kind}


# Full-rank tuning

QUICK = {"steps": 12, "batch_size": 6, "lr": 3e-3}


@pytest.mark.parametrize("kind", ["clip", "siglip", "tiny"])
def test_full_rank_learns_and_leaves_the_model_as_it_was(kind):
    clip = small_clip(kind)
    before, task = frozen_copy(clip), task_of(clip, **QUICK)
    predictor = full_rank.fit(task)
    assert_unchanged(clip, before)
    assert not clip.model.training
    images, labels = unseen(clip)
    logits = predictor.logits(images)
    assert logits.shape == (len(labels), 3)
    assert logits.dtype == torch.float32
    if kind != "tiny":  # it makes images grey
        assert accuracy(predictor, images, labels) >= 0.9


def test_full_rank_starts_as_logistic_regression_on_standardized_features():
    clip = small_clip()
    task = task_of(clip, shots=5, steps=0, start=1.0)
    images, _ = unseen(clip)
    scaler = StandardScaler().fit(task.shots.images.features)

    def known(features):
        return np.column_stack([scaler.transform(features), np.ones(len(features))])  # the bias is shrunk too

    reference = LogisticRegression(C=0.1, tol=1e-10, max_iter=10_000, fit_intercept=False)
    reference.fit(known(task.shots.images.features), task.shots.labels)
    found = full_rank.fit(task).logits(images).softmax(1)
    np.testing.assert_allclose(found, reference.predict_proba(known(images.features)), atol=1e-3)


def test_full_rank_trains_more_than_the_probe():
    clip = small_clip()
    images, labels = unseen(clip)
    losses = [
        F.cross_entropy(full_rank.fit(task_of(clip, **QUICK | changes)).logits(images), labels)
        for changes in ({"steps": 0, "start": 1.0}, {})
    ]
    assert losses[1] < 0.5 * losses[0]


def test_full_rank_trains_the_upper_half_of_the_blocks():
    clip = small_clip()
    trained = {id(weight) for weight in full_rank.trained_weights(clip, 0.5)}
    names = {name for name, weight in clip.model.named_parameters() if id(weight) in trained}
    assert {name.rsplit(".", 1)[0] for name in names if "layers" not in name} == {
        "vision_model.post_layernorm", "visual_projection",
    }  # fmt: skip
    assert {name.split("layers.")[1][0] for name in names if "layers" in name} == {"1"}
    everything = full_rank.trained_weights(clip, 0.0)
    assert len(everything) == sum(name.startswith("vis") for name, _ in clip.model.named_parameters())
    tiny = small_clip("tiny")
    assert len(full_rank.trained_weights(tiny, 0.5)) == len(full_rank.trained_weights(tiny, 0.0))


# Both


@pytest.mark.parametrize(("method", "settings"), [(clip_lora, FAST), (full_rank, QUICK)])
def test_the_same_seed_gives_the_same_logits_and_another_gives_others(method, settings):
    clip = small_clip()
    task = task_of(clip, **settings)
    torch.manual_seed(1)
    first = method.fit(task).logits(task.shots.images)
    torch.manual_seed(2)
    assert torch.equal(first, method.fit(task).logits(task.shots.images))
    assert not torch.equal(first, method.fit(replace(task, seed=1)).logits(task.shots.images))


@pytest.mark.parametrize("method", [clip_lora, full_rank])
def test_features_alone_are_refused_with_what_is_missing(method):
    task = task_of(small_clip())
    shots = replace(task.shots, images=Images(task.shots.images.features))
    with pytest.raises(ConfigError, match="needs the model and the images' pixels"):
        method.fit(replace(task, shots=shots))


@pytest.mark.parametrize("method", [coop, clip_lora, full_rank])
def test_an_unknown_setting_is_refused_with_those_there_are(method):
    with pytest.raises(ConfigError, match=r"no setting learning_rate.*lr"):
        method.fit(task_of(small_clip(), learning_rate=1.0))

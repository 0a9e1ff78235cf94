"""Stretched positions, and published checkpoints converted, against plain references."""

import pytest
import torch
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel
from typer.testing import CliRunner

from steeldefectx.cli.app import app
from steeldefectx.models.clip import load_clip
from steeldefectx.models.long_clip import stretch_positions
from steeldefectx.models.tiny import tiny_tokenizer

WIDTH, LAYERS, PATCH, SIDE, PROJECTION, CONTEXT = 128, 2, 8, 32, 48, 248


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def clip_folder(tmp_path):
    """A random CLIP with 77 positions."""
    tokenizer = tiny_tokenizer()
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = size | {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=size | {"image_size": SIDE, "patch_size": PATCH}))
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    for part in (model, tokenizer, processor):
        part.save_pretrained(tmp_path / "clip")
    return tmp_path / "clip"


def test_positions_are_stretched_as_published(clip_folder):
    model = CLIPModel.from_pretrained(clip_folder)
    old = model.text_model.embeddings.position_embedding.weight.detach().clone()
    new = stretch_positions(model).text_model.embeddings.position_embedding.weight.detach()
    expected = [old[i] for i in range(20)]
    for i in range(20, 76):
        expected += [old[i], 0.75 * old[i] + 0.25 * old[i + 1], 0.5 * (old[i] + old[i + 1])]
        expected += [0.25 * old[i] + 0.75 * old[i + 1]]
    expected += [old[76] + k * (old[76] - old[75]) / 4 for k in range(4)]
    torch.testing.assert_close(new, torch.stack(expected))


@torch.inference_mode()
def test_a_stretched_folder_keeps_short_texts_and_takes_long_ones(clip_folder, tmp_path):
    assert run("stretch-clip", clip_folder, "--out", tmp_path / "long").exit_code == 0
    before, after = load_clip(str(clip_folder)), load_clip(str(tmp_path / "long"))
    short, long = ["a scratch"], ["scratch " * 200]
    torch.testing.assert_close(after.encode_texts(after.tokenize(short)), before.encode_texts(before.tokenize(short)))
    assert (before.count_cut(long), after.count_cut(long)) == (1, 0)
    assert after.tokenize(long)["input_ids"].shape[1] > 200
    assert after.encode_texts(after.tokenize(long)).isfinite().all()


def published(vocabulary):
    """A random state dict in OpenAI's names, half precision."""
    make = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=make) * 0.1

    weights = {
        "visual.conv1.weight": random(WIDTH, 3, PATCH, PATCH),
        "visual.class_embedding": random(WIDTH),
        "visual.positional_embedding": random((SIDE // PATCH) ** 2 + 1, WIDTH),
        "visual.proj": random(WIDTH, PROJECTION),
        "text_projection": random(WIDTH, PROJECTION),
        "token_embedding.weight": random(vocabulary, WIDTH),
        "positional_embedding": random(CONTEXT, WIDTH),
        "positional_embedding_res": random(CONTEXT, WIDTH),
        "logit_scale": torch.tensor(3.0),
    }
    shapes = {"ln_1": (WIDTH,), "ln_2": (WIDTH,), "attn.out_proj": (WIDTH, WIDTH)}
    shapes |= {"mlp.c_fc": (4 * WIDTH, WIDTH), "mlp.c_proj": (WIDTH, 4 * WIDTH)}
    for tower in ("transformer", "visual.transformer"):
        for i in range(LAYERS):
            block = f"{tower}.resblocks.{i}"
            weights[f"{block}.attn.in_proj_weight"] = random(3 * WIDTH, WIDTH)
            weights[f"{block}.attn.in_proj_bias"] = random(3 * WIDTH)
            for part, shape in shapes.items():
                weights[f"{block}.{part}.weight"] = random(*shape)
                weights[f"{block}.{part}.bias"] = random(shape[0])
    for norm in ("ln_final", "visual.ln_pre", "visual.ln_post"):
        weights |= {f"{norm}.weight": 1 + random(WIDTH), f"{norm}.bias": random(WIDTH)}
    return {name: value.half() for name, value in weights.items()}


def transformer(w, prefix, x, causal):
    """OpenAI's residual blocks on (N, L, WIDTH), heads of width 64."""
    for i in range(LAYERS):
        p = f"{prefix}.resblocks.{i}"
        h = F.layer_norm(x, (WIDTH,), w[f"{p}.ln_1.weight"], w[f"{p}.ln_1.bias"])
        h = F.linear(h, w[f"{p}.attn.in_proj_weight"], w[f"{p}.attn.in_proj_bias"])
        q, k, v = (part.unflatten(-1, (-1, 64)).transpose(1, 2) for part in h.chunk(3, -1))
        scores = q @ k.transpose(-1, -2) / 8
        if causal:
            scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
        h = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + F.linear(h, w[f"{p}.attn.out_proj.weight"], w[f"{p}.attn.out_proj.bias"])
        h = F.layer_norm(x, (WIDTH,), w[f"{p}.ln_2.weight"], w[f"{p}.ln_2.bias"])
        h = F.linear(h, w[f"{p}.mlp.c_fc.weight"], w[f"{p}.mlp.c_fc.bias"])
        x = x + F.linear(h * torch.sigmoid(1.702 * h), w[f"{p}.mlp.c_proj.weight"], w[f"{p}.mlp.c_proj.bias"])
    return x


def text_features(w, ids, end):
    table = torch.cat([w["positional_embedding"][:20], w["positional_embedding_res"][20:]])
    x = transformer(w, "transformer", w["token_embedding.weight"][ids] + table[: ids.shape[1]], causal=True)
    x = F.layer_norm(x, (WIDTH,), w["ln_final.weight"], w["ln_final.bias"])
    return x[torch.arange(len(ids)), (ids == end).int().argmax(1)] @ w["text_projection"]


def image_features(w, pixels):
    x = F.conv2d(pixels, w["visual.conv1.weight"], stride=PATCH).flatten(2).transpose(1, 2)
    x = torch.cat([w["visual.class_embedding"].expand(len(x), 1, -1), x], 1) + w["visual.positional_embedding"]
    x = F.layer_norm(x, (WIDTH,), w["visual.ln_pre.weight"], w["visual.ln_pre.bias"])
    x = transformer(w, "visual.transformer", x, causal=False)[:, 0]
    return F.layer_norm(x, (WIDTH,), w["visual.ln_post.weight"], w["visual.ln_post.bias"]) @ w["visual.proj"]


@torch.inference_mode()
def test_a_published_checkpoint_gives_openais_features(clip_folder, tmp_path):
    weights = published(len(tiny_tokenizer()))
    torch.save(weights, tmp_path / "long.pt")
    done = run("convert-long-clip", tmp_path / "long.pt", "--out", tmp_path / "out", "--processor", clip_folder)
    assert done.exit_code == 0, done.output
    clip, w = load_clip(str(tmp_path / "out")), {k: v.float() for k, v in weights.items()}
    tokens = clip.tokenize(["a scratch", "scratch " * 60])
    expected = text_features(w, tokens["input_ids"], clip.tokenizer.eos_token_id)
    torch.testing.assert_close(clip.encode_texts(tokens), expected, atol=1e-5, rtol=1e-5)
    pixels = torch.randint(0, 256, (2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1))
    expected = image_features(w, clip.normalize(pixels))
    torch.testing.assert_close(clip.encode_images(pixels), expected, atol=1e-5, rtol=1e-5)


def test_what_does_not_fit_is_named(clip_folder, tmp_path):
    weights = published(len(tiny_tokenizer()))
    del weights["ln_final.bias"]
    torch.save(weights | {"extra": torch.zeros(1)}, tmp_path / "wrong.pt")
    torch.save({"model": tiny_tokenizer()}, tmp_path / "code.pt")
    for file, words in (("wrong.pt", ("ln_final.bias", "extra")), ("code.pt", ("weights",))):
        done = run("convert-long-clip", tmp_path / file, "--out", tmp_path / "out", "--processor", clip_folder)
        assert done.exit_code == 2
        assert all(word in done.stderr for word in words)
        assert not (tmp_path / "out").exists()

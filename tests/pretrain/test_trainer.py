"""Pretraining: the loss by hand, a model that any command can load, and runs that are killed and gone on with."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from steeldefectx.errors import ConfigError
from steeldefectx.models.clip import load_clip
from steeldefectx.models.from_scratch import Sizes, learn_tokenizer, new_model, take_over
from steeldefectx.pretrain import trainer
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.pretrain.stream import batches, class_texts
from steeldefectx.pretrain.trainer import Learner, losses, pretrain, schedule

CONFIG = PretrainConfig(
    images=48, batch_size=8, image_size=32, image_widths="8,16", text_width=12, text_layers=1, projection=8, workers=0
)


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    monkeypatch.setattr("steeldefectx.pretrain.stream.VOCABULARY_SCENES", 5)


def config_in(folder, **settings):
    return replace(CONFIG, out=str(folder), **settings)


def logged(folder):
    return [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]


def weights(folder):
    return load_clip(str(folder)).model.state_dict()


def test_the_loss_holds_images_against_texts_of_all_classes_and_against_each_others_descriptions():
    batch, texts = next(batches(replace(CONFIG, described=1.0))), class_texts(CONFIG, 0)
    tokenizer = learn_tokenizer([*texts["T1"], *batch.texts], 600, 128)
    model = new_model(tokenizer, Sizes(32, (8, 16), 12, 1, 3, 128, 8))
    found = losses(Learner(model), tokenizer, batch, texts, torch.device("cpu"))

    def embed(of):
        tokens = tokenizer(of, padding=True, return_tensors="pt")
        return F.normalize(model.get_text_features(tokens["input_ids"], tokens["attention_mask"]).pooler_output, dim=-1)

    pixels = batch.images[:, None].repeat(1, 3, 1, 1) / 255
    image, scale = F.normalize(model.get_image_features(pixels).pooler_output, dim=-1), model.logit_scale.exp()
    by_class = [-(scale * image @ embed(texts[level]).T).log_softmax(1) for level in ("T0", "T1")]
    rows = torch.arange(len(batch.labels))
    class_loss = sum(cost[rows, batch.labels].mean() for cost in by_class) / 2
    logits = scale * image[batch.described] @ embed(batch.texts).T
    text_loss = -(logits.log_softmax(1).diag().mean() + logits.log_softmax(0).diag().mean()) / 2
    torch.testing.assert_close(found["class_loss"], class_loss.detach(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found["text_loss"], text_loss.detach(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found["loss"], class_loss + text_loss, atol=1e-5, rtol=1e-5)


def test_bf16_changes_the_loss_by_its_rounding_alone():
    batch, texts = next(batches(CONFIG)), class_texts(CONFIG, 0)
    tokenizer = learn_tokenizer([*texts["T1"], *batch.texts], 600, 128)
    model = new_model(tokenizer, Sizes(32, (8, 16), 12, 1, 3, 128, 8))
    exact, rounded = (
        losses(Learner(model), tokenizer, batch, texts, torch.device("cpu"), dtype)
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert rounded["loss"].dtype == torch.float32
    assert rounded["loss"] != exact["loss"]
    torch.testing.assert_close(rounded["loss"], exact["loss"], atol=0, rtol=0.02)


def test_a_killed_run_that_is_gone_on_with_ends_in_the_same_weights(tmp_path, monkeypatch):
    pretrain(config_in(tmp_path / "whole"))
    monkeypatch.setattr(trainer, "LOGGED", 1)
    monkeypatch.setattr(trainer, "MINUTES", 0.0)  # a snapshot after every step
    taken, original = [], trainer.losses

    def killed(*arguments):
        if len(taken) == 3:
            raise KeyboardInterrupt
        taken.append(1)
        return original(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(trainer, "losses", killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain(config_in(tmp_path / "killed"))
    assert not (tmp_path / "killed" / "model").exists()
    model = pretrain(config_in(tmp_path / "killed"))
    expected, found = weights(tmp_path / "whole" / "model"), weights(model)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert sorted(p.name for p in (tmp_path / "killed").iterdir()) == [
        "facts.safetensors", "log.jsonl", "model", "recipe.json",
    ]  # fmt: skip
    assert logged(tmp_path / "killed") == [1, 2, 3, 4, 5, 6]
    assert json.loads((tmp_path / "killed" / "recipe.json").read_text())["settings"]["images"] == 48


def test_steps_that_are_taken_again_are_logged_once(tmp_path):
    log = tmp_path / "log.jsonl"
    lines = [json.dumps({"step": step}) for step in (trainer.LOGGED, 2 * trainer.LOGGED, 3 * trainer.LOGGED)]
    log.write_text("\n".join(lines) + '\n{"step": 2')
    trainer.cut_log(log, 2 * trainer.LOGGED + 7)
    assert logged(tmp_path) == [trainer.LOGGED, 2 * trainer.LOGGED]
    trainer.cut_log(log, 0)
    assert logged(tmp_path) == []


def test_training_on_one_scene_over_and_over_teaches_it(tmp_path, monkeypatch):
    batch = next(batches(CONFIG))
    monkeypatch.setattr(trainer, "batches", lambda config, first: [batch] * config.steps)
    monkeypatch.setattr(trainer, "LOGGED", 1)
    pretrain(config_in(tmp_path, images=8 * 60, lr=1e-2))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 60
    assert lines[-1]["class_loss"] < 0.5 * lines[0]["class_loss"]
    assert lines[-1]["accuracy"] > lines[0]["accuracy"]


def test_the_rate_rises_and_falls_to_nothing():
    config = replace(CONFIG, images=800, warmup=0.1)
    rates = [schedule(step, config.steps, config.warmup) for step in range(config.steps)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < 0.01


def test_a_finished_run_is_not_run_again_but_another_is(tmp_path, monkeypatch):
    pretrain(config_in(tmp_path))
    seen, original = [], trainer.batches
    monkeypatch.setattr(trainer, "batches", lambda *given: seen.append(1) or original(*given))
    pretrain(config_in(tmp_path))
    assert not seen
    pretrain(config_in(tmp_path, seed=1))
    assert seen


def test_a_loss_that_is_no_number_stops_it(tmp_path):
    with pytest.raises(ConfigError, match="diverged"):
        pretrain(config_in(tmp_path, lr=1e30))
    assert not (tmp_path / "model").exists()
    with pytest.raises(ConfigError, match="lr has to be a finite number"):
        config_in(tmp_path, lr=float("nan"))


def test_a_new_model_takes_over_what_an_earlier_one_has():
    earlier_tokenizer = learn_tokenizer(["dark spot, dark line"], 300, 128)
    sizes = Sizes(32, (8, 16), 12, 1, 3, 128, 8)
    earlier = new_model(earlier_tokenizer, sizes)
    with torch.no_grad():
        for weight in earlier.parameters():
            weight.add_(1)
    tokenizer = learn_tokenizer(["bright band, dark spot"], 320, 128)
    model = new_model(tokenizer, replace(sizes, place=2, dense=4))
    take_over(model, tokenizer, earlier, earlier_tokenizer)
    own, theirs = model.state_dict(), earlier.state_dict()
    assert (own["visual_projection.weight"][:, :16] == theirs["visual_projection.weight"]).all()
    assert (own["logit_scale"] == theirs["logit_scale"]).all()
    rows, other = tokenizer.get_vocab(), earlier_tokenizer.get_vocab()
    name = next(name for name in own if name.endswith("token_embedding.weight"))
    assert all((own[name][rows[token]] == theirs[name][other[token]]).all() for token in rows if token in other)
    with pytest.raises(ValueError, match=r"is .*, not"):
        take_over(new_model(tokenizer, replace(sizes, image_widths=(8, 24))), tokenizer, earlier, earlier_tokenizer)

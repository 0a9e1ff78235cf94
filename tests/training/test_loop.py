"""The loop: a batch in parts has the same gradient, and a killed run ends in the weights it would have ended in."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors import safe_open
from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTForImageClassification

from steeldefectx.errors import ConfigError
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.shufflenet import ShuffleNetV2Config, ShuffleNetV2ForImageClassification
from steeldefectx.training.batches import Batches
from steeldefectx.training.classifier_training import ClassifierInputs, ClassifierModule
from steeldefectx.training.clip_inputs import FeatureInputs, PixelInputs
from steeldefectx.training.clip_modules import FrozenTowers, TrainedTowers
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.gradients import backward
from steeldefectx.training.loop import fit
from steeldefectx.training.snapshot import SNAPSHOT, Snapshots, trained_state
from steeldefectx.training.text_bank import TextBank

CPU = torch.device("cpu")
COUNT = 26
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}


class KilledError(Exception):
    """What stands for a kill."""


def frozen(_config):
    torch.manual_seed(0)
    adapter = ClipAdapter(8, 0.5)
    clip = SimpleNamespace(
        adapter=adapter,
        model=SimpleNamespace(logit_scale=torch.tensor(2.0)),
        text_adapter=None,
        embed_images=lambda features: torch.nn.functional.normalize(adapter(features), dim=-1),
        embed_texts=lambda features: torch.nn.functional.normalize(features, dim=-1),
    )
    inputs = FeatureInputs(torch.randn(2, COUNT, 8), torch.randn(6, 8), CPU)
    return FrozenTowers(clip), inputs


def towers(config, dropout=0.3):
    """A small CLIP with dropout, on random pixels."""
    torch.manual_seed(0)
    model = CLIPModel(
        CLIPConfig(
            text_config=SMALL | {"vocab_size": 50, "max_position_embeddings": 8, "attention_dropout": dropout},
            vision_config=SMALL | {"image_size": 16, "patch_size": 8, "attention_dropout": dropout},
            projection_dim=8,
        )
    )
    clip = SimpleNamespace(
        model=model,
        adapter=None,
        encode_images=lambda pixels: model.get_image_features(pixel_values=pixels / 255).pooler_output,
        encode_texts=lambda tokens: model.get_text_features(**tokens).pooler_output,
        text_adapter=None,
        embed_images=lambda features: torch.nn.functional.normalize(features, dim=-1),
        embed_texts=lambda features: torch.nn.functional.normalize(features, dim=-1),
    )
    pixels = torch.randint(0, 255, (COUNT, 16, 16, 3), dtype=torch.uint8)
    store = SimpleNamespace(batch=lambda indices: pixels[indices].permute(0, 3, 1, 2))
    ids = torch.randint(3, 48, (6, 8))
    ids[:, -1] = 49
    tokens = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return TrainedTowers(clip, False), PixelInputs(store, tokens, config.augmentation, CPU)


def classifier(config):
    """A ShuffleNetV2, with batch norms, on random pixels that are varied and mixed."""
    torch.manual_seed(0)
    network = ShuffleNetV2ForImageClassification(ShuffleNetV2Config(width=0.5, num_labels=6))
    return _classifier(network, 32, config)


def vit_classifier(config):
    """A ViT: no batch norms, whose statistics are those of a part."""
    torch.manual_seed(0)
    network = ViTForImageClassification(ViTConfig(**SMALL, image_size=16, patch_size=8, num_labels=6))
    return _classifier(network, 16, config)


def _classifier(network, side, config):
    pixels = torch.randint(0, 255, (COUNT, side, side, 3), dtype=torch.uint8)
    store = SimpleNamespace(batch=lambda indices: pixels[indices].permute(0, 3, 1, 2))
    inputs = ClassifierInputs(store, 6, config.augmentation, config.mixup, CPU)
    logits = lambda images: network(pixel_values=images / 255).logits  # noqa: E731
    return ClassifierModule(SimpleNamespace(model=network, logits=logits), config.label_smoothing), inputs


ALL_AT_ONCE = {
    "method": "classifier", "model": "shufflenet-v2", "ema": 0.9, "mixup": 0.4, "label_smoothing": 0.1,
    "augment": "randaugment",
}  # fmt: skip


def texts_for(module):
    """Texts, where the model takes some."""
    return None if isinstance(module, ClassifierModule) else TextBank([f"text {n % 6}" for n in range(COUNT)], 0.0)


def train(make, folder, kill_at=None, **settings):
    """Weights and log of a run; killed in the middle of a step where told."""
    config = TrainConfig(
        **{"epochs": 3, "batch_size": 8, "lr": 0.01, "train_text": "T1", "snapshot_minutes": 0, **settings}
    )
    module, inputs = make(config)
    bank = texts_for(module)
    batches = Batches(inputs, bank, np.arange(COUNT) % 6, config.batch_size, config.seed)
    steps = []

    def batch(step):
        steps.append(step)
        if step == kill_at:
            raise KilledError
        return Batches.__call__(batches, step)

    counted = SimpleNamespace(inputs=inputs, per_epoch=batches.per_epoch)
    counted = type("Counted", (), {"__call__": lambda _self, step: batch(step), **vars(counted)})()
    log = []
    identity = {"recipe": config.resolved(), "data_fingerprint": "data"}
    snapshots = Snapshots(folder, identity, config.snapshot_minutes, writes=True)
    progress = fit(module, counted, config, Accelerator(), snapshots=snapshots, log=log.append)
    state = {name: tensor.clone() for name, tensor in trained_state(module).items()}
    return SimpleNamespace(state=state, log=log, steps=steps, progress=progress, snapshots=snapshots)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (frozen, {}),
        (towers, {}),
        (towers, {"ema": 0.9, "optimizer": "sgd", "lr": 0.1}),
        (classifier, ALL_AT_ONCE),
        (classifier, ALL_AT_ONCE | {"optimizer": "sgd", "lr": 0.1}),
    ],
    ids=["frozen", "towers", "towers-ema-sgd", "classifier-adamw", "classifier-sgd"],
)
@pytest.mark.parametrize("kill_at", [1, 3, 7])
def test_a_killed_and_resumed_run_ends_in_the_same_weights_bit_for_bit(make, settings, kill_at, tmp_path):
    whole = train(make, tmp_path / "whole", **settings)
    with pytest.raises(KilledError):
        train(make, tmp_path / "killed", kill_at, **settings)
    resumed = train(make, tmp_path / "killed", resume=True, **settings)
    assert resumed.steps[0] == kill_at, "it goes on where it was killed"
    assert same(resumed.state, whole.state)
    for one, other in zip(resumed.log[::-1], whole.log[::-1], strict=False):
        assert (one["epoch"], one["loss"]) == (other["epoch"], pytest.approx(other["loss"], abs=1e-7))
    resumed.snapshots.remove()
    assert not (tmp_path / "killed" / SNAPSHOT).exists()


def test_without_a_snapshot_resuming_is_beginning(tmp_path):
    assert same(train(frozen, tmp_path / "a", resume=True).state, train(frozen, tmp_path / "b").state)


def test_a_snapshot_of_another_run_is_refused(tmp_path):
    train(frozen, tmp_path)
    with pytest.raises(ConfigError, match="differs in epochs, lr"):
        train(frozen, tmp_path, resume=True, lr=0.1, epochs=4)


def test_snapshots_are_as_far_apart_as_told(tmp_path):
    train(frozen, tmp_path, snapshot_minutes=5)
    assert not (tmp_path / SNAPSHOT).exists()


@pytest.mark.parametrize(
    "make", [frozen, partial(towers, dropout=0.0), vit_classifier], ids=["frozen", "towers", "classifier"]
)
@pytest.mark.parametrize("accumulate", [2, 3, 8])
def test_a_batch_in_parts_has_the_objective_of_the_whole(make, accumulate):
    gradients, losses = [], []
    for number in (1, accumulate):
        config = TrainConfig(batch_size=8, train_text="T1", accumulate=number)
        module, inputs = make(config)
        batches = Batches(inputs, texts_for(module), np.arange(COUNT) % 6, 8, 0)
        losses.append(backward(module, inputs, batches(0), 0, config, Accelerator()))
        gradients.append({name: p.grad for name, p in module.named_parameters() if p.grad is not None})
    assert losses[0].item() == pytest.approx(losses[1].item(), abs=1e-6)
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-6, rtol=1e-4)


def test_the_best_epoch_is_the_one_that_is_left(tmp_path):
    config = TrainConfig(epochs=4, batch_size=8, lr=0.01, train_text="T1")
    module, inputs = frozen(config)
    bank = TextBank([f"text {n % 6}" for n in range(COUNT)], 0.0)
    batches = Batches(inputs, bank, np.arange(COUNT) % 6, 8, 0)
    states, found = [], iter([0.1, 0.7, 0.7, 0.2])

    def score():
        assert not module.training
        states.append({name: tensor.clone() for name, tensor in trained_state(module).items()})
        return next(found)

    log = []
    snapshots = Snapshots(tmp_path, {"recipe": {}}, 5, writes=True)
    progress = fit(module, batches, config, Accelerator(), snapshots=snapshots, log=log.append, score=score)
    assert progress.best_epoch == 2, "of equals the first"
    assert same(trained_state(module), states[1])
    assert [line["held_out_accuracy"] for line in log] == [0.1, 0.7, 0.7, 0.2]


def test_with_an_average_it_is_what_is_scored_and_left(tmp_path):
    config = TrainConfig(epochs=3, batch_size=8, lr=0.1, train_text="T1", ema=0.5)
    states = {}
    for name in ("last", "best"):
        module, inputs = frozen(config)
        batches = Batches(inputs, texts_for(module), np.arange(COUNT) % 6, 8, 0)
        scored = []

        def score(module=module, scored=scored):
            scored.append({name: tensor.clone() for name, tensor in trained_state(module).items()})
            return len(scored)

        fit(
            module, batches, config, Accelerator(), snapshots=Snapshots(tmp_path, {"recipe": {}}, 5, writes=True),
            log=lambda _: None, score=score if name == "best" else None,
        )  # fmt: skip
        states[name] = trained_state(module)
    assert same(states["best"], scored[-1])
    assert same(states["best"], states["last"]), "looking at the average changes nothing"
    plain = train(frozen, tmp_path / "plain", lr=0.1)
    assert not same(states["last"], plain.state)


def test_sgd_is_torchs_with_momentum(tmp_path):
    """One step of momentum SGD is plain: weights less the rate times the gradient, not clipped."""
    config = TrainConfig(epochs=1, batch_size=26, lr=0.5, train_text="T1", optimizer="sgd")
    module, inputs = frozen(config)
    batches = Batches(inputs, texts_for(module), np.arange(COUNT) % 6, 26, 0)
    backward(module, inputs, batches(0), 0, config, Accelerator())
    expected = {name: (p - 0.5 * p.grad).detach().clone() for name, p in module.named_parameters()}
    found = train(frozen, tmp_path, epochs=1, batch_size=26, lr=0.5, optimizer="sgd").state
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor)


def poisoned(config, image=3):
    """Features of frozen towers, those of one image not numbers."""
    module, inputs = frozen(config)
    inputs.images[:, image] = torch.nan
    return module, inputs


def test_a_loss_that_is_no_number_stops_the_run_at_its_step_and_keeps_the_last_snapshot(tmp_path):
    bank = TextBank([f"text {n % 6}" for n in range(COUNT)], 0.0)
    made = Batches(poisoned(None)[1], bank, np.arange(COUNT) % 6, 8, 2)
    bad = next(step for step in range(9) if made(step).images.isnan().any())
    assert bad > 0, "another seed is needed"
    with pytest.raises(ConfigError, match=rf"diverged.*step {bad + 1} .*lower --lr than 0\.01"):
        train(poisoned, tmp_path, seed=2)
    with safe_open(tmp_path / SNAPSHOT, "pt") as content:
        assert json.loads(content.metadata()["progress"])["step"] == bad
        weights = [content.get_tensor(name) for name in content.keys()]  # noqa: SIM118
    assert all(tensor.isfinite().all() for tensor in weights)


def test_weights_that_are_no_numbers_after_the_last_step_are_refused_too(tmp_path):
    with pytest.raises(ConfigError, match="diverged"):
        train(towers, tmp_path, epochs=1, batch_size=26, lr=1e38, optimizer="sgd", snapshot_minutes=5)


def test_the_snapshot_is_safetensors_with_readable_metadata(tmp_path):
    train(frozen, tmp_path)
    with safe_open(tmp_path / SNAPSHOT, "pt") as content:
        assert json.loads(content.metadata()["progress"])["step"] == 9

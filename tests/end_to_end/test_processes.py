"""Several processes, killed runs, and launchers that start fewer processes than asked for."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel

from steeldefectx.models.clip import load_clip
from tests.commands import ROOT, Command, run

pytestmark = pytest.mark.integration

CPU = {"ACCELERATE_USE_CPU": "true"}
SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2}


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    """A small CLIP with random weights: no batch norms, whose statistics are those of a process's share."""
    folder = tmp_path_factory.mktemp("vit")
    tiny = load_clip("tiny")
    text = {"vocab_size": len(tiny.tokenizer), "max_position_embeddings": 77}
    text |= {"eos_token_id": tiny.tokenizer.eos_token_id}
    CLIPModel(
        CLIPConfig(text_config=SMALL | text, vision_config=SMALL | {"image_size": 96, "patch_size": 32})
    ).save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    tiny.image_processor.save_pretrained(folder)
    return folder


def command(vit, out, *flags):
    return [
        "train.py", "--config", "sample", "--model", vit, "--train-text", "T1", "--tracker", "none",
        "--output-dir", out, *flags,
    ]  # fmt: skip


def launch(*words, environment=None):
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=280,
        env=os.environ | (environment or {}),
    )  # fmt: skip


def losses(folder):
    return [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def torchrun(*words):
    start = ["-m", "torch.distributed.run", "--nproc-per-node", 2, "--master-port", free_port()]
    done = launch(*start, *words, environment=CPU)
    assert done.returncode == 0, done.stderr
    return done.stdout


def two_processes(*words):
    """As ``torchrun`` starts them, but that they are forks."""
    both = CPU | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    started = [Command(*words, environment=both | {"RANK": rank, "LOCAL_RANK": rank}) for rank in ("0", "1")]
    return "".join(process.ended().stdout for process in started)


def one_and_two_processes(tmp_path, start_two, model, *flags):
    """What a run of one process and one of two have trained, the losses being the same."""
    flags = [*flags, "--lr", 3e-3, "--epochs", 3, "--augment", "geometric", "--crop_text", 0.5]
    run(*command(model, tmp_path / "one", *flags))
    printed = start_two(*command(model, tmp_path / "two", *flags))
    assert printed.count("mAcc %") == 1, "one process prints"
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-4)
    return (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("one", "two"))


def test_two_processes_optimize_what_one_does(vit, tmp_path):
    one, two = one_and_two_processes(tmp_path, torchrun, vit, "--method", "lora", "--lora_dropout", 0)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-4)


def test_two_processes_optimize_what_one_does_on_frozen_towers(tmp_path):
    # Of a tower that knows images: a random one gives all of them nearly the same feature, so that a unit's ReLU is
    # on the edge for all at once, and whether the unit has a gradient is decided by the last digit.
    one, two = one_and_two_processes(tmp_path, two_processes, "embedded", "--method", "clip-adapter")
    for name, tensor in one.items():
        # Not all weights: one image on the edge is left, and Adam steps as far for a small gradient as for a large.
        assert (two[name] - tensor).abs().quantile(0.9) < 1e-3


def test_all_weights_of_the_embedded_model_are_trained_by_two_processes(tmp_path):
    # Batch norms see each process's own images, so that the losses are not those of one process.
    two_processes(*command("embedded", tmp_path, "--method", "full", "--lr", 1e-4, "--epochs", 2))
    first, last = losses(tmp_path)
    assert last < first


def test_sharded_weights_are_trained_scored_and_saved_as_whole_ones(vit, tmp_path):
    flags = ["--method", "full", "--lr", 1e-3, "--epochs", 1, "--hold_out", 0.1]
    run(*command(vit, tmp_path / "one", *flags))
    two_processes(Path(__file__).parent / "fsdp_on_cpu.py", *command(vit, tmp_path / "two", *flags)[1:])
    # The logit scale is not trained there.
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=0.01)
    base, one, two = (load_file(folder / "model.safetensors") for folder in (vit, tmp_path / "one", tmp_path / "two"))
    assert one.keys() == two.keys()
    assert two["logit_scale"] == base["logit_scale"]
    names = one.keys() - {"logit_scale"}
    moved = sum((one[name] - base[name]).abs().sum() for name in names)
    assert sum((two[name] - one[name]).abs().sum() for name in names) < 0.1 * moved
    line = json.loads((tmp_path / "two" / "log.jsonl").read_text())
    assert line["held_out_accuracy"] >= 0


def test_a_launcher_that_starts_one_process_instead_of_two_is_caught(vit, tmp_path):
    done = launch(
        "-m", "accelerate.commands.launch", "--cpu", "--num_processes", 2, *command(vit, tmp_path / "out"),
    )  # fmt: skip
    assert "2 processes were asked for and 1 runs" in done.stderr
    assert "torchrun --nproc-per-node 2" in done.stderr
    assert not (tmp_path / "out" / "results.json").exists()


def test_a_run_killed_at_any_moment_and_resumed_ends_in_the_same_weights(vit, tmp_path):
    flags = ["--method", "lora", "--epochs", 3, "--snapshot_minutes", 0, "--lr", 1e-3]
    run(*command(vit, tmp_path / "whole", *flags))
    out = tmp_path / "killed"
    Command(*command(vit, out, *flags)).kill_when((out / "snapshot.safetensors").exists)
    assert not (out / "results.json").exists()
    run(*command(vit, out, *flags, "--resume"))
    whole, again = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == again.keys()
    assert all((whole[name] == again[name]).all() for name in whole)
    assert losses(out) == pytest.approx(losses(tmp_path / "whole"), abs=1e-7)
    assert len(losses(out)) == 3
    assert not (out / "snapshot.safetensors").exists()

"""Training the localizer: all else stays, a run goes on where it stopped, and it learns."""

import json

import numpy as np
import pytest
import torch

from steeldefectx.models.clip import load_clip
from steeldefectx.pretrain import localizer
from steeldefectx.pretrain.localizer import LocalizerRun, Masked, train_localizer
from tests.inference.localize.new_models import new_clip


@pytest.fixture
def start(tmp_path):
    """A small model's folder."""
    clip, folder = new_clip(), tmp_path / "start"
    clip.model.save_pretrained(folder)
    clip.tokenizer.save_pretrained(folder)
    clip.image_processor.save_pretrained(folder)
    return str(folder)


def run(start, out, images=48):
    return LocalizerRun(str(out), start, images, batch_size=8, width=8, workers=0)


def test_it_learns_and_leaves_all_else(start, tmp_path, monkeypatch):
    monkeypatch.setattr(localizer, "LOGGED", 1)
    folder = train_localizer(run(start, tmp_path / "run", 160))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 20
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    before, after = (load_clip(name).model.state_dict() for name in (start, str(folder)))
    assert before.keys() == after.keys()
    for name, weight in before.items():
        assert torch.equal(weight, after[name]) != name.startswith("localizer."), name


def test_a_run_that_stopped_ends_as_one_that_did_not(start, tmp_path, monkeypatch):
    whole = load_clip(str(train_localizer(run(start, tmp_path / "whole")))).model.state_dict()
    monkeypatch.setattr(localizer, "MINUTES", 0.0)
    steps = localizer._steps

    def stopped(*arguments):
        for step in steps(*arguments):
            yield step
            if step[0] == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(localizer, "_steps", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_localizer(run(start, tmp_path / "stopped"))
    monkeypatch.setattr(localizer, "_steps", steps)
    gone_on = load_clip(str(train_localizer(run(start, tmp_path / "stopped")))).model.state_dict()
    for name, weight in whole.items():
        torch.testing.assert_close(gone_on[name], weight, msg=name)
    recipe = json.loads((tmp_path / "stopped" / "recipe.json").read_text())
    assert recipe["settings"]["part"] == "localizer"


def test_scenes_hang_on_their_number_alone():
    first, second = Masked(0, 64, 0, 20), Masked(0, 64, 8, 20)
    for a, b in zip(first[11], second[3], strict=True):
        assert (a == b).all()
    image, mask = first[0]
    assert image.shape == (64, 64)
    assert mask.shape == (32, 32)

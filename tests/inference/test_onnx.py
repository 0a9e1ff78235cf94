"""An export gives the logits of the checkpoint as it is loaded, and stands for it in predict."""

import csv
import io
import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel
from typer.testing import CliRunner

from steeldefectx import SteelDefectClassifier
from steeldefectx.cli.app import app
from steeldefectx.errors import ConfigError, ModelError
from steeldefectx.inference.onnx import export_checkpoint
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.calibration import calibrate, write_calibration
from steeldefectx.models.checkpoint import load_checkpoint, save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import new_classifier
from steeldefectx.models.peft_adapters import add_peft
from steeldefectx.training.config import TrainConfig

CLASSES = {"Crazing": ["a fine network of cracks"], "Patches": ["a patch", "two patches"]}


def small_clip(folder):
    """A stock CLIP of one layer a tower, with tiny's tokenizer."""
    tokenizer = load_clip("tiny").tokenizer
    layer = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 64}
    text = layer | {"vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id,
                    "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}  # fmt: skip
    vision = layer | {"image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    for part in (model, tokenizer, processor):
        part.save_pretrained(folder)
    return str(folder)


def clip_checkpoint(folder):
    """LoRA in both towers and a CLIP-Adapter on each, all with weights that change something."""
    clip = load_clip(small_clip(folder / "base"))
    add_peft(clip, "lora", "both", asdict(TrainConfig()) | {"lora_alpha": 8.0})
    for name, parameter in clip.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    clip.adapter, clip.text_adapter = ClipAdapter(16, ratio=0.5), ClipAdapter(16, ratio=0.5)
    save_checkpoint(clip, CLASSES, folder / "run")
    return folder / "run"


def classifier_checkpoint(folder):
    torch.manual_seed(0)
    classifier = new_classifier("shufflenet-v2", ["dent", "good", "hole"], 32)
    for module in classifier.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after training
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    torch.nn.init.normal_(classifier.model.classifier.weight, std=1)
    save_checkpoint(classifier, None, folder / "run")
    return folder / "run"


@pytest.fixture(scope="module", params=[clip_checkpoint, classifier_checkpoint], ids=["clip", "classifier"])
def exported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steeldefectx.models.shufflenet.DEPTHS", (2, 2, 2))  # a third of the time
        checkpoint = request.param(folder)
        logits = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
        write_calibration(calibrate(logits, np.arange(30) % 2, "noise"), checkpoint)
        export_checkpoint(str(checkpoint), folder / "onnx")
        yield checkpoint, folder / "onnx"


@torch.inference_mode()
def by_hand(checkpoint, pixels):
    """Logits of the model as training left it: nothing merged, nothing exported."""
    model, classes = load_checkpoint(str(checkpoint))
    if not hasattr(model, "tokenizer"):
        return model.logits(pixels).numpy()
    texts = [model.embed_texts(model.encode_texts(model.tokenize(some))).mean(0) for some in classes.values()]
    embeddings = torch.nn.functional.normalize(torch.stack(texts), dim=-1)
    return model.logits(model.encode_images(pixels), embeddings).numpy()


@pytest.mark.parametrize("count", [1, 7])
def test_logits_are_the_checkpoints(exported, count):
    checkpoint, out = exported
    pixels = torch.randint(0, 255, (count, 3, 32, 32), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    expected = by_hand(checkpoint, pixels)
    found = SteelDefectClassifier.from_pretrained(out).engine.logits(pixels.numpy())
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
    assert count == 1 or np.ptp(expected, axis=0).max() > 0.01, "the images are all one to it: the test sees nothing"


def test_predict_takes_an_export_for_its_checkpoint(exported, tmp_path):
    checkpoint, out = exported
    for n in range(5):
        Image.effect_noise((50, 40), 20 + 40 * n).save(tmp_path / f"{n}.png")
    tables = []
    for name in (checkpoint, out):
        done = CliRunner().invoke(app, ["predict", str(tmp_path), "--checkpoint", str(name)])
        assert done.exit_code == 0, done.output
        tables.append(list(csv.DictReader(io.StringIO(done.stdout))))
    for one, other in zip(*tables, strict=True):
        assert abs(float(one.pop("probability")) - float(other.pop("probability"))) <= 2e-4
        assert one == other
    about = json.loads((out / "export.json").read_text())
    assert about["temperature"] == json.loads((checkpoint / "calibration.json").read_text())["temperature"] != 1
    assert not [file for file in out.iterdir() if file.suffix in (".bin", ".pt", ".pkl")]


def test_an_export_takes_no_texts_and_says_what_is_wrong_with_it(exported, tmp_path):
    _, out = exported
    with pytest.raises(ModelError, match="own"):
        SteelDefectClassifier.from_pretrained(out, texts=["a", "b"])
    broken = shutil.copytree(out, tmp_path / "broken")
    about = json.loads((broken / "export.json").read_text())
    (broken / "export.json").write_text(json.dumps(about | {"classes": ["one"]}))
    with pytest.raises(ModelError, match="1 classes"):
        SteelDefectClassifier.from_pretrained(broken)
    (broken / "export.json").write_text(json.dumps(about | {"temperature": 0}))
    with pytest.raises(ModelError, match="temperature 0"):
        SteelDefectClassifier.from_pretrained(broken)
    (broken / "export.json").write_text(json.dumps(about))
    (broken / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="export it again"):
        SteelDefectClassifier.from_pretrained(broken)


def test_an_export_is_written_whole_and_over_nothing_else(exported, tmp_path, monkeypatch):
    checkpoint, out = exported
    with pytest.raises(ConfigError, match="no export"):
        export_checkpoint(str(checkpoint), checkpoint)
    kept = (out / "model.onnx").read_bytes()

    def breaks_down(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("steeldefectx.inference.onnx._write_graph", breaks_down)
    with pytest.raises(KeyboardInterrupt):
        export_checkpoint(str(checkpoint), out)
    assert (out / "model.onnx").read_bytes() == kept
    assert [entry.name for entry in out.parent.iterdir() if entry.name.startswith(".")] == []
    with pytest.raises(ModelError, match="no classes"):
        export_checkpoint("tiny", tmp_path / "new")

"""Checkpoints open in ``transformers`` and ``peft`` as their own do: in processes that have nothing of this package.

``python -I`` takes neither the current folder nor PYTHONPATH, and what is left of an installed package is blocked.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel

import steeldefectx
from steeldefectx import SteelDefectClassifier
from steeldefectx.models.checkpoint import load_checkpoint
from steeldefectx.models.clip import load_clip
from tests.commands import COMMAND, run

pytestmark = pytest.mark.integration

SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2}
WITHOUT_US = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "steeldefectx":
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocker())
"""


def outside(program, *words, blocked=True):
    """What a program prints that knows nothing of this package, as JSON."""
    done = subprocess.run(
        [sys.executable, *(["-I"] if blocked else []), "-c", WITHOUT_US * blocked + program, *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A small CLIP of the stock architecture, with random weights."""
    torch.manual_seed(0)
    folder, tiny = tmp_path_factory.mktemp("base"), load_clip("tiny")
    text = {"vocab_size": len(tiny.tokenizer), "max_position_embeddings": 77}
    text |= {"eos_token_id": tiny.tokenizer.eos_token_id}
    CLIPModel(
        CLIPConfig(text_config=SMALL | text, vision_config=SMALL | {"image_size": 96, "patch_size": 32})
    ).save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    tiny.image_processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name, level in (("dark", 60), ("bright", 190)):
        (folder / name).mkdir()
        for n in range(8):
            pixels = rng.normal(level, 10, (100, 100)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).convert("RGB").save(folder / name / f"{n}.png")
    return folder


def trained(base, images, out, method):
    run(COMMAND, "train", "--config", "class-folders", "--data-dir", images, "--model", base, "--method", method,
        "--train-text", "T0", "--epochs", 1, "--lr", 0.001, "--tracker", "none", "--output-dir", out)  # fmt: skip
    return out


def test_a_fine_tuned_clip_opens_with_automodel_and_the_zero_shot_pipeline(base, images, tmp_path):
    out, image = trained(base, images, tmp_path / "out", "full"), images / "dark" / "0.png"
    classifier = SteelDefectClassifier.from_pretrained(str(out))
    program = """
import json
from PIL import Image
from transformers import AutoModel, pipeline
assert type(AutoModel.from_pretrained(sys.argv[1], trust_remote_code=False)).__name__ == "CLIPModel"
classify = pipeline("zero-shot-image-classification", model=sys.argv[1], trust_remote_code=False)
found = classify(Image.open(sys.argv[2]), candidate_labels=json.loads(sys.argv[3]), hypothesis_template="{}")
print(json.dumps({one["label"]: one["score"] for one in found}))
"""
    texts = json.loads((out / "class_texts.json").read_text())
    sentences = {name: own[0] for name, own in texts.items()}
    scores = outside(program, out, image, json.dumps(list(sentences.values())))
    (prediction,) = classifier.predict([image], top_k=2)
    ours = dict(zip(prediction.labels, prediction.probabilities, strict=True))
    for name, sentence in sentences.items():
        assert scores[sentence] == pytest.approx(ours[name], abs=1e-4)


def test_lora_opens_with_peft(base, images, tmp_path):
    out, image = trained(base, images, tmp_path / "out", "lora"), images / "dark" / "0.png"
    program = """
import json, torch
from peft import PeftModel
from PIL import Image
from transformers import AutoImageProcessor, AutoModel
model = PeftModel.from_pretrained(AutoModel.from_pretrained(sys.argv[3]), sys.argv[1]).eval().base_model.model
pixels = AutoImageProcessor.from_pretrained(sys.argv[3], backend="pil")(Image.open(sys.argv[2]), return_tensors="pt")
with torch.inference_mode():
    print(json.dumps(model.get_image_features(**pixels).pooler_output[0].tolist()))
"""
    features = outside(program, out, image, base)
    np.testing.assert_allclose(features, image_features(load_checkpoint(str(out))[0], image), atol=1e-4)
    assert not np.allclose(features, image_features(load_clip(str(base)), image), atol=1e-4), "the adapter is in use"


def image_features(clip, image):
    pixels = torch.as_tensor(clip.to_pixels(Image.open(image)))[None]
    with torch.inference_mode():
        return clip.encode_images(pixels)[0].tolist()


EMBEDDED = """
import json, sys
import steeldefectx
assert "torch" not in sys.modules and "transformers" not in sys.modules
from transformers import AutoModel, AutoProcessor, pipeline
model = AutoModel.from_pretrained(sys.argv[1], dtype="float32").eval()
processor = AutoProcessor.from_pretrained(sys.argv[1])
assert type(processor).__name__ == "CLIPProcessor", type(processor)
from PIL import Image
image, texts = Image.open(sys.argv[2]), json.loads(sys.argv[3])
import torch
with torch.inference_mode():
    output = model(**processor(text=texts, images=image, return_tensors="pt", padding=True))
classify = pipeline("zero-shot-image-classification", model=sys.argv[1])
scores = {one["label"]: one["score"] for one in classify(image, candidate_labels=texts, hypothesis_template="{}")}
print(json.dumps([output.logits_per_image.softmax(-1)[0].tolist(), [scores[text] for text in texts]]))
"""


def test_our_own_model_type_opens_after_the_import(images):
    folder, image = Path(steeldefectx.__file__).parent / "embedded", images / "dark" / "0.png"
    texts = ["a scratch", "a pit", "a clean surface"]
    by_model, by_pipeline = outside(EMBEDDED, folder, image, json.dumps(texts), blocked=False)
    classifier = SteelDefectClassifier.from_pretrained("embedded", {text: text for text in texts})
    (prediction,) = classifier.predict([image], top_k=3)
    ours = dict(zip(prediction.labels, prediction.probabilities, strict=True))
    for text, from_model, from_pipeline in zip(texts, by_model, by_pipeline, strict=True):
        assert from_model == pytest.approx(ours[text], abs=1e-3)
        assert from_pipeline == pytest.approx(ours[text], abs=0.05), "in fp16, as the weights are stored"


@pytest.mark.parametrize(
    "first",
    ["from transformers import AutoTokenizer, AutoImageProcessor", "import steeldefectx.models.steel_clip"],
)  # fmt: skip
def test_whatever_is_imported_first(first):
    program = f"""
import json, sys, steeldefectx
{first}
from transformers import AutoModelForZeroShotImageClassification, AutoProcessor
model = AutoModelForZeroShotImageClassification.from_pretrained(sys.argv[1])
print(json.dumps([type(model).__name__, type(AutoProcessor.from_pretrained(sys.argv[1])).__name__]))
"""
    folder = Path(steeldefectx.__file__).parent / "embedded"
    assert outside(program, folder, blocked=False) == ["SteelCLIPModel", "CLIPProcessor"]

"""A checkpoint may come from anyone: what is wrong with it is said in a line, and nothing outside of it is touched."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub.constants import HF_HUB_CACHE
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

from steeldefectx.errors import ConfigError, ModelError
from steeldefectx.inference.eval_config import EvalConfig
from steeldefectx.inference.evaluation import own_recipe
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import load_checkpoint, save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import load_classifier, new_classifier

CLASSES = {"Crazing": ["a crack"], "Patches": ["a patch"]}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model, an adapter with its base, and an image classifier."""
    folder = tmp_path_factory.mktemp("saved")
    clip = load_clip("tiny")
    save_checkpoint(clip, CLASSES, folder / "full")
    clip.adapter = ClipAdapter(128)
    save_checkpoint(clip, CLASSES, folder / "adapter")
    config = ViTConfig(hidden_size=16, intermediate_size=32, num_attention_heads=2, num_hidden_layers=1, image_size=32,
                       patch_size=16, id2label=dict(enumerate(CLASSES)))  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder / "classifier")
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder / "classifier")
    return folder


@pytest.fixture
def copies(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "copies"))


def on_the_hub(folder, name):
    """A folder as the cache keeps a repository of the Hub: links to contents."""
    repository = Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    commit = "c" * 40
    for file in (file for file in folder.rglob("*") if file.is_file()):
        there = repository / "snapshots" / commit / file.relative_to(folder)
        there.parent.mkdir(parents=True, exist_ok=True)
        blob = repository / "blobs" / file.relative_to(folder).as_posix().replace("/", "-")
        blob.parent.mkdir(exist_ok=True)
        shutil.copy(file, blob)
        there.symlink_to(blob)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    return name


def change(file, **settings):
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (Path.touch, (self.file,))


@pytest.mark.parametrize("ending", ["bin", "pt", "pkl", "ckpt"])
@pytest.mark.parametrize("kind", ["full", "adapter", "adapter/base", "classifier"])
def test_a_pickle_is_refused_and_not_read(copies, tmp_path, kind, ending):
    folder = copies / kind
    weights = next(folder.glob("*.safetensors"))
    stem = {"model": "pytorch_model"}.get(weights.stem, weights.stem)
    (folder / f"{stem}.{ending}").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    weights.unlink()
    with pytest.raises(ModelError, match=rf"{stem}\.{ending}: a pickle.*Only safetensors") as error:
        load_checkpoint(str(copies / kind.split("/")[0]))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_beside_safetensors_is_left_alone(copies, tmp_path):
    for name in ("pytorch_model.bin", "adapter_model.bin", "training_args.bin"):
        for kind in ("full", "adapter", "classifier"):
            (copies / kind / name).write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    for kind in ("full", "adapter", "classifier"):
        load_checkpoint(str(copies / kind))
    assert not (tmp_path / "ran").exists()


def test_a_repository_without_safetensors_is_refused(copies):
    (copies / "full" / "model.safetensors").unlink()
    name = on_the_hub(copies / "full", "lab/pickled")
    for load in (load_checkpoint, load_clip, load_classifier):
        with pytest.raises(ModelError, match="lab/pickled: it has no safetensors"):
            load(name)


@pytest.mark.parametrize("kind", ["full", "classifier", "adapter"])
def test_code_that_comes_with_a_model_is_not_run(copies, tmp_path, kind, monkeypatch):
    """Nor is it asked for whether it may be."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    folder = copies / ("adapter/base" if kind == "adapter" else kind)
    (folder / "evil.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    classes = ("AutoConfig", "AutoModel", "AutoModelForImageClassification", "AutoTokenizer", "AutoImageProcessor")
    auto = {name: ["evil.Evil", "evil.Evil"] if name == "AutoTokenizer" else "evil.Evil" for name in classes}
    for name in ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json"):
        if (folder / name).is_file():
            change(folder / name, auto_map=auto)
    for model_type in (None, "evil"):
        if model_type:
            change(folder / "config.json", model_type=model_type)
        try:
            load_checkpoint(str(copies / kind))
        except ModelError:
            assert model_type or kind != "full", "a known model needs no code"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "base", ["../..", "../../base", "./base", "..", "~/base", "a/b/c", "base/../..", "file:///etc", "\\\\host\\share"]
)
def test_a_base_outside_of_the_folder_is_refused(copies, base):
    change(copies / "adapter" / "adapter_config.json", base_model_name_or_path=base)
    with pytest.raises(ModelError, match="leads out of the folder"):
        load_checkpoint(str(copies / "adapter"))


def test_an_absolute_base_is_one_of_this_machine_only(copies):
    change(copies / "adapter" / "adapter_config.json", base_model_name_or_path=str(copies / "full"))
    assert load_checkpoint(str(copies / "adapter"))[0].adapter is not None
    with pytest.raises(ModelError, match="leads out of the folder"):
        load_checkpoint(on_the_hub(copies / "adapter", "lab/absolute"))


def test_what_comes_from_the_hubs_cache_is_loaded(copies):
    _, classes = load_checkpoint(on_the_hub(copies / "adapter", "lab/adapter"))
    assert classes == CLASSES
    assert load_classifier(on_the_hub(copies / "classifier", "lab/classifier")).revision == "c" * 40


@pytest.mark.parametrize(
    "link", ["full/model.safetensors", "adapter/class_texts.json", "adapter/base", "adapter/base/config.json"]
)
def test_a_link_out_of_the_folder_is_refused(copies, tmp_path, link):
    secret = tmp_path / "elsewhere" / Path(link).name
    secret.parent.mkdir()
    (copies / link).rename(secret)
    (copies / link).symlink_to(secret)
    with pytest.raises(ModelError, match=rf"{link}: a link that leads out of its folder"):
        load_checkpoint(str(copies / link.split("/")[0]))


def test_a_link_within_the_folder_and_one_to_the_folder_are_followed(copies, tmp_path):
    (copies / "full" / "model.safetensors").rename(copies / "full" / "weights.safetensors")
    (copies / "full" / "model.safetensors").symlink_to("weights.safetensors")
    (tmp_path / "latest").symlink_to(copies / "full")
    assert load_checkpoint(str(tmp_path / "latest"))[1] == CLASSES


@pytest.mark.parametrize("path", ["../full/model.safetensors", "/etc/passwd", "..\\x", "a/b", 3, None])
def test_an_index_that_names_files_elsewhere_is_refused(copies, path):
    folder = copies / "classifier"
    weights = load_file(folder / "model.safetensors")
    names = dict.fromkeys(weights, "model-00001-of-00001.safetensors")
    save_file(weights, folder / "model-00001-of-00001.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").unlink()
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    assert load_checkpoint(str(folder))[0].classes == list(CLASSES)
    index.write_text(json.dumps({"metadata": {}, "weight_map": names | {min(names): path}}))
    with pytest.raises(ModelError, match="is no file of its folder"):
        load_checkpoint(str(folder))
    index.write_text(json.dumps({"weight_map": [path]}))
    with pytest.raises(ModelError, match="is no file of its folder"):
        load_checkpoint(str(folder))


def test_an_adapter_in_place_of_a_model_is_refused(copies):
    """The library would go to its base, wherever that is said to be."""
    shutil.copy(copies / "adapter" / "adapter_config.json", copies / "adapter" / "base")
    for name in (copies / "adapter", copies / "adapter" / "base"):
        for load in (load_clip, load_classifier, lambda name: new_classifier(name, ["a"], 32)):
            with pytest.raises(ModelError, match="an adapter"):
                load(str(name))
    with pytest.raises(ModelError, match="an adapter"):
        load_checkpoint(str(copies / "adapter"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no label map"),
        ('[["Crazing", ["a crack"]]]', "no label map"),
        ("{}", "empty"),
        ('{"Crazing": ["a"], "Crazing": ["b"]}', "'Crazing' is there twice"),
        ('{"Crazing": "a crack"}', "'Crazing' has no list of texts"),
        ('{"Crazing": []}', "'Crazing' has no list of texts"),
        ('{"Crazing": [1]}', "'Crazing' has no list of texts"),
        ('{"Crazing": {"a": 1}}', "'Crazing' has no list of texts"),
        ('{" ": ["a"]}', "' ' is no name"),
    ],
)
def test_a_label_map_that_is_none_is_refused(copies, content, words):
    (copies / "adapter" / "class_texts.json").write_text(content)
    with pytest.raises(ModelError, match=rf"class_texts\.json: .*{words}"):
        load_checkpoint(str(copies / "adapter"))


@pytest.mark.parametrize(
    ("id2label", "words"),
    [
        ({"0": "a", "1": "a"}, "'a' is there twice"),
        ({"0": "a", "2": "b"}, "not 0 to 1"),
        ({"0": "a", "1": None}, "None is no name"),
        ({"0": "a", "1": "b", "2": "c"}, "no model that can be loaded"),
        ({"0": "a"}, "no model that can be loaded"),
        ({"one": "a", "two": "b"}, "no model that can be loaded"),
        (["a", "b"], "no model that can be loaded"),
        ("ab", "no model that can be loaded"),
    ],
)
def test_a_classifiers_label_map_that_does_not_fit_is_refused(copies, id2label, words):
    change(copies / "classifier" / "config.json", id2label=id2label, label2id=None)
    with pytest.raises(ModelError, match=words) as error:
        load_checkpoint(str(copies / "classifier"))
    assert "\n" not in str(error.value)


def test_two_label_maps_that_differ_are_refused(copies):
    texts = copies / "classifier" / "class_texts.json"
    texts.write_text(json.dumps(CLASSES))
    assert list(load_checkpoint(str(copies / "classifier"))[1]) == list(CLASSES)
    for other in (dict(reversed(CLASSES.items())), {"Crazing": ["a"]}, CLASSES | {"Inclusion": ["i"]}):
        texts.write_text(json.dumps(other))
        with pytest.raises(ModelError, match="name different classes"):
            load_checkpoint(str(copies / "classifier"))


SETTINGS_FILES = ["full/config.json", "classifier/config.json", "adapter/adapter_config.json", "full/tokenizer.json",
                  "adapter/base/config.json"]  # fmt: skip


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"peft_type": 1}', '{"architectures": 3}', "\xff"])
@pytest.mark.parametrize("file", SETTINGS_FILES)
def test_settings_of_a_wrong_kind_are_refused_in_a_line(copies, file, content):
    (copies / file).write_text(content, "latin-1")
    with pytest.raises(ModelError) as error:
        load_checkpoint(str(copies / file.split("/")[0]))
    assert "\n" not in str(error.value)


def test_adapter_settings_that_lead_elsewhere_are_refused(copies):
    file = copies / "adapter" / "adapter_config.json"
    change(file, peft_type="XLORA", adapters={"0": "../other"})
    with pytest.raises(ModelError, match="made of other adapters"):
        load_checkpoint(str(copies / "adapter"))
    change(file, peft_type="CLIP_ADAPTER", adapters=None, revision=3)
    with pytest.raises(ModelError, match="not an adapter's configuration"):
        load_checkpoint(str(copies / "adapter"))


def test_weights_cut_off_are_refused(copies):
    for kind in ("full", "adapter", "classifier"):
        weights = next((copies / kind).glob("*.safetensors"))
        weights.write_bytes(weights.read_bytes()[:-100])
        with pytest.raises(ModelError):
            load_checkpoint(str(copies / kind))


@pytest.mark.parametrize("data_dir", [None, "/home/alice/images"])
def test_settings_of_a_run_on_the_hub_count_but_not_its_folders(copies, data_dir):
    recipe = {"config": "sample", "data_dir": data_dir, "t0_template": "A {}."}
    (copies / "full" / "results.json").write_text(json.dumps({"recipe": recipe}))
    here, there = str(copies / "full"), on_the_hub(copies / "full", f"lab/run-{data_dir is None}")
    assert EvalConfig(here).data_settings(own_recipe(here))["data_dir"] == data_dir
    if data_dir is None:
        found = EvalConfig(there).data_settings(own_recipe(there))
        assert (found["config"], found["t0_template"]) == ("sample", "A {}.")
    else:
        with pytest.raises(ConfigError, match="does not say what data it was trained on"):
            EvalConfig(there).data_settings(own_recipe(there))
    (copies / "full" / "results.json").write_text('{"recipe": 3}')
    with pytest.raises(ModelError, match="no recipe"):
        own_recipe(here)


def test_tensors_are_what_the_safe_file_holds(copies):
    """What is refused above is refused for what was changed: as saved, all load."""
    clip, _ = load_checkpoint(str(copies / "full"))
    stored = load_file(copies / "full" / "model.safetensors")
    assert all(torch.equal(tensor, clip.model.state_dict()[name]) for name, tensor in stored.items())

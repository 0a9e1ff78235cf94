import pytest
import yaml

from steeldefectx.errors import ConfigError
from steeldefectx.training.config import METHODS, RECIPE_OF_METHOD, RECIPES, TrainConfig, default_recipe, load_recipe


@pytest.mark.parametrize("file", [f for f in RECIPES.iterdir() if f.name.endswith(".yaml")], ids=lambda f: f.name)
def test_every_shipped_recipe_is_valid(file):
    settings = load_recipe(file.name.removesuffix(".yaml"))
    assert TrainConfig(**settings).method == settings["method"]


def test_each_method_has_a_recipe():
    for method in ("clip-adapter", "lora", "ia3", "ln-tuning", "full"):
        assert load_recipe(default_recipe(method, "some/clip"))["method"] == method
    assert default_recipe("dora", "some/clip") == default_recipe("clip-adapter+dora", "some/clip") == "lora"
    assert {method.split("+")[-1] for method in METHODS} == RECIPE_OF_METHOD.keys()
    assert default_recipe("full", "tiny") == "from-scratch"


def test_without_a_method_a_model_of_the_package_is_trained_in_full():
    assert default_recipe(None, "embedded") == default_recipe("full", "embedded") == "embedded"
    assert default_recipe("lora", "embedded") == "lora"
    for model in ("embedded", "tiny"):
        assert load_recipe(default_recipe(None, model))["method"] == "full"
    assert load_recipe(default_recipe(None, "some/clip"))["method"] == "clip-adapter"


def test_the_task2_recipe_is_the_published_one():
    config = TrainConfig(**load_recipe("task2"))
    assert (config.method, config.ratio, config.lr, config.epochs) == ("clip-adapter", 0.2, 1e-4, 20)
    assert (config.train_text, config.test_text) == ("T3", "T0")
    assert (config.weight_decay, config.schedule, config.warmup) == (0.0, "constant", 0.0)


def test_the_task1_recipe_is_the_published_one():
    config = TrainConfig(**load_recipe("task1"))
    assert (config.optimizer, config.lr, config.weight_decay, config.epochs) == ("sgd", 0.1, 1e-4, 100)
    assert (config.schedule, config.step_epochs, config.warmup) == ("step", 30, 0.0)
    assert (config.mixup, config.label_smoothing, config.ema) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("method", "model", "recipe"),
    [
        ("classifier", "tiny", "task1-strong"),
        ("classifier", "embedded", "task1-strong"),
        ("classifier", "vit-base-16", "task1-strong"),
        (None, "resnet-18", "task1-strong"),
        ("classifier", "some/classifier", "finetune"),
    ],
)
def test_a_classifier_has_a_recipe_for_random_weights_and_one_for_pretrained_ones(method, model, recipe):
    assert default_recipe(method, model) == recipe
    assert load_recipe(recipe)["method"] == "classifier"


def test_a_recipe_file_of_ones_own(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("method: full\nlr: 1e-4\nepochs: 3\n")  # YAML reads 1e-4 as a string
    assert load_recipe(str(file)) == {"method": "full", "lr": 1e-4, "epochs": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("learning_rate: 1", "unknown setting 'learning_rate'"),
        ("lr: fast", "'fast' is not a float"),
        ("- a\n- b", "a recipe is a list of"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_bad_recipe_says_what_is_wrong(tmp_path, content, message):
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message) as error:
        load_recipe(str(file))
    assert "bad.yaml" in str(error.value)


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"task2, task2-strong"):
        load_recipe("nonsense")


@pytest.mark.parametrize(
    "bad",
    [
        {"method": "prompt"},
        {"train_text": "T9"},
        {"epochs": 0},
        {"ratio": 1.5},
        {"t0_template": "no name"},
        {"loss": "mse"},
        {"adapter_on": "text", "method": "lora"},
        {"towers": "image", "method": "clip-adapter"},
        {"towers": "text", "method": "full"},
        {"loss": "class-prompts", "train_text": "T3", "method": "lora"},
        {"model": "tiny", "method": "classifier"},
        {"model": "resnet-18", "method": "full"},
        {"loss": "siglip", "method": "classifier", "model": "resnet-18"},
        {"mixup": -1.0, "method": "classifier", "model": "resnet-18"},
        {"mixup": 0.2},
        {"label_smoothing": 0.1},
        {"ema": 1.5},
        {"image_size": 0},
        {"lr": float("nan")},
        {"lr": float("inf")},
        {"weight_decay": float("nan")},
        {"lora_alpha": float("nan")},
        {"optimizer": "lion"},
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        TrainConfig(**bad)


def test_a_mirror_never_meets_a_text_that_names_locations():
    assert TrainConfig(train_text="T1").augmentation == "geometric"
    assert TrainConfig(train_text="T3").augmentation == "photometric"
    assert TrainConfig(train_text="T3", augment="none").augmentation == "none"
    assert TrainConfig(method="classifier", model="resnet-18", train_text="T3").augmentation == "geometric"


def test_a_written_recipe_repeats_the_run(tmp_path):
    config = TrainConfig(method="full", lr=3e-4, seed=7, data_dir="raw", output_dir="elsewhere")
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(config.resolved()))
    assert TrainConfig(**load_recipe(str(file))).resolved() == config.resolved()

"""Settings of a training run: defaults, then a recipe, then flags."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from steeldefectx.errors import ConfigError
from steeldefectx.models.names import BACKBONES, CLASSIFIER, CLIP_ADAPTER, PEFT_METHODS
from steeldefectx.taxonomy import T0_TEMPLATE, TEXT_LEVELS
from steeldefectx.utils.flag_fields import setting
from steeldefectx.utils.spelling import did_you_mean

RECIPES = resources.files("steeldefectx") / "recipes"
METHODS = (CLIP_ADAPTER, *PEFT_METHODS, *(f"{CLIP_ADAPTER}+{name}" for name in PEFT_METHODS), "full", CLASSIFIER)
SIDES = ("both", "image", "text")
LOSSES = ("contrastive", "same-text", "siglip", "class-prompts")
AUGMENTATIONS = ("auto", "none", "photometric", "geometric", "randaugment")
OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("constant", "cosine", "step")
PRECISIONS = ("auto", "fp32", "bf16")
TRACKERS = ("tensorboard", "trackio", "wandb", "none")
NOT_IN_RESULTS = ("recipe", "output_dir", "overwrite", "resume", "snapshot_minutes", "tracker", "push_to_hub")
"""Settings that change where things go, not what comes out."""
RECIPE_OF_METHOD = {
    "clip-adapter": "task2",
    "lora": "lora",
    "dora": "lora",
    "ia3": "ia3",
    "ln-tuning": "ln-tuning",
    "full": "full",
    CLASSIFIER: "finetune",
}
"""A stacked method takes that of what it has in the towers."""
RECIPE_OF_MODEL = {"embedded": "embedded", "tiny": "from-scratch"}
"""Of the CLIPs that come with the package all weights are trained where no method is named: they are small."""


@dataclass
class TrainConfig:
    """Everything a run depends on. Each field is a flag of ``steeldefectx train`` and a key of a recipe."""

    recipe: str | None = setting(
        None,
        "Recipe: a name in steeldefectx/recipes or a YAML file. Flags override it. "
        "Without one: embedded for the model embedded, from-scratch for tiny, task1-strong for shufflenet-v2 and "
        "other classifiers by name, else that of the method (task2, lora, ia3, ln-tuning, full, finetune).",
    )
    config: str = setting(
        "auto",
        "Data: default (the 25 classes, from --data-dir or else the public release, downloaded once), class-folders "
        "(your own images, in any layout that is read), sample (synthetic), msd-cls or cgfsds-9. auto: default where "
        "--data-dir holds known sources or is not given, else class-folders.",
    )
    data_dir: str | None = setting(None, "Folder with your copies of the source data sets, or with your own images.")
    skip_bad: bool = setting(False, "Leave out images that cannot be used instead of stopping.")
    gc10: str = setting(
        "crop", "GC10-DET: crop around the boxes of a sample's class, or whole images.", choices=("crop", "whole")
    )
    page: int = setting(0, "Page or frame that is read, of image files of several, counted from 0.")
    zip_encoding: str | None = setting(None, "Of names in zips that do not say it: gbk, shift_jis, cp437 ...")
    layout: str = setting("auto", "Your own images: the layout to read them by, where a folder has several.")
    boxes: str = setting(
        "crop",
        "Your own images: a crop around each annotated box, or whole images, once a class.",
        choices=("crop", "whole"),
    )
    split_by: str = setting(
        "auto",
        "rule: 7:3 class by class, as published; grouped: the same, with near-duplicates on one side; auto: grouped "
        "for class folders, else rule.",
        choices=("auto", "rule", "grouped"),
    )
    t0_template: str = setting(T0_TEMPLATE, "T0 sentence with {} for the class name.")
    t1_file: str | None = setting(
        None, "T1 by class: YAML, class or folder name to sentence, as describe-classes writes.", aliases=["--classes"]
    )
    t1: list[str] | None = setting(
        None,
        'T1 of one class, as --class "Blowhole: a round dark cavity"; repeatable, and before the file\'s.',
        aliases=["--class"],
        action="extend",
    )
    annotations: str | None = setting(None, "T2 and T3: annotations.jsonl, or an annotation store.")
    model: str = setting(
        "embedded",
        "A CLIP: Hub id, folder, or, without a download, embedded (small, pretrained on rendered defects) or tiny "
        "(small, random weights). With the method classifier: an image classifier by Hub id or folder, or one with "
        f"random weights: {', '.join(BACKBONES)}.",
    )
    method: str = setting(
        "clip-adapter",
        "How to adapt the model. clip-adapter: a small part behind frozen towers, trained on features that are "
        "computed once. lora, dora, ia3, ln-tuning: few weights inside the towers (PEFT). clip-adapter+lora and "
        "the like: both, trained together. full: all weights. classifier: an image classifier without texts, all "
        "weights.",
        choices=METHODS,
    )
    adapter_on: str = setting("image", "clip-adapter: which features it adapts.", choices=SIDES)
    towers: str = setting("both", "lora, dora, ia3, ln-tuning: which towers they go into.", choices=SIDES)
    train_text: str = setting("T3", "Text level trained on.", choices=TEXT_LEVELS)
    test_text: str = setting("T0", "Text level that the classes are tested with.", choices=TEXT_LEVELS)
    loss: str = setting(
        "contrastive",
        "What is minimized. contrastive: cross-entropy over the batch's pairs, images of the same text equally "
        "near to it. same-text: as that, but one near image of a text will do (MIL-NCE). siglip: each pair by itself, "
        "match or not. class-prompts: cross-entropy over all classes by their training texts, which are not cut.",
        choices=LOSSES,
    )
    epochs: int = setting(20, "Passes over the training images.")
    lr: float = setting(1e-4, "Peak learning rate.")
    batch_size: int = setting(32, "Images in a step, over all processes.")
    optimizer: str = setting(
        "adamw",
        "adamw, with gradients clipped to a norm of 1 where towers are trained; sgd: with momentum 0.9, not clipped.",
        choices=OPTIMIZERS,
    )
    weight_decay: float = setting(0.0, "Weight decay, on matrices only; 0 makes AdamW Adam.")
    schedule: str = setting("constant", "Learning rate over time.", choices=SCHEDULES)
    step_epochs: int = setting(30, "schedule step: epochs after which the learning rate falls to a tenth.")
    warmup: float = setting(0.0, "Share of the steps in which the learning rate rises to its peak.")
    augment: str = setting(
        "auto",
        "Variation of the images, for every method but clip-adapter alone. geometric mirrors and crops, "
        "photometric changes only brightness and contrast; randaugment mirrors, crops, and does two more things to an "
        "image out of eleven, as rotating it or erasing a part; auto: geometric for T0, T1 and no text, photometric "
        "for T2 and T3, whose words on location a mirror would falsify.",
        choices=AUGMENTATIONS,
    )
    views: int = setting(
        1, "clip-adapter: the image itself and this many less one varied views of it are encoded and kept (--augment)."
    )
    crop_text: float = setting(
        0.0, "Probability of cutting a training text after one of its clauses, for texts that vary."
    )
    label_smoothing: float = setting(0.0, "classifier: share of each target that is spread over all classes.")
    mixup: float = setting(
        0.0, "classifier: images and their targets are blended in pairs, shares from Beta(this, this); 0: not."
    )
    image_size: int = setting(
        224, "classifier with random weights: side that images are resized to; pretrained ones keep theirs."
    )
    ema: float = setting(
        0.0,
        "Decay, such as 0.999, of a moving average of the weights over the steps; it is what is evaluated and saved. "
        "0: the last weights.",
    )
    ratio: float = setting(0.2, "clip-adapter: share of the adapted feature.")
    lora_rank: int = setting(2, "lora, dora: rank.")
    lora_alpha: float = setting(1.0, "lora, dora: scale is alpha / rank.")
    lora_dropout: float = setting(0.25, "lora, dora: dropout on its input.")
    validation: float = setting(
        0.0,
        "Share of the training images held out and reported on instead of the test split, to choose settings.",
    )
    hold_out: float = setting(
        0.0,
        "Share of the training images held out to score every epoch by; the checkpoint is that of the best one. "
        "The test split is scored once, after that.",
    )
    seed: int = setting(0, "Seed of everything random.")
    precision: str = setting(
        "auto",
        "bf16 computes faster where the device can multiply it; auto: on GPUs. With bf16 frozen towers encode in it "
        "alone, trained towers mix it with fp32.",
        choices=PRECISIONS,
    )
    accumulate: int = setting(
        1, "Parts that a batch goes through the towers in, to fit into memory. The loss sees all of the batch."
    )
    compile: bool = setting(False, "torch.compile the towers.")
    output_dir: str = setting(
        "runs/latest", "Folder for checkpoint, results.json, recipe.yaml and log.", aliases=["--out"]
    )
    resume: bool = setting(False, "Go on from the snapshot that a killed run of the same settings has left there.")
    snapshot_minutes: float = setting(5.0, "Minutes from one snapshot to the next.")
    tracker: str = setting("tensorboard", "Where losses are shown while it trains.", choices=TRACKERS)
    push_to_hub: str | None = setting(
        None,
        "OWNER/NAME on the Hub that checkpoint, results and a card are pushed to at the end, private if it is new. "
        "Needs a token that may write: HF_TOKEN, or `hf auth login`.",
    )
    overwrite: bool = setting(False, "Run again although the folder holds this very run's results.")

    def __post_init__(self) -> None:
        if self.config == "auto" and self.data_dir is None:
            self.config = "default"
        for item in fields(self):
            value, choices = getattr(self, item.name), item.metadata.get("choices")
            if choices and value not in choices:
                names = ", ".join(map(str, choices))
                raise ConfigError(f"{item.name} {value!r}. {did_you_mean(value, choices)}Choose one of {names}.")
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{item.name} must be a finite number, not {value}.")
        for name in ("epochs", "batch_size", "lr", "lora_rank", "step_epochs", "views", "accumulate", "image_size"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be above 0, not {getattr(self, name)}.")
        for name in (
            "warmup",
            "crop_text",
            "ratio",
            "validation",
            "hold_out",
            "lora_dropout",
            "label_smoothing",
            "ema",
        ):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie between 0 and 1, not {getattr(self, name)}.")
        if self.adapter_on != "image" and not self.uses_clip_adapter:
            raise ConfigError(
                f"adapter_on {self.adapter_on!r} is a setting of clip-adapter; the method {self.method} has none."
            )
        if self.towers != "both" and self.peft_method is None:
            raise ConfigError(
                f"towers {self.towers!r} is a setting of {', '.join(PEFT_METHODS)}; the method is {self.method}."
            )
        if self.method == CLASSIFIER:
            self._check_classifier()
        else:
            self._check_clip()
        if self.loss == "class-prompts" and self.train_text in ("T2", "T3") and self.method != CLIP_ADAPTER:
            raise ConfigError(
                f"loss class-prompts encodes all texts of all classes in every step: {self.train_text} has too many "
                f"for {self.method}. Give --train-text T0 or T1, or --method {CLIP_ADAPTER}, which encodes them once."
            )
        if "{}" not in self.t0_template:
            raise ConfigError(f"t0_template {self.t0_template!r} lacks the {{}} that the class name goes into.")

    def _check_classifier(self) -> None:
        if self.model in RECIPE_OF_MODEL:
            raise ConfigError(
                f"model {self.model!r} is a CLIP, method classifier trains an image classifier: give a Hub id, a "
                f"folder, or one of {', '.join(BACKBONES)}."
            )
        if self.loss != TrainConfig.loss:
            raise ConfigError(f"loss {self.loss!r} is one over texts; the method classifier has cross-entropy only.")
        if self.mixup < 0:
            raise ConfigError(f"mixup must be 0 or above, not {self.mixup}.")

    def _check_clip(self) -> None:
        if self.model in BACKBONES:
            raise ConfigError(
                f"model {self.model!r} is an image classifier: give --method classifier, or a CLIP for {self.method}."
            )
        for name in ("label_smoothing", "mixup"):
            if getattr(self, name):
                raise ConfigError(f"{name} is a setting of the method classifier; the method is {self.method}.")

    @property
    def uses_clip_adapter(self) -> bool:
        """Whether there is a CLIP-Adapter, alone or behind adapted towers."""
        return self.method.split("+")[0] == CLIP_ADAPTER

    @property
    def peft_method(self) -> str | None:
        """What of ``PEFT_METHODS`` is in the towers, if any."""
        name = self.method.split("+")[-1]
        return name if name in PEFT_METHODS else None

    @property
    def augmentation(self) -> str:
        """``augment`` with ``auto`` resolved: nothing that would make the training text untrue."""
        if self.augment != "auto":
            return self.augment
        names_locations = self.method != CLASSIFIER and self.train_text in ("T2", "T3")
        return "photometric" if names_locations else "geometric"

    def resolved(self) -> dict[str, Any]:
        """All settings that the result depends on, as a recipe file has them."""
        return {k: v for k, v in asdict(self).items() if k not in NOT_IN_RESULTS}


def default_recipe(method: str | None, model: str) -> str:
    """The recipe that is taken when none is named, from the flags for method and model (None: not given)."""
    if model in BACKBONES or (method == CLASSIFIER and model in RECIPE_OF_MODEL):
        return "task1-strong"
    if model in RECIPE_OF_MODEL and method in (None, "full"):
        return RECIPE_OF_MODEL[model]
    return RECIPE_OF_METHOD.get((method or CLIP_ADAPTER).split("+")[-1], "task2")


def load_recipe(name: str) -> dict[str, Any]:
    """Settings in a recipe, by name or file.

    Raises:
        ConfigError: No such recipe, not a YAML mapping, an unknown setting or a value of the wrong type.
    """
    shipped = {Path(str(f)).stem: f for f in RECIPES.iterdir() if str(f).endswith(".yaml")}
    source = shipped.get(name, Path(name).expanduser())
    if not source.is_file():
        raise ConfigError(
            f"No recipe {name!r}. {did_you_mean(name, shipped)}Give a YAML file or one of {', '.join(sorted(shipped))}."
        )
    try:
        settings = yaml.safe_load(source.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: not valid YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{source}: a recipe is a list of `setting: value` lines.")
    return {key: _checked(key, value, str(source)) for key, value in settings.items()}


def _checked(key: str, value: Any, source: str) -> Any:
    """A recipe's value in the type of its setting; YAML reads 1e-4 as a string."""
    known = {f.name: f for f in fields(TrainConfig)}
    if key not in known or key in ("recipe", "overwrite"):
        raise ConfigError(f"{source}: unknown setting {key!r}; the settings are {', '.join(known)}.")
    default = known[key].default
    kind: Any = str if default is None else type(default)
    try:
        return value if value is None or isinstance(value, bool) else kind(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{source}: {key}: {value!r} is not a {kind.__name__}.") from error

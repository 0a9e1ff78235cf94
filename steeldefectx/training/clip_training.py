"""A CLIP in training: a method put on it, what its steps take, how it is scored and saved."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from steeldefectx.data.labelled import Data, Split, class_texts
from steeldefectx.features.encoding import Features
from steeldefectx.features.logits import class_logits
from steeldefectx.features.pixels import PixelStore
from steeldefectx.metrics.scores import scores
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import Clip, feature_width, load_clip
from steeldefectx.models.names import CLIP_ADAPTER
from steeldefectx.models.peft_adapters import add_peft
from steeldefectx.training.clip_inputs import FeatureInputs, PixelInputs
from steeldefectx.training.clip_modules import ClipModule, FrozenTowers, TrainedTowers
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.text_bank import TextBank
from steeldefectx.utils.results import Stopwatch

BIAS_IMAGES = 64
"""Images that the first value of the loss siglip's bias is computed from."""


class ClipTraining:
    """A CLIP with a method on it, scored zero-shot before anything is trained.

    Args:
        config: All settings.
        data: All data; of the test split only the score before training is taken.
        train: The images to train on.
        accelerator: Of this process.
        dtype: What frozen towers compute the features in that are trained on; scores are computed in fp32.
        watch: Takes the times.

    Raises:
        DataError: A text level that the data lack.
        ModelError: A model that cannot be loaded.
        ConfigError: Settings that do not fit together.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: Data,
        train: Split,
        accelerator: Accelerator,
        dtype: torch.dtype,
        watch: Stopwatch,
    ):
        self.config, self.device = config, accelerator.device
        self.train_data = Data(data.classes, {"train": train})
        test = data.split("test")
        texts, self.prompts = train.level(config.train_text), class_texts(data, config.test_text)
        with watch("load_model"):
            set_seed(config.seed)
            self.clip = clip = load_clip(config.model)
            clip.to(self.device)
            clip.report_cut(texts, f"{config.train_text} training")
            clip.report_cut([text for texts_of_class in self.prompts for text in texts_of_class],
                            f"{config.test_text} class")  # fmt: skip
        with accelerator.main_process_first(), watch("zero_shot"):
            self.features = Features(clip, self.device, dtype)
            self.scored_features, self.encoders = self.features, [self.features]
            if dtype != torch.float32:
                self.scored_features = Features(clip, self.device)
                self.encoders.append(self.scored_features)
            zero_shot = scores(class_logits(self.scored_features, test, self.prompts), test.labels, data.classes)
            self.before_training = {key: zero_shot[key] for key in ("accuracy", "mean_accuracy")}
        self.text_bank = TextBank(texts, config.crop_text)
        if config.loss == "class-prompts":
            self.text_bank.add_classes(class_texts(self.train_data, config.train_text))
        with accelerator.main_process_first(), watch("prepare"):
            self.module, self.inputs = _apply_method(config, clip, self.features, train, self.text_bank)

    def held_out_logits(self, held_out: Split) -> torch.Tensor:
        """Logits (N, C) of held-out images, by the texts of the others."""
        encoder = self.scored_features
        if self.module.trains_model:
            encoder = Features(self.clip, self.device, keep=False)
        return class_logits(encoder, held_out, class_texts(self.train_data, self.config.test_text))

    def test_logits(self, test: Split) -> torch.Tensor:
        """Logits (N, C) of the test images, once all is trained."""
        if self.module.trains_model:
            self.scored_features = Features(self.clip, self.device)
            self.encoders.append(self.scored_features)
        return class_logits(self.scored_features, test, self.prompts)

    def results(self) -> dict[str, Any]:
        """What ``results.json`` says of texts and towers."""
        return {
            "model_revision": self.clip.revision,
            "train_text": self.config.train_text,
            "test_text": self.config.test_text,
            "before_training": self.before_training,
            "encoded": {
                "images": sum(encoder.encoded_images for encoder in self.encoders),
                "texts": sum(encoder.encoded_texts for encoder in self.encoders),
            },
        }

    def save(self, folder: Path) -> None:
        """Write the checkpoint."""
        save_checkpoint(self.clip, dict(zip(self.train_data.classes, self.prompts, strict=True)), folder)


def _apply_method(
    config: TrainConfig, clip: Clip, features: Features, train: Split, bank: TextBank
) -> tuple[ClipModule, FeatureInputs | PixelInputs]:
    """Put the method on the model: the module to train, and what its steps take."""
    device = features.device
    loss: dict[str, Any] = {"loss": config.loss}
    if bank.classes is not None:
        loss["class_counts"] = bank.classes.counts
    if config.loss == "siglip":
        loss["bias"] = _initial_bias(clip, features, train, bank, config.batch_size)
    if config.uses_clip_adapter:
        width = feature_width(clip)
        if config.adapter_on != "text":
            clip.adapter = ClipAdapter(width, config.ratio).to(device)
        if config.adapter_on != "image":
            clip.text_adapter = ClipAdapter(width, config.ratio).to(device)
    if config.method == CLIP_ADAPTER:
        clip.model.requires_grad_(False)
        views = [features.images(train)]
        views += [features.images(train, config.augmentation, view) for view in range(1, config.views)]
        return FrozenTowers(clip, **loss), FeatureInputs(torch.stack(views), features.texts(bank.forms), device)
    if config.peft_method is not None:
        add_peft(clip, config.peft_method, config.towers, asdict(config))
    elif getattr(clip.model, "dense", None) is not None:
        # They make maps alone, which no loss here reaches: several processes would wait for their gradients.
        clip.model.dense.text_query.requires_grad_(False)
        if clip.model.localizer is not None:
            clip.model.localizer.requires_grad_(False)
    tokens = dict(clip.tokenize(bank.forms))
    inputs = PixelInputs(PixelStore(train, clip), tokens, config.augmentation, device)
    return TrainedTowers(clip, keep_statistics=config.peft_method is not None, **loss), inputs


def _initial_bias(clip: Clip, features: Features, train: Split, bank: TextBank, batch_size: int) -> nn.Parameter:
    """SigLIP's own bias; for a CLIP one that is learnt with the rest and then dropped, as it changes no ranking.

    The published -10 belongs to the published scale of 10. With that of a trained CLIP it would call every pair a
    match, so an average pair starts with the odds that a pair has of matching by chance, 1 to the batch size.
    """
    if "logit_bias" in clip.model.state_dict():
        return clip.model.logit_bias
    rows = np.random.default_rng(0).permutation(len(train))[:BIAS_IMAGES]
    with torch.inference_mode():
        images = features.images(train.part(np.isin(np.arange(len(train)), rows))).to(features.device)
        texts = features.texts([bank.forms[bank.first[n]] for n in bank.of_image[rows]]).to(features.device)
        cosines = clip.model.logit_scale.exp() * clip.embed_images(images) @ clip.embed_texts(texts).T
        average = cosines.mean().item()
    return nn.Parameter(torch.tensor(-average - math.log(batch_size), device=features.device))

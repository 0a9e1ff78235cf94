"""A CLIP in training: what the loop takes of it, and how it is scored and saved."""

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
from steeldefectx.training.config import TrainConfig
from steeldefectx.training.inputs import ClipForward, FrozenForward, FrozenInputs, TextBank, TowerForward, TowerInputs
from steeldefectx.utils.results import Stopwatch

BIAS_SAMPLE = 64
"""Images that the loss siglip's bias is begun from."""


class ClipTraining:
    """A CLIP with a method on it, scored zero-shot before anything is trained.

    Args:
        config: All settings.
        data: All data; of the test split only the score before training is taken.
        train: The images to train on.
        accelerator: Of this process.
        dtype: What frozen towers compute in.
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
        self.config, self.device, self.dtype = config, accelerator.device, dtype
        self.known = Data(data.classes, {"train": train})
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
            self.features = self.encoded = Features(clip, self.device, dtype)
            before = scores(class_logits(self.features, test, self.prompts), test.labels, data.classes)
            self.before = {key: before[key] for key in ("accuracy", "mean_accuracy")}
        self.bank = TextBank(texts, config.crop_text)
        if config.loss == "class-prompts":
            self.bank.add_classes(class_texts(self.known, config.train_text))
        with accelerator.main_process_first(), watch("prepare"):
            self.module, self.inputs = _prepare(config, clip, self.features, train, self.bank)

    def held_out_logits(self, held_out: Split) -> torch.Tensor:
        """Logits (N, C) of held-out images, by the texts of the others."""
        encoder = self.features
        if self.module.trains_towers:
            encoder = Features(self.clip, self.device, self.dtype, keep=False)
        return class_logits(encoder, held_out, class_texts(self.known, self.config.test_text))

    def test_logits(self, test: Split) -> torch.Tensor:
        """Logits (N, C) of the test images, once all is trained."""
        if self.module.trains_towers:
            self.encoded = Features(self.clip, self.device, self.dtype)
        return class_logits(self.encoded, test, self.prompts)

    def results(self) -> dict[str, Any]:
        """What ``results.json`` says of texts and towers."""
        encoders = [self.features] if self.encoded is self.features else [self.features, self.encoded]
        return {
            "model_revision": self.clip.revision,
            "train_text": self.config.train_text,
            "test_text": self.config.test_text,
            "before_training": self.before,
            "encoded": {
                "images": sum(encoder.encoded_images for encoder in encoders),
                "texts": sum(encoder.encoded_texts for encoder in encoders),
            },
        }

    def save(self, folder: Path) -> None:
        """Write the checkpoint."""
        save_checkpoint(self.clip, dict(zip(self.known.classes, self.prompts, strict=True)), folder)


def _prepare(
    config: TrainConfig, clip: Clip, features: Features, train: Split, bank: TextBank
) -> tuple[ClipForward, FrozenInputs | TowerInputs]:
    """Put the method on the model, and make what its steps take."""
    device = features.device
    loss: dict[str, Any] = {"loss": config.loss}
    if bank.classes is not None:
        loss["class_counts"] = bank.classes.counts
    if config.loss == "siglip":
        loss["bias"] = _loss_bias(clip, features, train, bank, config.batch_size)
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
        return FrozenForward(clip, **loss), FrozenInputs(torch.stack(views), features.texts(bank.forms), device)
    if config.peft_method is not None:
        add_peft(clip, config.peft_method, config.towers, asdict(config))
    tokens = dict(clip.tokenize(bank.forms))
    inputs = TowerInputs(PixelStore(train, clip), tokens, config.augmentation, device)
    return TowerForward(clip, keep_statistics=config.peft_method is not None, **loss), inputs


def _loss_bias(clip: Clip, features: Features, train: Split, bank: TextBank, batch_size: int) -> nn.Parameter:
    """SigLIP's own bias, or one that is learnt with the rest and then, as it moves no ranking, forgotten.

    The published -10 belongs to the published scale of 10. With that of a trained CLIP it would call every pair a
    match, so an average pair starts with the odds that a pair has of matching by chance, 1 to the batch size.
    """
    if "logit_bias" in clip.model.state_dict():
        return clip.model.logit_bias
    some = np.random.default_rng(0).permutation(len(train))[:BIAS_SAMPLE]
    with torch.inference_mode():
        image = clip.embed_images(features.images(train.part(np.isin(np.arange(len(train)), some))).to(features.device))
        text = clip.embed_texts(
            features.texts([bank.forms[bank.first[n]] for n in bank.of_image[some]]).to(image.device)
        )
        average = (clip.model.logit_scale.exp() * image @ text.T).mean().item()
    return nn.Parameter(torch.tensor(-average - math.log(batch_size), device=features.device))

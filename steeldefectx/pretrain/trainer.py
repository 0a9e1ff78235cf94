"""Contrastive pretraining of a small CLIP on rendered images.

An image is told apart by class, against a text of each class that is worded anew in every step, and, for a share of
the images, from the others of the batch by its own description. Texts of one class are never held against an image
of it; a description of another image of the same class is, for it says where and how large.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from steeldefectx.errors import ConfigError
from steeldefectx.language.scene_truth import fact_sizes
from steeldefectx.models.clip import EMBEDDED_FOLDER, load_clip
from steeldefectx.models.from_scratch import Sizes, learn_tokenizer, new_model, new_processor, take_over
from steeldefectx.models.loading import quietly
from steeldefectx.models.names import EMBEDDED
from steeldefectx.models.precision import dtype_for
from steeldefectx.models.steel_clip import SteelCLIPModel
from steeldefectx.pretrain.composed_stream import ComposedBatch
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.pretrain.objectives import FactHeads, mask_loss, truth_loss
from steeldefectx.pretrain.stream import Batch, batches, class_texts, corpus
from steeldefectx.training.loop import MAX_GRADIENT_NORM, parameter_groups, refuse_divergence
from steeldefectx.training.losses import contrastive_loss
from steeldefectx.training.schedules import half_cosine, linear_rise, warmup_steps
from steeldefectx.training.snapshot import Snapshots, load_trained_state
from steeldefectx.training.weight_average import WeightAverage
from steeldefectx.utils.fingerprint import code_hash
from steeldefectx.utils.results import versions, write_json

VOCABULARY = 4096
MODEL = "model"
"""Folder inside a run's that the finished model is saved in."""
LOG, RECIPE = "log.jsonl", "recipe.json"
FACTS = "facts.safetensors"
"""The heads that facts are told by, which no user of the model needs, for a run that goes on from it."""
MINUTES = 3.0
"""From one snapshot to the next."""
LOGGED = 50
"""Steps from one line of the log to the next."""
TEXTS_AT_ONCE = 32
HIGHEST_SCALE = 100.0
"""Of the logits, as in CLIP (Radford et al. 2021, section 2.5)."""
CODE = (
    "pretrain/config.py",
    "pretrain/stream.py",
    "pretrain/trainer.py",
    "models/from_scratch.py",
    "models/localizer.py",
    "models/steel_clip.py",
    "taxonomy.py",
    "language/attributes.py",
    "language/class_wordings.py",
    "language/descriptions.py",
    "language/mask_geometry.py",
    "language/appearance.py",
    "language/lexicon/*.py",
    "language/lexicon/*.yaml",
    "language/scene_*.py",
    "pretrain/composed_stream.py",
    "pretrain/localizer.py",
    "pretrain/masks.py",
    "pretrain/objectives.py",
    "render/*.py",
    "render/composed/*.py",
    "render/defects/*.py",
    "training/losses.py",
    "training/schedules.py",
    "training/weight_average.py",
)
"""What a run's weights depend on beside its settings."""
NOT_OF_WEIGHTS = ("out", "workers", "resume")
"""Settings that change no weight."""


def pretrain(config: PretrainConfig) -> Path:
    """Train a new model, or go on with it; a run that is finished already is not run again.

    Args:
        config: Settings.

    Returns:
        The folder of the finished model, in ``save_pretrained`` form, with averaged weights in fp32.

    Raises:
        ConfigError: The folder has a snapshot of a run with other settings, or the loss is no longer finite.
    """
    folder, device = Path(config.out), PartialState().device
    folder.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in asdict(config).items() if name not in NOT_OF_WEIGHTS}
    if config.init:
        settings["init"] = load_clip(config.init).fingerprint()
    identity = {"settings": settings, "code": code_hash(*CODE)}
    if config.resume and (folder / RECIPE).is_file():
        finished = json.loads((folder / RECIPE).read_text("utf-8"))
        if identity.items() <= finished.items():
            return folder / MODEL
    tokenizer = learn_tokenizer(corpus(config), VOCABULARY, config.sizes.context_length)
    learner = Learner(_first_model(tokenizer, config).to(device, memory_format=torch.channels_last)).to(device)
    if config.init:
        _take_over_heads(learner.facts, Path(config.init).parent / FACTS)
    optimizer = torch.optim.AdamW(parameter_groups(learner, config.weight_decay), lr=config.lr)
    snapshots = Snapshots(folder, identity, MINUTES, writes=True)
    saved = snapshots.load(learner, optimizer) if config.resume else None
    first, spent = (saved.progress["step"], saved.progress["seconds"]) if saved else (0, 0.0)
    average = WeightAverage(learner, config.ema, saved.average if saved else None)
    started = time.monotonic() - spent
    cut_log(folder / LOG, first)
    learner.train()
    for step, numbers in _steps(learner, tokenizer, optimizer, config, first, device):
        average.update(step)
        seconds = round(time.monotonic() - started, 1)
        if step % LOGGED == 0:
            with (folder / LOG).open("a") as log:
                log.write(json.dumps({"step": step, "seconds": seconds, **_rounded(numbers)}, allow_nan=False) + "\n")
        if snapshots.due():
            snapshots.save(learner, optimizer, {"step": step, "seconds": seconds}, {}, average.state)
    load_trained_state(learner, average.state)
    save_file(learner.facts.cpu().state_dict(), folder / FACTS)
    save_model(learner.clip.eval().cpu(), tokenizer, config.image_size, folder)
    seconds = round(time.monotonic() - started, 1)
    about = {"settings": settings, "seconds": seconds, "device": str(device), "code": identity["code"]}
    write_json({**about, "versions": versions(), "earlier": earlier_runs(config.init)}, folder / RECIPE)
    snapshots.remove()
    return folder / MODEL


def earlier_runs(init: str) -> list[dict[str, Any]]:
    """How the model that a run goes on from was made: the recipes of the runs before it, the first one first.

    Args:
        init: Folder of a run's model, ``embedded``, or nothing.
    """
    file = EMBEDDED_FOLDER / RECIPE if init == EMBEDDED else Path(init).parent / RECIPE
    if not init or not file.is_file():
        return []
    recipe = json.loads(file.read_text("utf-8"))
    return [*recipe.pop("earlier", []), recipe]


class Learner(nn.Module):
    """What is trained: the model, and what it needs in training alone."""

    def __init__(self, clip: SteelCLIPModel):
        super().__init__()
        self.clip = clip
        self.facts = FactHeads(clip.config.projection_dim, fact_sizes())


def _steps(
    learner: Learner,
    tokenizer: PreTrainedTokenizerFast,
    optimizer: torch.optim.Optimizer,
    config: PretrainConfig,
    first: int,
    device: torch.device,
) -> Iterator[tuple[int, dict[str, torch.Tensor]]]:
    """Take the steps that are left; after each its number, from 1, and its losses."""
    dtype = dtype_for(config.precision, device)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: schedule(first + done, config.steps, config.warmup)
    )
    bar = tqdm(total=config.steps * config.batch_size, initial=first * config.batch_size, unit="image", unit_scale=True)
    for step, batch in enumerate(batches(config, first), start=first):
        numbers = losses(learner, tokenizer, batch, class_texts(config, step), device, dtype)
        optimizer.zero_grad()
        numbers["loss"].backward()
        refuse_divergence(numbers["loss"], step, config.lr)
        nn.utils.clip_grad_norm_(learner.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        rate.step()
        with torch.no_grad():
            learner.clip.logit_scale.clamp_(max=math.log(HIGHEST_SCALE))
        bar.update(config.batch_size)
        if (step + 1) % LOGGED == 0:
            bar.set_postfix(_rounded(numbers))
        yield step + 1, numbers
    bar.close()


def schedule(step: int, steps: int, warmup_share: float) -> float:
    """Factor on the learning rate, 0..1: a linear rise over a share of the steps, then half a cosine to 0."""
    warmup = warmup_steps(warmup_share, steps)
    return linear_rise(step, warmup) if step < warmup else half_cosine(step - warmup, steps - warmup)


def losses(
    learner: Learner,
    tokenizer: PreTrainedTokenizerFast,
    batch: Batch,
    by_class: dict[str, list[str]],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> dict[str, torch.Tensor]:
    """The loss of a batch and its parts, scalars.

    Args:
        learner: In training mode.
        tokenizer: Its model's own.
        batch: Images with labels, some with texts, and composed ones.
        by_class: Level -> a text for each label.
        device: Where to compute.
        dtype: What the towers multiply in; the logits are fp32, as bf16 has too few digits for scaled cosines.

    Returns:
        ``loss``, the sum of ``class_loss``, cross-entropy over the class texts averaged over levels, and ``text_loss``,
        contrastive among the images that are described; with composed images also of ``truth_loss``, and
        of ``fact_loss`` and ``said_loss``, the facts told from images and from texts; and where the model has
        local features of ``mask_loss`` and ``map_loss``, see :mod:`.objectives`. ``accuracy`` over the class
        texts.
    """
    model, composed = learner.clip, batch.composed
    images, masks = [batch.images], [batch.masks]
    groups = [*by_class.values(), *([batch.texts] if batch.texts else [])]
    if composed is not None:
        images.append(composed.images)
        masks.append(composed.masks)
        groups.append(composed.texts)
    pixels = torch.cat(images).to(device, non_blocking=True)[:, None].expand(-1, 3, -1, -1).float() / 255
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        dense = model.get_dense_features(pixels) if model.dense is not None else None
        features = dense.image if dense else model.get_image_features(pixels).pooler_output
        encoded = [_text_features(model, tokenizer, texts, device) for texts in groups]
    image, scale = F.normalize(features.float(), dim=-1), model.logit_scale.exp()
    unit = [F.normalize(text.float(), dim=-1) for text in encoded]
    labels, count = batch.labels.to(device), len(batch.images)
    logits = [scale * image[:count] @ text.T for text in unit[: len(by_class)]]
    numbers = {"class_loss": torch.stack([F.cross_entropy(of_level, labels) for of_level in logits]).mean()}
    numbers["text_loss"] = numbers["class_loss"].new_zeros(())
    if len(batch.texts) > 1:
        ids = torch.tensor([batch.texts.index(text) for text in batch.texts], device=device)
        described = image[:count][batch.described.to(device)]
        numbers["text_loss"] = contrastive_loss(described, unit[len(by_class)], ids, scale)
    if composed is not None:
        verdicts, of_image = composed.verdicts.to(device), composed.of_image.to(device)
        numbers["truth_loss"] = truth_loss(image[count:], unit[-1], verdicts, of_image, composed.true.to(device), scale)
        numbers["fact_loss"] = learner.facts(image[count:], composed.image_facts.to(device), scale)
        numbers["said_loss"] = learner.facts(unit[-1], composed.text_facts.to(device), scale)
    if dense is not None:
        cells = torch.cat(masks).to(device).float() / 255
        numbers["mask_loss"] = mask_loss(dense.defect.float(), cells)
        if composed is not None:
            numbers["map_loss"] = _map_loss(
                model, dense.local[count:].float(), encoded[-1].float(), cells[count:], composed
            )
    loss = torch.stack(list(numbers.values())).sum()
    accuracy = (torch.stack(logits).mean(0).argmax(1) == labels).float().mean()
    return {"loss": loss, **{name: part.detach() for name, part in numbers.items()}, "accuracy": accuracy}


def _map_loss(
    model: SteelCLIPModel, local: torch.Tensor, texts: torch.Tensor, cells: torch.Tensor, composed: ComposedBatch
) -> torch.Tensor:
    """Where the texts of composed images are in them: at the defect, or nowhere if nothing is as they say."""
    device = local.device
    of_image, mapped = composed.of_image.to(device), composed.mapped.to(device)
    wanted = cells[of_image] * composed.true.to(device)[:, None, None]
    maps = model.text_maps(local[of_image[mapped]], texts[mapped])
    return mask_loss(maps, wanted[mapped])


def _first_model(tokenizer: PreTrainedTokenizerFast, config: PretrainConfig) -> SteelCLIPModel:
    model = new_model(tokenizer, config.sizes)
    model.text_model.set_attn_implementation("eager")  # the fused form takes twice as long backwards, on texts so short
    if config.init:
        earlier = load_clip(config.init)
        if not isinstance(earlier.model, SteelCLIPModel):
            raise ConfigError(
                f"--init {config.init} is another kind of CLIP: take embedded or a pretraining run's model."
            )
        try:
            take_over(model, tokenizer, earlier.model, earlier.tokenizer)
        except ValueError as error:
            raise ConfigError(f"--init {config.init} has other towers: {error}.") from error
    return model


def _take_over_heads(heads: FactHeads, file: Path) -> None:
    """Go on with those of an earlier run, if it told the same facts."""
    known = load_file(file) if file.is_file() else {}
    if {name: value.shape for name, value in known.items()} == {n: v.shape for n, v in heads.state_dict().items()}:
        heads.load_state_dict(known)


def cut_log(file: Path, step: int) -> None:
    """Leave out the lines after a step, which will be taken again; the last line of a killed run may be broken off."""
    lines = file.read_text("utf-8").splitlines() if file.is_file() else []
    file.write_text("".join(f"{line}\n" for line in lines[: step // LOGGED]), "utf-8")


def _text_features(
    model: SteelCLIPModel, tokenizer: PreTrainedTokenizerFast, texts: list[str], device: torch.device
) -> torch.Tensor:
    """(N, D); texts of about the same length together, as one is padded to the longest beside it."""
    lengths = np.array([len(ids) for ids in tokenizer(texts, truncation=True)["input_ids"]])
    order = np.argsort(lengths, kind="stable")
    encoded = []
    for some in np.split(order, range(TEXTS_AT_ONCE, len(order), TEXTS_AT_ONCE)):
        tokens = tokenizer([texts[n] for n in some], padding=True, truncation=True, return_tensors="pt").to(device)
        encoded.append(model.get_text_features(tokens["input_ids"], tokens["attention_mask"]).pooler_output)
    return torch.cat(encoded)[torch.from_numpy(np.argsort(order)).to(device)]


def _rounded(numbers: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: round(value.item(), 4) for name, value in numbers.items()}


def save_model(model: SteelCLIPModel, tokenizer: Any, image_size: int, folder: Path) -> None:
    """Write a finished model into a run's folder, in ``save_pretrained`` form."""
    with quietly():
        model.save_pretrained(folder / MODEL)
        tokenizer.save_pretrained(folder / MODEL)
        new_processor(Sizes(image_size=image_size)).save_pretrained(folder / MODEL)

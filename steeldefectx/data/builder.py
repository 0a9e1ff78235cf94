"""The dataset: samples of any source -> rows with image, mask, label and the four text levels.

One builder for all configs: ``default`` (the unified 25 classes, read from your copies of the sources or of the
public release), ``sample`` (synthetic, rendered here) and folders of classes (your own, or a transfer target's).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image

from steeldefectx.annotate.attributes import attributes_from_mask, template_sentence
from steeldefectx.code import code_hash
from steeldefectx.data import sample, sources, splits
from steeldefectx.errors import ConfigError
from steeldefectx.taxonomy import CLASS_NAMES, T0_TEMPLATE, t0_sentence, t1_sentence

CONFIGS = {
    "default": "the 25 unified classes, from your copies of the source data sets or the release (data_dir)",
    "sample": "synthetic images of all 25 classes with masks, attributes and texts, rendered here",
    "class-folders": "your own images: data_dir/<class>/<image>",
    "msd-cls": "MSD-Cls, aluminium surface defects, in class folders: data_dir/<class>/<image>",
    "cgfsds-9": "CGFSDS-9, seamless steel tube defects, in class folders: data_dir/<class>/<image>",
}
FOLDER_CONFIGS = ("class-folders", "msd-cls", "cgfsds-9")
"""Configs whose classes are the folders that they find."""
GC10_PARTS = ("crop", "whole")

ATTRIBUTES = {
    "shape": datasets.Value("string"),
    "direction": datasets.Value("string"),
    "spatial_distribution": datasets.Value("string"),
    "number": datasets.Value("string"),
    "position": datasets.List({"cell": datasets.Value("string"), "fraction": datasets.Value("float64")}),
    "scale": datasets.Value("string"),
    "polarity": datasets.Value("string"),
    "saliency": datasets.Value("string"),
}


def rows_hash() -> str:
    """Hash of the code that rows come from, part of the name of what ``datasets`` keeps."""
    return code_hash("taxonomy.py", "data/**/*.py", "annotate/*.py")


@dataclass
class SteelDefectXConfig(datasets.BuilderConfig):
    """Settings of a config; all are keyword arguments of ``load_dataset``."""

    skip_bad: bool = False
    """Leave out what cannot be read, and say what was left out, instead of refusing."""
    gc10: str = "crop"
    """``default``: a GC10-DET sample is the ``crop`` around the boxes of its class, or the ``whole`` image."""
    t0_template: str = T0_TEMPLATE
    """T0 sentence with ``{}`` for the class name; T1 starts with it too."""
    images: int = 1000
    """``sample``: how many images are rendered, 25 classes in turn."""
    image_size: int = 128
    """``sample``: pixels a side."""
    seed: int = 0
    """``sample``: another seed gives other images."""

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: Any = None) -> str:
        """The cache entry's name: a changed data folder is another entry."""
        if self.name == "sample" and self.data_dir is not None:
            raise ConfigError("The config sample is rendered and reads no folder: leave out data_dir or the config.")
        config_id: str = super().create_config_id(config_kwargs, custom_features)
        if self.data_dir is None:
            return config_id
        return f"{config_id}-{sources.folder_fingerprint(_folder(self.data_dir))[:16]}"


class SteelDefectX(datasets.GeneratorBasedBuilder):
    """SteelDefectX as a dataset builder."""

    BUILDER_CONFIG_CLASS = SteelDefectXConfig
    BUILDER_CONFIGS = [SteelDefectXConfig(name=name, description=text) for name, text in CONFIGS.items()]
    DEFAULT_CONFIG_NAME = "default"

    def _info(self) -> datasets.DatasetInfo:
        names = list(CLASS_NAMES)
        if self.config.name in FOLDER_CONFIGS:
            names = sources.class_folder_names(self._data_dir())
        text = datasets.Value("string")
        features = {
            "image": datasets.Image(),
            "mask": datasets.Image(),
            "label": datasets.ClassLabel(names=names),
            "source": text,
            "image_id": text,
            **dict.fromkeys(("T0", "T1", "T2", "T3"), text),
            "attributes": ATTRIBUTES,
            "template": text,
        }
        return datasets.DatasetInfo(features=datasets.Features(features), description=self.config.description)

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        if self.config.name == "sample":
            keys: list[Any] = list(range(self.config.images))
            classes = [sample.class_of(index) for index in keys]
            assigned = splits.stratified_split([f"{index:05d}" for index in keys], classes)
        else:
            found = self._find_samples()
            keys = list(found.samples)
            by_rule = splits.stratified_split([s.image_id for s in keys], [s.class_name for s in keys])
            assigned = [s.split or ruled for s, ruled in zip(keys, by_rule, strict=True)]
        parts = {name: [k for k, s in zip(keys, assigned, strict=True) if s == name] for name in ("train", "test")}
        return [datasets.SplitGenerator(name, {"keys": part}) for name, part in parts.items() if part]

    def _generate_examples(self, keys: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for key in keys:
            row = self._sample_row(key) if self.config.name == "sample" else self._source_row(key)
            yield row["image_id"], row

    def _sample_row(self, index: int) -> dict[str, Any]:
        row = sample.sample_row(index, self.config.images, self.config.image_size, self.config.seed)
        return row | self._class_texts(row["label"])

    def _source_row(self, found: sources.Sample) -> dict[str, Any]:
        texts = found.texts or {}
        attributes, template = found.attributes, texts.get("template")
        image, mask = _pixels(found) if found.box or found.mask else (None, None)
        if image is not None and mask is not None and attributes is None:
            attributes = attributes_from_mask(np.asarray(image.convert("L")), mask)
            template = template or template_sentence(found.class_name, attributes)
        row = {
            "image": str(found.path) if found.box is None else image,
            "mask": None if mask is None else Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0))),
            "label": found.class_name,
            "source": found.source,
            "image_id": found.image_id,
            **self._class_texts(found.class_name),
            "T2": None,
            "T3": texts.get("T3"),
            "attributes": attributes,
            "template": template,
        }
        return row | ({"T1": texts["T1"]} if "T1" in texts else {})

    def _class_texts(self, class_name: str) -> dict[str, str | None]:
        template = self.config.t0_template
        return {"T0": t0_sentence(class_name, template), "T1": t1_sentence(class_name, template)}

    def _find_samples(self) -> sources.Found:
        if self.config.gc10 not in GC10_PARTS:
            raise ConfigError(f"gc10={self.config.gc10!r} is unknown: choose one of {', '.join(GC10_PARTS)}.")
        folder, skip_bad = self._data_dir(), self.config.skip_bad
        if self.config.name in FOLDER_CONFIGS:
            found = sources.find_class_folders(folder, skip_bad=skip_bad, source=self.config.name)
        else:
            found = sources.find_samples(folder, skip_bad=skip_bad, crops=self.config.gc10 == "crop")
        for line in [*found.notes, *(f"left out: {p.path}: {p.reason}" for p in found.problems)]:
            datasets.logging.get_logger(__name__).warning(line)
        return found

    def _data_dir(self) -> Path:
        if self.config.data_dir is None:
            raise ConfigError(
                f"The config {self.config.name!r} reads images from a folder: pass data_dir (--data-dir). "
                'For synthetic images that need none, take the config "sample".'
            )
        return _folder(self.config.data_dir)


def _pixels(found: sources.Sample) -> tuple[Image.Image, np.ndarray | None]:
    """The image and the mask of a sample, cut to its box."""
    with Image.open(found.path) as image:
        part = image.crop(found.box)
    if found.mask is None:
        return part, None
    with Image.open(found.mask) as mask:
        return part, sources.read_mask(mask, found.box)


def _folder(data_dir: str) -> Path:
    return Path(data_dir).expanduser().absolute()


def load_dataset(
    config: str = "default",
    *,
    split: str | None = None,
    data_dir: str | None = None,
    streaming: bool = False,
    cache_dir: str | None = None,
    num_proc: int | None = None,
    **settings: Any,
) -> Any:
    """The same as ``datasets.load_dataset("steeldefectx", config, ...)``, by public interfaces alone.

    Args:
        config: A name in :data:`CONFIGS`.
        split: ``train``, ``test`` or a slice such as ``train[:10%]``; None for a dict of all.
        data_dir: Folder with the images, for all configs but ``sample``.
        streaming: Rows one by one, nothing written to the cache.
        cache_dir: Where prepared data are kept; the Hugging Face cache by default.
        num_proc: Processes that prepare the data.
        **settings: Fields of :class:`SteelDefectXConfig`.

    Raises:
        DataError: Images that cannot be used; the message lists them all.
        ConfigError: No folder where one is needed, or an unknown config.
    """
    if config not in CONFIGS:
        raise ConfigError(f"Unknown config {config!r}: choose one of {', '.join(CONFIGS)}.")
    builder = SteelDefectX(
        cache_dir=cache_dir,
        dataset_name="steeldefectx",
        config_name=config,
        hash=rows_hash(),
        data_dir=data_dir,
        **settings,
    )
    if streaming:
        return builder.as_streaming_dataset(split)
    builder.download_and_prepare(num_proc=num_proc)
    return builder.as_dataset(split)

"""The dataset: samples of any source -> rows with image, mask, label and the four text levels.

One builder for three configs: ``default`` (the unified 25 classes, read from your copies of the sources),
``sample`` (synthetic, rendered here) and ``class-folders`` (your own images, your own classes).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image

from steeldefectx.annotate.attributes import Attributes, attributes_from_mask, template_sentence
from steeldefectx.data import duplicates, sample, sources, splits
from steeldefectx.errors import ConfigError
from steeldefectx.taxonomy import CLASS_NAMES, T0_TEMPLATE, t0_sentence, t1_sentence

CONFIGS = {
    "default": "the 25 unified classes, from your copies of the source data sets (data_dir)",
    "sample": "synthetic images of all 25 classes with masks, attributes and texts, rendered here",
    "class-folders": "your own images: data_dir/<class>/<image>",
}

SPLITS = {
    "rule": "7:3 class by class",
    "grouped": "the same, with near-duplicate images on one side",
}


def _list_of(feature: dict[str, Any]) -> Any:
    """A list feature, as ``datasets`` 4 and later spell it, or older ones."""
    return datasets.List(feature) if hasattr(datasets, "List") else [feature]


ATTRIBUTES = {
    "shape": datasets.Value("string"),
    "direction": datasets.Value("string"),
    "spatial_distribution": datasets.Value("string"),
    "number": datasets.Value("string"),
    "position": _list_of({"cell": datasets.Value("string"), "fraction": datasets.Value("float64")}),
    "scale": datasets.Value("string"),
    "polarity": datasets.Value("string"),
    "saliency": datasets.Value("string"),
}


@cache
def code_hash() -> str:
    """Hash of the code that rows come from: a new version of it never meets rows an old one has cached."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted([package / "taxonomy.py", *package.glob("data/**/*.py"), *package.glob("annotate/*.py")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass
class SteelDefectXConfig(datasets.BuilderConfig):
    """Settings of a config; all are keyword arguments of ``load_dataset``."""

    skip_bad: bool = False
    """Leave out what cannot be read, and say what was left out, instead of refusing."""
    split_by: str = "rule"
    """``rule``, or ``grouped``: images that nearly equal each other are on the same side."""
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
        if self.config.name == "class-folders":
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
            keys = list(self._find_samples().samples)
            assigned = assign_splits(keys, self.config.split_by)
        parts = {name: [k for k, s in zip(keys, assigned, strict=True) if s == name] for name in ("train", "test")}
        return [datasets.SplitGenerator(name, {"keys": part}) for name, part in parts.items() if part]

    def _generate_examples(self, keys: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for key in keys:
            row = self._sample_row(key) if self.config.name == "sample" else self._source_row(key)
            yield row["image_id"], row

    def _sample_row(self, index: int) -> dict[str, Any]:
        row = sample.sample_row(index, self.config.images, self.config.image_size, self.config.seed)
        return row | _class_texts(row["label"], self.config.t0_template)

    def _source_row(self, found: sources.Sample) -> dict[str, Any]:
        attributes, template = _from_mask(found)
        return {
            "image": str(found.path),
            "mask": None if found.mask is None else str(found.mask),
            "label": found.class_name,
            "source": found.source,
            "image_id": found.image_id,
            **_class_texts(found.class_name, self.config.t0_template),
            "T2": None,
            "T3": None,
            "attributes": attributes,
            "template": template,
        }

    def _find_samples(self) -> sources.Found:
        found = find_samples(self.config.name, self._data_dir(), skip_bad=self.config.skip_bad)
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


def find_samples(config: str, data_dir: Path, *, skip_bad: bool = False) -> sources.Found:
    """The samples of a folder, for ``default`` or ``class-folders``."""
    find = sources.find_class_folders if config == "class-folders" else sources.find_samples
    return find(data_dir, skip_bad=skip_bad)


def assign_splits(
    samples: Sequence[sources.Sample], split_by: str, groups: Sequence[Sequence[int]] | None = None
) -> list[str]:
    """``train`` or ``test`` for each sample: as its source says, else by ``rule`` or ``grouped``.

    Args:
        samples: All samples of the data set.
        split_by: One of :data:`SPLITS`.
        groups: Positions of near-duplicates where they are known already; ``grouped`` looks for them if not.

    Raises:
        ConfigError: No such split.
    """
    if split_by not in SPLITS:
        raise ConfigError(f"Unknown split {split_by!r}: choose one of {', '.join(SPLITS)}.")
    ids, classes = [s.image_id for s in samples], [s.class_name for s in samples]
    if split_by == "grouped":
        assigned = splits.grouped_split(ids, classes, duplicates.find_groups(samples) if groups is None else groups)
    else:
        assigned = splits.stratified_split(ids, classes)
    return [s.split or ruled for s, ruled in zip(samples, assigned, strict=True)]


def sample_texts(found: sources.Sample) -> dict[str, str | None]:
    """The texts of a sample by level, and its template sentence."""
    return {**_class_texts(found.class_name, T0_TEMPLATE), "template": _from_mask(found)[1]}


def _class_texts(class_name: str, template: str) -> dict[str, str | None]:
    return {"T0": t0_sentence(class_name, template), "T1": t1_sentence(class_name, template)}


def _from_mask(found: sources.Sample) -> tuple[Attributes | None, str | None]:
    """Attributes and template sentence of a sample that has a mask."""
    if found.mask is None:
        return None, None
    with Image.open(found.path) as image, Image.open(found.mask) as mask:
        defect = np.asarray(mask.convert("L")) > 127
        attributes = attributes_from_mask(np.asarray(image.convert("L")), defect)
    return attributes, template_sentence(found.class_name, attributes)


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
        config: ``default``, ``sample`` or ``class-folders``.
        split: ``train``, ``test`` or a slice such as ``train[:10%]``; None for a dict of all.
        data_dir: Folder with the images, for ``default`` and ``class-folders``.
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
        hash=code_hash(),
        data_dir=data_dir,
        **settings,
    )
    if streaming:
        return builder.as_streaming_dataset(split)
    builder.download_and_prepare(num_proc=num_proc)
    return builder.as_dataset(split)

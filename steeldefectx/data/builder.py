"""The dataset: samples of any source -> rows with image, mask, label and the four text levels.

One builder for all configs: ``default`` (the unified 25 classes, read from your copies of the sources or of the
public release), ``sample`` (synthetic, rendered here) and folders of classes (your own, or a transfer target's).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image

from steeldefectx.data import duplicates, sides, sources, splits
from steeldefectx.data.configs import AUTO, CONFIGS, FOLDER_CONFIGS, OWN_IMAGES, check_config
from steeldefectx.data.sample_rows import contents, sample_texts
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.language.class_sentences import class_sentence, given_sentences
from steeldefectx.render.sample import class_of, id_of, sample_row
from steeldefectx.store.annotations import Annotation, fingerprint
from steeldefectx.store.reading import read_annotations
from steeldefectx.taxonomy import CLASS_NAMES, T0_TEMPLATE, t0_sentence
from steeldefectx.utils.fingerprint import code_hash

GC10_PARTS = ("crop", "whole")


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


ROWS_CODE = (
    "taxonomy.py",
    "language/attributes.py",
    "language/mask_geometry.py",
    "language/descriptions.py",
    "language/class_texts.py",
    "render/*.py",
    "render/defects/*.py",
    "store/annotations.py",
    "data/builder.py",
    "data/duplicates.py",
    "data/images.py",
    "data/sample_rows.py",
    "data/sides.py",
    "data/splits.py",
    "data/sources/*.py",
    "data/sources/layouts/*.py",
    "data/tiff.py",
    "language/class_sentences.py",
    "language/lexicon/*.py",
    "language/lexicon/*.yaml",
    "utils/grey_levels.py",
)
"""What rows depend on beside files and settings."""


def rows_hash() -> str:
    """Hash of the code that rows come from, part of the name of what ``datasets`` keeps."""
    return code_hash(*ROWS_CODE)


@dataclass
class SteelDefectXConfig(datasets.BuilderConfig):
    """Settings of a config; all are keyword arguments of ``load_dataset``."""

    skip_bad: bool = False
    """Leave out what cannot be read, and say what was left out, instead of refusing."""
    gc10: str = "crop"
    """``default``: a GC10-DET sample is the ``crop`` around the boxes of its class, or the ``whole`` image."""
    layout: str = "auto"
    """Your own images: the layout that they are read by, where the folder could be read in several ways."""
    boxes: str = "crop"
    """Your own images: where annotations have boxes, a sample is the ``crop`` around one, or the ``whole`` image, once
    a class."""
    split_by: str = "auto"
    """``rule`` (7:3 class by class, as published), or ``grouped``: images that nearly equal each other are on the same
    side. ``auto``: ``grouped`` for class folders, ``rule`` for all else."""
    page: int = 0
    """Which page or frame is read, of files of several: 0 is the first."""
    zip_encoding: str | None = None
    """What names in zips are in that do not say it, as ``gbk`` or ``shift_jis``; None: to be found out."""
    t0_template: str = T0_TEMPLATE
    """T0 sentence with ``{}`` for the class name; T1 starts with it too."""
    t1_file: str | None = None
    """YAML or JSON file of class names and sentences: the T1 of these classes."""
    t1: Mapping[str, str] | Sequence[str] | None = None
    """T1 of single classes, which count more than the file's: name -> sentence, or texts as ``"name: sentence"``."""
    annotations: str | None = None
    """T2 and T3 of images: ``annotations.jsonl``, or an annotation store (its file, or its PostgreSQL URL)."""
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
        # Files count by what they say; and a store's URL, which may have a password, is in no name.
        read = {key: config_kwargs[key] for key in ("t1_file", "t1", "annotations") if config_kwargs.get(key)}
        kept = {key: value for key, value in config_kwargs.items() if key not in read}
        config_id: str = super().create_config_id(kept, custom_features)
        if self.data_dir is not None:
            config_id += f"-{sources.folder_fingerprint(_folder(self.data_dir))[:16]}"
        return "-".join([config_id, *(digest[:16] for digest in texts_read(read).values())])


def texts_read(settings: Mapping[str, Any]) -> dict[str, str]:
    """Among a config's settings, those that name texts to read, with a hash of what these say.

    Raises:
        DataError, AnnotationError, ConfigError: They cannot be read.
    """
    hashes = {}
    if settings.get("t1_file") or settings.get("t1"):
        texts = given_sentences(settings.get("t1_file"), settings.get("t1"))
        hashes["t1"] = hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()
    if settings.get("annotations"):
        hashes["annotations"] = fingerprint(read_annotations(settings["annotations"]))
    return hashes


class SteelDefectX(datasets.GeneratorBasedBuilder):
    """SteelDefectX as a dataset builder."""

    BUILDER_CONFIG_CLASS = SteelDefectXConfig
    BUILDER_CONFIGS = [SteelDefectXConfig(name=name, description=text) for name, text in CONFIGS.items()]
    DEFAULT_CONFIG_NAME = "default"
    problems: tuple[sources.Problem, ...] = ()
    """After preparing with ``skip_bad``: what was left out."""
    _annotations: Mapping[str, Annotation] = {}
    _t1: Mapping[str, str] = {}
    _own: sources.OwnImages | None = None
    """Your own images, from when their classes are read until they are listed."""

    def _info(self) -> datasets.DatasetInfo:
        names = list(CLASS_NAMES)
        if self.config.name in FOLDER_CONFIGS:
            self._own = sources.read_own_images(
                self._data_dir(),
                source=self.config.name,
                layout=self.config.layout,
                boxes=self.config.boxes,
                zip_encoding=self.config.zip_encoding,
            )
            names = self._own.class_names()
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
        self._read_texts()
        if self.config.name == "sample":
            keys: list[Any] = list(range(self.config.images))
            self._check_annotations(id_of(index) for index in keys)
            classes = [class_of(index) for index in keys]
            assigned = splits.stratified_split([f"{index:05d}" for index in keys], classes)
        else:
            keys = list(self._find_samples().samples)
            self._check_annotations(sample.image_id for sample in keys)
            rule = sides.split_rule(self.config.name, self.config.split_by)
            near_duplicates = duplicates.find_duplicates(keys) if rule == "grouped" else []
            assigned = sides.assign_splits(keys, rule, near_duplicates)
            photographs = duplicates.photographs(sample.image_id for sample in keys)
            remarks = [
                sides.kept_together(photographs),
                sides.moved_to_train(keys, assigned),
                sides.duplicates_together(near_duplicates),
            ]
            for remark in filter(None, remarks):
                datasets.logging.get_logger(__name__).warning(remark)
                self.info.description += f"\n{remark}"  # is kept with the rows, see remarks_of
        parts = {name: [k for k, s in zip(keys, assigned, strict=True) if s == name] for name in ("train", "test")}
        return [datasets.SplitGenerator(name, {"keys": part}) for name, part in parts.items() if part]

    def _generate_examples(self, keys: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for key in keys:
            row = self._sample_row(key) if self.config.name == "sample" else self._source_row(key)
            annotation = self._annotations.get(row["image_id"])
            if annotation is not None:
                row |= {level: text for level in ("T2", "T3") if (text := getattr(annotation, level) or "").strip()}
            row["T1"] = self._t1.get(row["label"], row["T1"])
            yield row["image_id"], row

    def _read_texts(self) -> None:
        self._t1 = given_sentences(self.config.t1_file, self.config.t1)
        if self.config.annotations:
            annotations = read_annotations(self.config.annotations)
            self._annotations = {annotation.image_id: annotation for annotation in annotations}

    def _check_annotations(self, image_ids: Iterable[str]) -> None:
        """Say what annotations belong to no image; if all do, they are those of other data."""
        if not self._annotations:
            return
        unknown = self._annotations.keys() - set(image_ids)
        if len(unknown) == len(self._annotations):
            raise DataError(
                f"None of the {len(unknown):,} annotations belongs to an image of this data set; the first is of "
                f"{min(unknown)!r}."
            )
        if unknown:
            message = f"{len(unknown):,} annotations belong to no image here, such as that of {min(unknown)!r}."
            datasets.logging.get_logger(__name__).warning(message)

    def _sample_row(self, index: int) -> dict[str, Any]:
        row = sample_row(index, self.config.images, self.config.image_size, self.config.seed)
        template = self.config.t0_template
        return row | {"T0": t0_sentence(row["label"], template), "T1": class_sentence(row["label"], template)}

    def _source_row(self, sample: sources.Sample) -> dict[str, Any]:
        image, mask, attributes, template = contents(sample)
        return {
            "image": str(sample.path) if image is None else image,
            "mask": None if mask is None else Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0))),
            "label": sample.class_name,
            "source": sample.source,
            "image_id": sample.image_id,
            **sample_texts(sample, self.config.t0_template),
            "attributes": attributes,
            "template": template,
        }

    def _find_samples(self) -> sources.Listing:
        config = self.config
        if self._own is not None:
            listing, self._own = self._own.usable(config.skip_bad, config.page), None
        else:
            listing = find_samples(
                config.name,
                self._data_dir(),
                skip_bad=config.skip_bad,
                gc10=config.gc10,
                layout=config.layout,
                boxes=config.boxes,
                page=config.page,
                zip_encoding=config.zip_encoding,
            )
        self.problems = tuple(listing.problems)
        for problem in listing.problems:
            datasets.logging.get_logger(__name__).warning(f"left out: {problem}")
        return listing

    def _data_dir(self) -> Path:
        if self.config.data_dir is None and self.config.name == "default":
            from steeldefectx.data.download import download_release  # the Hub's client, of use here alone

            return download_release()
        if self.config.data_dir is None:
            raise ConfigError(
                f"The config {self.config.name!r} reads images from a folder: pass data_dir (--data-dir). "
                'For synthetic images that need none, take the config "sample".'
            )
        return _folder(self.config.data_dir)


def find_samples(
    config: str,
    data_dir: Path,
    *,
    skip_bad: bool = False,
    gc10: str = "crop",
    layout: str = "auto",
    boxes: str = "crop",
    page: int = 0,
    zip_encoding: str | None = None,
) -> sources.Listing:
    """The samples of a folder, for any config that reads one.

    Raises:
        DataError: No such folder, no known source, or things that cannot be used: all are listed.
        ConfigError: An unknown way to take GC10-DET's images, or a negative page.
    """
    if gc10 not in GC10_PARTS:
        raise ConfigError(f"gc10={gc10!r} is unknown: choose one of {', '.join(GC10_PARTS)}.")
    config = resolved_config(config, data_dir, zip_encoding)
    if config in FOLDER_CONFIGS:
        own = sources.read_own_images(data_dir, source=config, layout=layout, boxes=boxes, zip_encoding=zip_encoding)
        return own.usable(skip_bad, page)
    crops = gc10 == "crop"
    return sources.find_samples(data_dir, skip_bad=skip_bad, crops=crops, page=page, zip_encoding=zip_encoding)


def resolved_config(config: str, data_dir: Path | str | None, zip_encoding: str | None = None) -> str:
    """The config that ``auto`` stands for; any other stands for itself. What is found is said as a warning.

    A folder with half of the classes of a known source is ``default``, as the public release is, and so is one whose
    images are mostly those of known sources; any other holds images of one's own.

    Raises:
        DataError: No such folder.
    """
    if config != AUTO:
        return config
    if data_dir is None:
        return "default"
    known = sources.known_sources(_folder(str(data_dir)), zip_encoding)
    found = ", ".join(f"{name} {count:,}" for name, count in known.images.items())
    count = sum(known.images.values())
    if known.published:
        _say(f"{data_dir}: images of known sources ({found}): --config default. {OWN_IMAGES} reads them as your own.")
        return "default"
    few = f"{count:,} of {count + known.others:,} images are called as those of {', '.join(known.images)} are"
    _say(f"{data_dir}: {few if count else 'no known source'}: images of your own (--config {OWN_IMAGES}).")
    return OWN_IMAGES


def _say(line: str) -> None:
    datasets.logging.get_logger(__name__).warning(line)


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
        config: A name in :data:`CONFIGS`, or ``auto``: the one that fits the folder.
        split: ``train``, ``test`` or a slice such as ``train[:10%]``; None for a dict of all.
        data_dir: Folder with the images, for all configs but ``sample``; ``default`` without one is the public
            release, downloaded once.
        streaming: Rows one by one, nothing written to the cache.
        cache_dir: Where prepared data are kept; the Hugging Face cache by default.
        num_proc: Processes that prepare the data.
        **settings: Fields of :class:`SteelDefectXConfig`.

    Raises:
        DataError: Images that cannot be used; the message lists them all.
        ConfigError: No folder where one is needed, or an unknown config.
    """
    check_config(config)
    config = resolved_config(config, data_dir, settings.get("zip_encoding"))
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

"""Settings of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from steeldefectx.errors import ConfigError
from steeldefectx.taxonomy import T0_TEMPLATE, TEXT_LEVELS
from steeldefectx.utils.flag_fields import setting

SPLITS = ("test", "train", "all")
AMONG = ("data", "checkpoint")


@dataclass
class EvalConfig:
    """Everything an evaluation depends on. Each field is a flag of ``eval.py``."""

    checkpoint: str = field(
        metadata={
            "help": "Output folder of a run, any image classifier, or any CLIP (zero-shot): folder, Hub id, "
            "embedded or tiny."
        }
    )
    config: str | None = setting(
        None,
        "Data: default, sample or class-folders. With --data-dir alone: what the folder holds; with neither: as "
        "trained.",
    )
    data_dir: str | None = setting(None, "Folder with images.")
    skip_bad: bool = setting(False, "Leave out images that cannot be used instead of stopping.")
    gc10: str | None = setting(
        None, "GC10-DET: crop or whole images; as trained by default.", choices=("crop", "whole", None)
    )
    page: int | None = setting(None, "Page or frame of image files of several, from 0; as trained by default.")
    zip_encoding: str | None = setting(None, "Of names in zips that do not say it; as trained by default.")
    layout: str | None = setting(None, "Your own images: the layout to read them by, where a folder has several.")
    boxes: str | None = setting(
        None, "Your own images: crop or whole images; as trained by default.", choices=("crop", "whole", None)
    )
    split_by: str | None = setting(
        None,
        "rule; grouped: near-duplicates on one side; auto: grouped for class folders. As trained by default.",
        choices=("auto", "rule", "grouped", None),
    )
    t0_template: str | None = setting(None, "T0 sentence with {} for the class name; as trained by default.")
    t1_file: str | None = setting(
        None, "T1 by class: YAML, class or folder name to sentence; as trained by default.", aliases=["--classes"]
    )
    t1: list[str] | None = setting(
        None,
        'T1 of one class, as --class "Blowhole: a round dark cavity"; repeatable, and before the file\'s.',
        aliases=["--class"],
        action="extend",
    )
    annotations: str | None = setting(None, "T2 and T3: annotations.jsonl or a store; of the same data, as trained.")
    split: str = setting("test", "Split to evaluate on.", choices=SPLITS)
    text: str | None = setting(
        None, "Text level that stands for a CLIP's classes; as trained by default.", choices=(*TEXT_LEVELS, None)
    )
    among: str = setting(
        "data",
        "Which classes an image is told apart from: data, those that the images evaluated have; checkpoint, all that "
        "the checkpoint knows, by its own texts, as predict does. Where they differ the table shows both.",
        choices=AMONG,
    )
    output: str | None = setting(None, "File to write the results to, as JSON.", aliases=["--out"])

    def data_settings(self, recipe: dict[str, Any]) -> dict[str, Any]:
        """What to load: arguments of ``load_data``, those left open as in the checkpoint's own run.

        Raises:
            ConfigError: Neither says which data.
        """
        as_trained = self.config is None and self.data_dir is None
        if as_trained and "config" not in recipe:
            raise ConfigError(
                f"{self.checkpoint} does not say what data it was trained on: "
                "give --config sample, or --data-dir with your images."
            )
        return {
            "config": self.config or (recipe["config"] if as_trained else "auto"),
            "data_dir": recipe.get("data_dir") if as_trained else self.data_dir,
            "skip_bad": self.skip_bad,
            "gc10": self.gc10 or recipe.get("gc10", "crop"),
            "page": recipe.get("page", 0) if self.page is None else self.page,
            "zip_encoding": self.zip_encoding or (recipe.get("zip_encoding") if as_trained else None),
            "layout": self.layout or (recipe.get("layout", "auto") if as_trained else "auto"),
            "boxes": self.boxes or recipe.get("boxes", "crop"),
            "split_by": self.split_by or recipe.get("split_by", "auto"),
            "t0_template": self.t0_template or recipe.get("t0_template", T0_TEMPLATE),
            "t1_file": self.t1_file or recipe.get("t1_file"),
            "t1": self.t1 or recipe.get("t1"),
            "annotations": self.annotations or (recipe.get("annotations") if as_trained else None),
        }

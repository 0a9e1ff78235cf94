"""A grid of benchmark cells, written in YAML: every entry is crossed out into cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from steeldefectx.errors import ConfigError
from steeldefectx.taxonomy import SOURCES, T0_TEMPLATE, TEXT_LEVELS
from steeldefectx.utils.spelling import did_you_mean

GRIDS = resources.files("steeldefectx") / "benchmark" / "grids"
TASKS = ("task1", "task2", "task3", "task4")
ENSEMBLE = "T1-ensemble"
"""For the classes, the mean over several wordings of T1."""
WITHIN, ACROSS = CONTROLS = ("shuffled-within-class", "shuffled-across-classes")
"""Texts of training images, and of them alone, are shuffled: among the images of their class, or among all."""
ALL = "all"
ZERO_SHOT = "zero-shot"
LEARN_FROM_TEXTS = ("cross-modal",)
"""Few-shot methods that learn from the own texts of their shots; to the others, the classes' texts are all there is."""


@dataclass(frozen=True)
class Cell:
    """One cell: what is trained on what, with which seed, and tested on what. A grid's entry has lists of these."""

    task: str
    """task1 vision; task2 vision and language; task3 zero- and few-shot; task4 transfer."""
    model: str
    """As for ``steeldefectx train --model``."""
    method: str | None = None
    """task2, task4: as for ``steeldefectx train --method``, by default that of the recipe. task3: a few-shot method.
    task3 and task4: ``zero-shot``."""
    recipe: str | None = None
    """task1, task2, task4: as for ``steeldefectx train --recipe``."""
    train_text: str | None = None
    """task2, task4: text level trained on."""
    test_text: str | None = None
    """Text level that stands for the classes. task3: also what is trained on; ``T1-ensemble`` too."""
    text_control: str | None = None
    """Training texts are shuffled, see ``CONTROLS``; None: they are left as they are."""
    shots: int | None = None
    """task3: training images of each class."""
    choose: bool = True
    """task3: settings are chosen on a validation draw; false: the method's defaults."""
    seed: int = 0
    train_on: str = ALL
    """task4: sources trained on, joined by "+"; ``all``: whatever the data have, but for ``test_on``."""
    test_on: str | None = None
    """task4: a source, or CONFIG:FOLDER, such as msd-cls:aluminium/ or class-folders:my_images/."""
    config: str = "default"
    data_dir: str | None = None
    skip_bad: bool = False
    gc10: str = "crop"
    page: int = 0
    zip_encoding: str | None = None
    layout: str = "auto"
    boxes: str = "crop"
    split_by: str = "auto"
    t0_template: str = T0_TEMPLATE
    t1_file: str | None = None
    t1: Any = None
    """T1 of single classes: name -> sentence."""
    annotations: str | None = None
    """T2 and T3: annotations.jsonl, or an annotation store."""
    settings: dict[str, Any] = field(default_factory=dict, hash=False)
    """Settings of the recipe, or of the few-shot method, that are to be others."""

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ConfigError(f"{problem} (in {self})")

    def __str__(self) -> str:
        shown = [self.task, Path(self.model).name or self.model]
        shown += [str(value) for value in (self.recipe, self.method, self.text_control) if value]
        levels = [level for level in (self.train_text, self.test_text) if level]
        shown += [" -> ".join(levels)] if levels else []
        shown += [f"{self.shots} shot{'s' * (self.shots > 1)}"] if self.shots is not None else []
        shown += ["defaults"] if not self.choose else []
        shown += [f"on {self.test_on}"] if self.test_on else []
        return ", ".join([*shown, *(f"{k} {v}" for k, v in self.settings.items()), f"seed {self.seed}"])


AXES = tuple(f.name for f in fields(Cell))
NEEDED = {
    "task1": ("recipe",),
    "task2": ("train_text", "test_text"),
    "task3": ("method", "test_text"),
    "task4": ("test_on", "test_text"),
}
UNUSED = {
    "task1": ("method", "train_text", "test_text", "text_control", "shots", "test_on"),
    "task2": ("shots", "test_on"),
    "task3": ("recipe", "train_text", "test_on"),
    "task4": ("shots",),
}


def _problem(cell: Cell) -> str | None:
    """What is wrong with a cell."""
    if cell.task not in TASKS:
        return f"task {cell.task!r}: choose one of {', '.join(TASKS)}"
    for name in NEEDED[cell.task]:
        if getattr(cell, name) is None:
            return f"{cell.task} needs {name}"
    for name in UNUSED[cell.task]:
        if getattr(cell, name) is not None:
            return f"{cell.task} has no {name}"
    for name in ("train_text", "test_text"):
        level = getattr(cell, name)
        if level is not None and level not in (*TEXT_LEVELS, *([ENSEMBLE] if name == "test_text" else [])):
            return f"{name} {level!r}: choose one of {', '.join(TEXT_LEVELS)}"
    if cell.task == "task4" and cell.test_text not in ("T0", "T1"):
        return f"task4 tests with T0 or T1: no text of another data set's image is {cell.test_text}"
    if cell.test_text == ENSEMBLE and cell.task != "task3":
        return f"{ENSEMBLE} is a level of task3"
    if cell.text_control is not None:
        level = cell.test_text if cell.task == "task3" else cell.train_text
        if cell.text_control not in CONTROLS:
            return f"text_control {cell.text_control!r}: choose one of {', '.join(CONTROLS)}"
        if level not in ("T2", "T3"):
            return f"text_control shuffles the texts of images: {level} has one for a class"
        if cell.task == "task3" and cell.method not in LEARN_FROM_TEXTS:
            return f"text_control changes nothing for {cell.method}: it learns from no text of an image"
    if cell.task == "task3" and cell.method != ZERO_SHOT and not cell.shots:
        return f"{cell.method} needs shots above 0"
    if cell.method == ZERO_SHOT and cell.shots:
        return "zero-shot has no shots"
    if cell.test_on is not None and cell.test_on not in SOURCES and ":" not in cell.test_on:
        return f"test_on {cell.test_on!r}: give one of {', '.join(SOURCES)}, or CONFIG:FOLDER"
    return None


def load_grid(name: str, data_dir: str | None = None, model: str | None = None) -> list[Cell]:
    """The cells of a grid, each once, in the order of the file.

    Args:
        name: A name in ``steeldefectx/benchmark/grids`` or a YAML file.
        data_dir: Folder with the images, in place of what the grid says.
        model: The same for the model.

    Raises:
        ConfigError: No such grid, or one with faults: all of them are listed.
    """
    source = _source(name)
    try:
        content = yaml.safe_load(source.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: not valid YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise ConfigError(f"{source}: a grid has a list `cells`, and above it what all of them share.")
    shared = {key: value for key, value in content.items() if key != "cells"}
    instead: dict[str, Any] = {
        key: value for key, value in (("data_dir", data_dir), ("model", model)) if value is not None
    }
    cells: dict[str, Cell] = {}
    problems = []
    for number, entry in enumerate(content["cells"], 1):
        try:
            if not isinstance(entry, dict):
                raise ConfigError("an entry is a list of `setting: value` lines")
            for cell in _crossed({**shared, **entry}):
                named = replace(cell, **instead)
                cells.setdefault(repr(named), named)
        except ConfigError as error:
            problems.append(f"entry {number}: {error}")
    if problems:
        raise ConfigError(f"{source}:\n  " + "\n  ".join(problems))
    if not cells:
        raise ConfigError(f"{source}: no cells.")
    return list(cells.values())


def _source(name: str) -> Any:
    shipped = {Path(str(f)).stem: f for f in GRIDS.iterdir() if str(f).endswith(".yaml")}
    source = shipped.get(name, Path(name).expanduser())
    if not source.is_file():
        raise ConfigError(
            f"No grid {name!r}. {did_you_mean(name, shipped)}Give a YAML file or one of {', '.join(sorted(shipped))}."
        )
    return source


def _crossed(entry: dict[str, Any]) -> Iterator[Cell]:
    """Every combination of an entry's values; a list is an axis."""
    unknown = [key for key in entry if key not in AXES]
    if unknown:
        raise ConfigError(f"unknown {', '.join(unknown)}; an entry has {', '.join(AXES)}")
    missing = [key for key in ("task", "model") if entry.get(key) is None]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} missing")
    axes = [value if isinstance(value, list) else [value] for value in entry.values()]
    for values in product(*axes):
        yield Cell(**dict(zip(entry, values, strict=True)))

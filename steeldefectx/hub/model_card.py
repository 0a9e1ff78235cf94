"""The card of a trained model, written from its run: what it is, how good, how it was made, how to use it.

Its header has the metrics as the Hub's ``model-index``, so that they show beside the card. Its words are in
``model_card.md`` beside this file, a Jinja template; here are the header, figures and tables that fill it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from scipy.stats import binomtest

from steeldefectx.data.card import CITATION
from steeldefectx.data.download import RELEASE
from steeldefectx.models.names import BACKBONES, BUILT_IN, CLASSIFIER, EMBEDDED, TINY
from steeldefectx.utils.markdown import plain, table

TEMPLATE = Path(__file__).with_name("model_card.md")
LOCAL = "local"
"""Stands in published results for a folder of the machine that it was trained on."""
PICTURE = "confusion.png"
METRICS = {
    "accuracy": "Acc",
    "mean_accuracy": "mAcc (mean recall of the classes)",
    "macro_f1": "macro F1",
    "calibration_error": "calibration error (15 bins)",
}
"""Key in the results -> its name."""
LEVELS = {
    "T0": "the class name in a template",
    "T1": "a description of the class",
    "T2": "a description of the very image, as drafted",
    "T3": "a description of the very image, corrected by people",
}
"""Text level -> what it is."""
DATA_SETS = {
    "sample": "steeldefectx sample (synthetic images)",
    "default": "copies of SteelDefectX's source data sets",
    "msd-cls": "MSD-Cls",
    "cgfsds-9": "CGFSDS-9",
}
"""Config -> its name in words, where images come from a folder."""


@dataclass(frozen=True)
class PublishedRun:
    """What a card is written from."""

    results: Mapping[str, Any]
    """As published: without local paths."""
    repo_id: str
    library: str
    """Which library's format the checkpoint has: ``transformers``, ``peft`` or ``steeldefectx``."""
    is_adapter: bool

    @property
    def name(self) -> str:
        """The repository's name without its owner."""
        return self.repo_id.split("/")[1]

    @property
    def is_classifier(self) -> bool:
        """Whether it knows classes by pixels alone."""
        return bool(self.results["method"] == CLASSIFIER)

    @property
    def is_synthetic(self) -> bool:
        """Whether its images were rendered."""
        return bool(self.results["config"] == "sample")

    @property
    def is_release(self) -> bool:
        """Whether its images are the public release's, as downloaded."""
        return self.results["config"] == "default" and self.results["recipe"]["data_dir"] is None

    @property
    def is_ours(self) -> bool:
        """Whether its weights were random at first, or the package's own."""
        return self.results["model"] in (*BUILT_IN, *BACKBONES)

    @property
    def base(self) -> str | None:
        """Hub id of the model that was adapted."""
        return self.results["model"] if self.results["model_revision"] else None


def model_card(run: PublishedRun) -> str:
    """The README.md of a model's repository."""
    results, count = run.results, run.results["n_test"]
    interval = binomtest(round(results["accuracy"] * count), count).proportion_ci(method="wilson")
    card = ModelCard.from_template(
        metadata(run),
        template_path=str(TEMPLATE),
        run=run,
        results=results,
        base=_base(run),
        dataset=_dataset(run),
        levels=LEVELS,
        score_table=_score_table(results),
        interval=f"{_percent(interval.low)} to {_percent(interval.high)}",
        class_table="\n".join(
            table(["class", "images", "recall %", "most often taken for"], class_rows(results), [1, 2])
        ),
        picture=PICTURE,
        local=LOCAL,
        recipe=yaml.safe_dump(dict(results["recipe"]), sort_keys=False, allow_unicode=True).rstrip(),
        citation=CITATION,
    )
    return f"{card}\n"


def metadata(run: PublishedRun) -> ModelCardData:
    """The card's header. A licence is named only where all that the weights hold is this project's own."""
    task, results = "image-classification" if run.is_classifier else "zero-shot-image-classification", run.results
    level = "" if run.is_classifier else ", classes by their {test_text} texts".format_map(results)
    scores = [
        EvalResult(
            task_type=task,
            dataset_type=RELEASE if run.is_release else results["config"],
            dataset_name=_dataset(run),
            dataset_split=results["evaluated_on"],
            metric_type=key,
            metric_name=name + level,
            metric_value=results[key],
        )
        for key, name in METRICS.items()
    ]
    return ModelCardData(
        language="en",
        license="mit" if run.is_synthetic and run.is_ours else None,
        library_name=run.library,
        pipeline_tag=task,
        base_model=run.base,
        base_model_relation=None if run.base is None else "adapter" if run.is_adapter else "finetune",
        datasets=[RELEASE] if run.is_release else None,
        tags=["steeldefectx", "steel", "surface-defects", "industrial-inspection"]
        + (results["method"].split("+") if run.is_adapter else [])
        + ([] if run.is_classifier else ["vision-language"])
        + (["synthetic-data"] if run.is_synthetic else []),
        model_name=run.name,
        eval_results=scores,
    )


def _dataset(run: PublishedRun) -> str:
    if run.is_release:
        return "SteelDefectX, the public release"
    return DATA_SETS.get(run.results["config"], "images of its maker, not published here")


def _base(run: PublishedRun) -> str:
    model, revision = run.results["model"], run.results["model_revision"]
    if revision:
        return f"[{model}](https://huggingface.co/{model}) (commit `{revision[:12]}`)"
    if model == EMBEDDED:
        return "`embedded`, the small CLIP of steeldefectx that was pretrained on rendered images alone"
    if model == TINY:
        return "`tiny`, the small CLIP of steeldefectx with random weights"
    if model in BACKBONES:
        return f"`{model}` with random weights"
    return "a model that is not on the Hub" + (" and lies in `base/`" if run.is_adapter else "")


def _score_table(results: Mapping[str, Any]) -> str:
    """The metrics, beside those before training where these are known."""
    before = results["before_training"] or {}
    head, rows = ["%", "trained"], [[name, _percent(results[key])] for key, name in METRICS.items()]
    if before:
        head.append("before training")
        for key, row in zip(METRICS, rows, strict=True):
            row.append(_percent(before[key]) if key in before else "")
    return "\n".join(table(head, rows, right=[1, 2]))


def class_rows(results: Mapping[str, Any]) -> list[list[Any]]:
    """Rows of a table: a class, its images, their recall, and what they are most often taken for.

    Args:
        results: With ``per_class`` and ``confusion``, as of :func:`~steeldefectx.metrics.scores.scores`.
    """
    rows = []
    for name, recall in results["per_class"].items():
        predicted = results["confusion"][name]
        wrong = {other: n for other, n in predicted.items() if other != name}
        worst = max(wrong, key=wrong.__getitem__, default=None)
        taken = "" if worst is None else f"{plain(worst)} ({wrong[worst]})"
        rows.append([plain(name), f"{sum(predicted.values()):,}", _percent(recall), taken])
    return rows


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"

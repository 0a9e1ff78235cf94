"""The card of a trained model, written from its run: what it is, how good, how it was made, how to use it.

Its header has the metrics as the Hub's ``model-index``, so that they show beside the card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCardData
from scipy.stats import binomtest

from steeldefectx.data.download import RELEASE
from steeldefectx.models.names import BACKBONES, BUILT_IN, CLASSIFIER, EMBEDDED, TINY
from steeldefectx.utils.markdown import plain, table

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
TEXT_LEVELS = {
    "T0": "the class name in a template",
    "T1": "a description of the class",
    "T2": "a description of the very image, as drafted",
    "T3": "a description of the very image, corrected by people",
}
CITATION = """\
@misc{steeldefectx,
  title = {SteelDefectX},
  note = {arXiv:2603.21824},
  url = {https://arxiv.org/abs/2603.21824}
}"""


@dataclass(frozen=True)
class Run:
    """What a card is written from."""

    results: Mapping[str, Any]
    """As published: without local paths."""
    repo_id: str
    library: str
    """Which library's format the checkpoint has: ``transformers``, ``peft`` or ``steeldefectx``."""
    is_adapter: bool

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


def model_card(run: Run) -> str:
    """The README.md of a model's repository."""
    return "\n".join(
        [
            "---",
            metadata(run).to_yaml().strip(),
            "---",
            "",
            *_head(run),
            *_use(run),
            *_results(run),
            *_training(run),
            *_limits(run),
            "## Citation",
            "",
            "```bibtex",
            CITATION,
            "```",
            "",
        ]
    )


def metadata(run: Run) -> ModelCardData:
    """The card's header. A licence is named only where all that the weights hold is this project's own."""
    task, results = "image-classification" if run.is_classifier else "zero-shot-image-classification", run.results
    level = "" if run.is_classifier else ", classes by their {test_text} texts".format_map(results)
    found = [
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
        model_name=run.repo_id.split("/")[1],
        eval_results=found,
    )


def _dataset(run: Run) -> str:
    if run.is_release:
        return "SteelDefectX, the public release"
    names = {
        "sample": "steeldefectx sample (synthetic images)",
        "default": "copies of SteelDefectX's source data sets",
        "msd-cls": "MSD-Cls",
        "cgfsds-9": "CGFSDS-9",
    }
    return names.get(run.results["config"], "images of its maker, not published here")


def _base(run: Run) -> str:
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


def _head(run: Run) -> list[str]:
    results = run.results
    kind = "An image classifier" if run.is_classifier else "A CLIP"
    words = "" if run.is_classifier else f" and {results['train_text']} texts ({TEXT_LEVELS[results['train_text']]})"
    lines = [
        f"# {run.repo_id.split('/')[1]}",
        "",
        f"{kind} that tells {len(results['classes'])} classes of surface images apart. Made of {_base(run)}, by the "
        f"method `{results['method']}`, with {results['n_train']:,} images{words} from {_dataset(run)}.",
    ]
    if run.is_synthetic:
        lines += ["", "**All images it was trained and tested on are synthetic.** "
                  "Its accuracy says nothing about photographs."]  # fmt: skip
    return [*lines, ""]


def _use(run: Run) -> list[str]:
    return [
        "## How to use",
        "",
        "With the package `steeldefectx` installed:",
        "",
        "```python",
        "from steeldefectx import SteelDefectClassifier",
        "",
        f'classifier = SteelDefectClassifier.from_pretrained("{run.repo_id}")',
        'for prediction in classifier.predict(["strip.jpg"], top_k=3):',
        "    print(prediction.labels, prediction.probabilities)",
        "```",
        "",
        "or for a folder of images:",
        "",
        "```bash",
        f"steeldefectx predict images/ --checkpoint {run.repo_id}",
        "```",
        "",
    ]


def _results(run: Run) -> list[str]:
    results, count = run.results, run.results["n_test"]
    interval = binomtest(round(results["accuracy"] * count), count).proportion_ci(method="wilson")
    split = "test split" if results["evaluated_on"] == "test" else "validation images, held out of the training split"
    level = "" if run.is_classifier else f" Each class is known by its {results['test_text']} text " \
                                         f"({TEXT_LEVELS[results['test_text']]})."  # fmt: skip
    before = results["before_training"] or {}
    rows = [[name, _percent(results[key]), _percent(before[key]) if key in before else ""]
            for key, name in METRICS.items()]  # fmt: skip
    head, right = ["%", "trained", "before training"], [1, 2]
    if not before:
        head, rows = head[:2], [row[:2] for row in rows]
    return [
        "## Results",
        "",
        f"On the {split}: {count:,} images of {_dataset(run)}. One run, seed {results['seed']}.{level}",
        "",
        *table(head, rows, right),
        "",
        f"95 % interval of Acc for so many images: {_percent(interval.low)} to {_percent(interval.high)}.",
        "",
        f"![Of 100 images of the class on the left, how many were predicted as the class below]({PICTURE})",
        "",
        *table(["class", "images", "recall %", "most often taken for"], class_rows(results), [1, 2]),
        "",
    ]


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


def _training(run: Run) -> list[str]:
    settings = yaml.safe_dump(dict(run.results["recipe"]), sort_keys=False, allow_unicode=True)
    versions = ", ".join(f"{name} {version}" for name, version in run.results["versions"].items())
    local = LOCAL in (run.results["recipe"]["data_dir"], run.results["recipe"]["model"])
    return [
        "## Training",
        "",
        "Settings, as in `recipe.yaml`, which `train.py --recipe recipe.yaml` takes"
        + (f" (`{LOCAL}` stands for a folder that is not published):" if local else ":"),
        "",
        "```yaml",
        settings.rstrip(),
        "```",
        "",
        f"{run.results['seconds']['total']:,.0f} seconds; {versions}. Data fingerprint "
        f"`{run.results['data_fingerprint'][:16]}`.",
        "",
    ]


def _limits(run: Run) -> list[str]:
    lines = [
        "Meant for research, and for sorting images like those it was trained on; a person looks before anything "
        "follows from a prediction.",
        "It names one of its classes for any image, also for a sound surface or a defect that it has never seen, "
        "unless one of the classes is for these.",
        "Other cameras, light, steel or magnification than in training lower its accuracy: measure it on images of "
        "your own, by `eval.py`, first.",
    ]
    if run.is_synthetic:
        lines.append("Trained on rendered images: for trying out the software, not for use on photographs.")
    if run.is_synthetic and run.is_ours:
        terms = "MIT: weights and images are this project's own."
    else:
        terms = "The terms of the base model and of the training images hold; this card does not change them."
    return ["## Intended use and limits", "", *(f"- {line}" for line in lines), "", "## Terms", "", terms, ""]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"

"""The parts of pages that are made of code and results, as Markdown in docs/_generated; pages include them.

Commands come from the command line's own definition, settings from the dataclasses, recipes and grids from their YAML
files, the classes from the taxonomy, figures from benchmarks/results. ``python docs/generate.py`` writes them alone.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import typer
import yaml

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGE = ROOT / "steeldefectx"


def write_all(folder: Path) -> None:
    """Write every part. A file whose text has not changed is left alone, so that Sphinx does not read it again."""
    folder.mkdir(exist_ok=True)
    for name, part in PARTS.items():
        text, file = part().rstrip() + "\n", folder / f"{name}.md"
        if not file.is_file() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")


# Markdown


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Iterable[int] = ()) -> str:
    """A Markdown table; the columns in ``numbers`` are aligned to the right."""
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return " ".join(text.split()).replace("|", "\\|") or " "


def percent(share: float) -> str:
    """A fraction in percent, with two decimals."""
    return f"{100 * share:.2f}"


def spread(shares: Sequence[float]) -> str:
    """Mean and standard deviation over seeds, in percent; of one value the value."""
    mean = percent(statistics.mean(shares))
    return f"{mean}\u00a0±\u00a0{percent(statistics.stdev(shares))}" if len(shares) > 1 else mean


def code(text: Any) -> str:
    """Text in code type."""
    return f"`{text}`"


# Command line


def commands() -> str:
    """Every ``steeldefectx`` command: what it does, its arguments and its options."""
    from steeldefectx.cli.app import app

    group = typer.main.get_command(app)
    panels: dict[str, list[str]] = defaultdict(list)
    for name, command in group.commands.items():
        panel = command.rich_help_panel if isinstance(command.rich_help_panel, str) else "Commands"
        panels[panel].append(_command(name, command))
    lines = []
    for panel, parts in panels.items():
        lines += [f"## {panel}", *sorted(parts)]
    return "\n\n".join(lines)


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden and p.name != "help"]
    shown = [_placeholder(p) if p.required else f"[{_placeholder(p)}]" for p in arguments]
    shown += [f"{p.opts[0]} {p.name.upper()}" for p in options if p.required]
    left = len([p for p in options if not p.required]) or name in SETTINGS
    usage = " ".join(["steeldefectx", name, *shown, *(["[OPTIONS]"] if left else [])])
    parts = [f"### {name}", f"```text\n{usage}\n```", _help(command.help or "")]
    rows = [[code(_placeholder(p)), _default(p), p.help] for p in arguments]
    rows += [[code(", ".join(p.opts)), _default(p), p.help] for p in options]
    if rows:
        parts.append(table(["argument or option", "default", "what it is"], rows))
    if name in SETTINGS:
        parts.append(f"Its options are in [the settings](settings.md#{name}).")
    return "\n\n".join(parts)


SETTINGS = ("train", "eval", "pretrain")
"""Commands whose options are the fields of a dataclass."""


def _placeholder(parameter: Any) -> str:
    return (parameter.metavar or parameter.name.upper()).strip("[]")


def _default(parameter: Any) -> str:
    if parameter.required:
        return "needed"
    value = parameter.default
    return "" if value in (None, False, (), []) or callable(value) else code(value)


def _help(text: str) -> str:
    """A docstring as Markdown: lines that begin with the command are examples."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text.replace("\b", "").strip()):
        if paragraph.lstrip().startswith(("steeldefectx ", "python ", "accelerate ")):
            lines = "\n".join(line.strip() for line in paragraph.splitlines())
            parts.append(f"```text\n{lines}\n```")
        else:
            parts.append(" ".join(paragraph.split()))
    return "\n\n".join(parts)


def settings() -> str:
    """The settings of training, evaluation and pretraining, from their dataclasses."""
    from steeldefectx.inference.eval_config import EvalConfig
    from steeldefectx.pretrain.config import PretrainConfig
    from steeldefectx.training.config import TrainConfig

    parts = []
    for name, config, also in (
        ("train", TrainConfig, "Also `accelerate launch -m steeldefectx.train`, and `train.py` in a checkout."),
        ("eval", EvalConfig, "Also `eval.py` in a checkout."),
        ("pretrain", PretrainConfig, "Also `python -m steeldefectx.pretrain`."),
    ):
        rows = []
        for item in fields(config):
            value = "needed" if item.default is MISSING else item.default
            choices = [str(choice) for choice in item.metadata.get("choices", ()) if choice is not None]
            text = item.metadata.get("help", "") + (f" Choices: {', '.join(map(code, choices))}." if choices else "")
            shown = value if value == "needed" else "" if value is None else code(value)
            rows.append([code(f"--{item.name.replace('_', '-')}"), shown, text])
        parts += [f"## {name}", f"`steeldefectx {name}`. {also}", table(["flag", "default", "what it is"], rows)]
    return "\n\n".join(parts)


def _yaml_files(folder: Path) -> str:
    parts = []
    for file in sorted(folder.glob("*.yaml")):
        text = file.read_text("utf-8")
        yaml.safe_load(text)
        parts += [f"## {file.stem}", f"```yaml\n{text.rstrip()}\n```"]
    return "\n\n".join(parts)


def recipes() -> str:
    """The recipes as they are in the package."""
    return _yaml_files(PACKAGE / "recipes")


def grids() -> str:
    """The benchmark's grids as they are in the package."""
    return _yaml_files(PACKAGE / "benchmark" / "grids").replace("## ", "### ")


def grid_settings() -> str:
    """What an entry of a grid may say."""
    from steeldefectx.benchmark.grid import Cell

    rows = [
        [code(f.name), "needed" if f.default is MISSING and f.default_factory is MISSING else ""] for f in fields(Cell)
    ]
    return ", ".join(f"{name}{' (needed)' if needed else ''}" for name, needed in rows)


def few_shot_methods() -> str:
    """Names of the few-shot methods."""
    from steeldefectx.methods import METHODS

    return ", ".join(map(code, METHODS)) + "."


# Data


def classes() -> str:
    """The 25 classes: looks, cause, sources."""
    from steeldefectx import taxonomy

    known = [taxonomy.find_class(name) for name in taxonomy.CLASS_NAMES]
    rows = [
        [label, each.name, each.looks, each.cause, ", ".join(f"{source} {n}" for source, n in each.released.items())]
        for label, each in enumerate(known)
    ]
    return table(
        ["label", "class", "looks like", "most likely caused by", "images in the release, by source"], rows, [0]
    )


# Results


def _read(name: str) -> Any:
    return json.loads((RESULTS / name).read_text("utf-8"))


def _lines(name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (RESULTS / name).read_text("utf-8").splitlines()]
    return [line for line in lines if line["status"] == "done"]


def embedded() -> str:
    """The embedded model on real images, from nothing to all weights."""
    measured, tuned, cells = _read("embedded.json"), _read("embedded-tuned.json"), _lines("embedded.jsonl")
    names = {"T0": "zero-shot, T0", "T1": "zero-shot, T1", "T1-ensemble": "zero-shot, several wordings of T1"}
    rows = [[label, *_scores([measured["zero_shot"][level]])] for level, label in names.items()]
    drawn: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for cell in cells:
        if cell["task"] == "task3" and cell["shots"]:
            drawn[cell["shots"], cell["method"]].append(cell)
    for (shots, method), found in sorted(drawn.items(), key=lambda item: item[0][0]):
        rows.append([f"{shots} image{'s' * (shots > 1)} a class, `{method}`", *_scores(found)])
    stages = measured["few_shot"]["8"]
    rows.append(
        [
            "8 images a class, `linear-probe` on the image tower's last two stages",
            spread(stages["accuracy"]),
            spread(stages["mean_accuracy"]) if "mean_accuracy" in stages else "",
        ]
    )
    probe = max(measured["linear_probe"].values(), key=lambda each: each["accuracy"])
    rows.append(["logistic regression on frozen features, all training images", *_scores([probe])])
    rows.append(["all weights fine-tuned, all training images", *_scores([tuned])])
    head = (
        f"Zero-shot on all {measured['images']:,} images; what is trained is tested on the test split "
        f"({tuned['n_train']:,} images to train with, {tuned['n_test']} to test). Chance is "
        f"{100 / measured['classes']:.1f} %. Values with ± are mean and standard deviation of three draws.\n\n"
    )
    return head + table(["`embedded`", "Acc %", "mAcc %"], rows, [1, 2])


def _scores(found: Sequence[dict[str, Any]]) -> list[str]:
    return [spread([each[key] for each in found]) for key in ("accuracy", "mean_accuracy")]


def carry_over() -> str:
    """How far the embedded model carries over, on what pretraining never saw."""
    models = _read("generalization.json")["models"]
    rows = dict.fromkeys(row for found in models.values() for row, value in found.items() if isinstance(value, dict))
    lines = [[row, *(found.get(row, {}).get("said", "") for found in models.values())] for row in rows]
    return table(["", *map(code, models)], lines, range(1, 1 + len(models)))


def frames() -> str:
    """Whole frames: whether and where."""
    return table(["`embedded`", ""], _read("localization.json")["figures"].items(), [1])


def trained() -> str:
    """Tasks 1 and 2 on real images, seeds together."""
    lines = [line for line in _lines("real-images.jsonl") if line["task"] in ("task1", "task2")]
    groups: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for line in lines:
        changed = line["recipe"].get("settings") or {}
        recipe = f"`{line['recipe']['recipe']}`" + "".join(f", {key} {value}" for key, value in changed.items())
        texts = " → ".join(level for level in (line["train_text"], line["test_text"]) if level)
        images = "X-SDD" if line["dataset"].endswith("X-SDD") else "NEU and X-SDD"
        groups[Path(line["model"]).name, recipe, texts, images].append(line)
    tiny = [_read(file.name) for file in sorted(RESULTS.glob("tiny-neu-xsdd-*.json"))]
    rows = [["tiny, from scratch", "`from-scratch`", "T1 → T0", "NEU and X-SDD", len(tiny), *_scores(tiny)]]
    rows += [[*key, len(found), *_scores(found)] for key, found in sorted(groups.items(), key=lambda item: item[0])]
    return table(["model", "recipe", "texts", "images", "seeds", "Acc %", "mAcc %"], rows, [4, 5, 6])


def few_shot() -> str:
    """Task 3 on real images: methods by shots."""
    lines = [line for line in _lines("real-images.jsonl") if line["task"] == "task3"]
    shots = sorted({line["shots"] for line in lines if line["shots"]})
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if line["shots"]:
            found[line["method"]][line["shots"]].append(line["accuracy"])
    rows = [[code(method), *(spread(by_shots[n]) for n in shots)] for method, by_shots in found.items()]
    zero = {line["test_text"]: percent(line["accuracy"]) for line in lines if not line["shots"]}
    head = "Zero-shot " + ", ".join(f"{accuracy} % by {level}" for level, accuracy in zero.items()) + ".\n\n"
    return head + table(["Acc %", *(f"{n} shot{'s' * (n > 1)}" for n in shots)], rows, range(1, 1 + len(shots)))


def transfer() -> str:
    """Task 4: trained on one source, tested on the other."""
    lines = [line for line in _lines("real-images.jsonl") if line["task"] == "task4"]
    rows = [[line["test_on"], f"{line['train_text']} → {line['test_text']}", *_scores([line])] for line in lines]
    return table(["tested on", "texts", "Acc %", "mAcc %"], rows, [2, 3])


def saliency() -> str:
    """How much of a map lies in the mask."""
    found = _read("saliency.json")
    rows = []
    for level, scores in found["levels"].items():
        ratio = found["energy_ratio"][level]
        energies = [scores["trained"], scores["untrained"], found["baselines"]["random"]]
        cells = [f"{100 * each['energy']:.1f}" for each in energies]
        rows.append([level, *cells, f"{ratio['to_untrained']:.2f}", f"{ratio['to_random']:.2f}"])
    head = f"{found['images']} test images with masks, {len(found['images_by_class'])} classes of NEU.\n\n"
    columns = ["texts", "trained %", "before training %", "random map %", "trained / before", "trained / random"]
    return head + table(columns, rows, range(1, 6))


def speed() -> str:
    """What the engine's shortcuts gain, on a processor, and where bf16 pays."""
    parts = []
    for name in ("bench-cpu.json", "bench-bf16.json"):
        found = _read(name)
        rows = [
            [r["what"], r["naive"], r["naive_s"], r["ours"], r["ours_s"], f"{r['ratio']:.2f}"] for r in found["rows"]
        ]
        about = found["about"]
        parts.append(f"{about['processor']}, {about['cores']} cores, torch {about['versions']['torch']}:")
        parts.append(table(["what", "naive form", "s", "here", "s", "times as fast"], rows, [2, 4, 5]))
    return "\n\n".join(parts)


def text_checks() -> str:
    """How well coverage and claims are read from texts."""
    claims, coverage = _read("claims.json"), _read("coverage.json")
    rows = []
    for name, found in claims.items():
        if isinstance(found, dict) and "recall" in found:
            alarms, recall = percent(found["false_alarms"]), percent(found["recall"])
            rows.append([name, found["true_texts"], alarms, found["planted_texts"], recall])
    claim_table = table(["texts", "true ones", "false alarms %", "with a planted error", "found %"], rows, range(1, 5))
    rows = [
        [name, found["sentences"], percent(found["rules"]["f1"]), percent(found["sub-strings"]["f1"])]
        for name, found in coverage.items()
        if isinstance(found, dict) and "rules" in found
    ]
    coverage_table = table(["sentences", "how many", "F1 %", "F1 % of searching for words"], rows, range(1, 4))
    return f"{claim_table}\n\nWhich of shape, size, depth, location and contrast a sentence states:\n\n{coverage_table}"


def published() -> str:
    """Numbers that others have published, as the benchmark's report sets them beside ours."""
    from steeldefectx.benchmark.report.published import PUBLISHED

    rows = []
    for number in PUBLISHED:
        mean = "" if number.mean_accuracy is None else percent(number.mean_accuracy)
        texts = " → ".join(level for level in (number.train_text, number.test_text) if level)
        accuracy = ("about " if number.approximate else "") + percent(number.accuracy)
        what = " ".join(map(str, filter(None, [number.method, number.shots and f"{number.shots} shots"])))
        rows.append([number.task, number.model, what, texts, number.target, accuracy, mean, number.source])
    return table(["task", "model", "method", "texts", "data", "Acc %", "mAcc %", "source"], rows, [5, 6])


def changelog() -> str:
    """CHANGELOG.md without its title."""
    return _of_the_checkout("CHANGELOG.md")


def contributing() -> str:
    """CONTRIBUTING.md without its title."""
    return _of_the_checkout("CONTRIBUTING.md")


def _of_the_checkout(name: str) -> str:
    """A file beside docs/ without its title, its links as from a page in docs/."""
    return re.sub(r"\A# .*\n", "", (ROOT / name).read_text("utf-8")).replace("](docs/", "](")


def layouts() -> str:
    """The layouts of one's own images, with an example and the command of each."""
    from steeldefectx.data.sources.layouts.choose import LAYOUTS
    from steeldefectx.taxonomy import GC10, NEU, S3D, X_SDD

    published = f"{NEU}, {GC10}, {X_SDD}, {S3D}, the public release, in any mix"
    known = "raw/NEU-DET/images/crazing/crazing_1.jpg\nraw/X-SDD/red iron/1.jpg\nraw/GC10-DET/lable/img_01.xml"
    rows = [(published, "", _tree(known), code("steeldefectx look raw/"))]
    for layout in LAYOUTS:
        tops = {line.split("/")[0] for line in layout.tree.splitlines()}
        folder = tops.pop() if len(tops) == 1 else "my_images"
        rows.append((layout.title, code(layout.name), _tree(layout.tree), code(f"steeldefectx look {folder}/")))
    return table(["layout", "`--layout`", "looks like", "command"], rows)


def _tree(lines: str) -> str:
    return "<br>".join(map(code, lines.splitlines()))


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part
    for part in (
        commands, settings, recipes, grids, grid_settings, few_shot_methods, classes, embedded, carry_over,
        frames, trained, few_shot, transfer, saliency, speed, text_checks, published, layouts, changelog, contributing,
    )
}  # fmt: skip

if __name__ == "__main__":
    write_all(Path(__file__).parent / "_generated")
